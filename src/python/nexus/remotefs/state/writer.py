"""The writing end of a journal: what is appended waits here, and is written together.

Nothing that is not synced need be on the disk, so records wait, and so does a compaction.  When
they are written out, the disk gets what it would hold if each had been written at once; only what
no reader can see in between is left out: writes of one sector again and again, flushes between
records of which none is acknowledged, and all compactions but the last.

A *leg* is a stretch of work in one region.  The first goes on behind what the disk holds; a
second one begins with a snapshot in the other region.  Within the first stands a flush before
every mark; the second needs none, for nothing of it counts before the superblock says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from nexus.remotefs.state.block import SECTOR_BYTES, BlockDevice, DeviceError
from nexus.remotefs.state.contents import Contents
from nexus.remotefs.state.mount import Mount, stale_sector, window_sectors
from nexus.remotefs.state.record import (
    OVERHEAD_BYTES,
    SYNC_BYTES,
    Op,
    encode,
    encode_checkpoint,
    encode_put,
)
from nexus.remotefs.state.replay import RECORDS_MAX, read_window, sectors_for
from nexus.remotefs.state.superblock import Region, Superblock, regions

# The bytes of a leg that may wait: sixteen times those that may be written without a flush.
WAITING_BYTES_MAX: Final = 1 << 20
_ZERO_SECTORS: Final = 256


# Operation, key, value.  Encoded when written: of many that wait few are ever written.
Waiting = tuple[Op, bytes, bytes]


@dataclass(slots=True)
class Leg:
    """A stretch of the journal that waits."""

    region: Region
    superblock: Superblock | None = None
    entries: dict[str, bytes] = field(default_factory=dict)  # The snapshot it begins with,
    calls: list[bytes] = field(default_factory=list)  # and the values of calls behind them.
    pieces: list[list[Waiting]] = field(default_factory=lambda: [[]])  # Between: a flush.

    def encode(self) -> bytes:
        """Return the snapshot and the records behind it."""
        assert self.superblock is not None
        head = encode_checkpoint(self.superblock.generation, self.superblock.entries)
        puts = [encode_put(key.encode(), self.entries[key]) for key in sorted(self.entries)]
        calls = [encode(Op.CALL, b"", value) for value in self.calls]
        return b"".join((head.encode(), *puts, *calls, *map(_encode_all, self.pieces)))


class Writer:
    """The end of a journal.  `region`, `superblock`, `end` and `records` are as if none waited."""

    def __init__(self, device: BlockDevice, found: Mount) -> None:
        """Go on behind what was found; nothing is written yet."""
        self.region: Region = found.region
        self.superblock: Superblock | None = found.superblock
        self.end = found.end
        self.records = found.records
        self.has_failed = False
        self._room = found.region.bytes
        self._device = device
        self._found = found
        self._is_clean = False  # Behind the end are zeros, for sure.
        self._is_unflushed = True  # The replayed records may have been read from a cache.
        # The disk as it is: the journal in force, its end, and the part of a sector before it.
        self._current: Region = found.region
        self._chosen: Superblock | None = found.superblock
        self._written = found.end
        self._tail = found.tail
        # How many sectors of the idle region may hold anything but zeros; None is not known.
        self._used: int | None = None
        self._legs = [Leg(found.region)]
        self._piece = self._legs[0].pieces[0]
        self._waiting = 0

    def fits(self, size: int) -> bool:
        """Say whether a record has room; one more stays free for the mark of the last sync."""
        return self.end + size <= self._room and self.records + 2 < RECORDS_MAX

    def append(self, op: Op, key: bytes, value: bytes, size: int) -> None:
        """Add a record.  Raises DeviceError if too much waits and the disk does not take it."""
        if self._waiting + size > WAITING_BYTES_MAX:
            self.write_out()
        self._piece.append((op, key, value))
        self._waiting += size
        self.end += size
        self.records += 1

    def take_back(self) -> int:
        """Forget the last record, which the disk did not take; return its size in bytes."""
        _, key, value = self._piece.pop()
        size = OVERHEAD_BYTES + len(key) + len(value)
        self._waiting -= size
        self.end -= size
        self.records -= 1
        return size

    def mark(self) -> None:
        """Have a flush here, and a SYNC mark behind it if there is room."""
        self._piece = []
        self._legs[-1].pieces.append(self._piece)
        self.append_mark()

    def append_mark(self) -> bool:
        """Say here that all before is durable; False if there is no room."""
        size = len(SYNC_BYTES)
        if not self.fits(size):
            return False
        self.append(Op.SYNC, b"", b"", size)
        return True

    @property
    def target(self) -> int:
        """The region for a snapshot: the one that is not in force on the disk."""
        return 1 - self._chosen.active if self._chosen else 1

    def switch(self, contents: Contents) -> None:
        """Go on behind a snapshot in the other region; one that waits there is replaced."""
        pair = regions(self._device.sectors)
        assert pair is not None
        generation = self._chosen.generation if self._chosen else 0
        entries = dict(contents.entries)
        chosen = Superblock(self.target, (generation + 1) & 0xFFFF_FFFF, len(entries))
        calls = list(contents.calls.snapshot(sorted(entries), contents.owners))
        leg = Leg(pair[self.target], chosen, entries, calls)
        first, *later = self._legs
        if later:
            first.pieces = [[]]  # It is not in force for long, and much of it may wait.
        self._legs = [first, leg]
        self._piece, self._waiting = leg.pieces[0], 0
        self.region, self.superblock = leg.region, chosen
        self._room = leg.region.bytes
        self.end, self.records = contents.live_bytes, 1 + len(entries) + len(calls)

    def write_out(self) -> None:
        """Give the disk all that waits.  The last records are not flushed.  Raises DeviceError."""
        first, *later = self._legs
        try:
            self.clean()
            if later:
                self._change_over(first, later[0])
            else:
                self._extend(first)
        except DeviceError:
            self._is_clean = False
            # It is not known which of the two regions is in force: neither may be written to.
            self.has_failed |= bool(later)
            raise
        self._legs = [Leg(self.region)]
        self._piece = self._legs[0].pieces[0]
        self._waiting = 0

    def make_durable(self) -> None:
        """Write out, and wait for the disk.  Raises DeviceError."""
        self.write_out()
        if self._is_unflushed:
            self._flush()

    def clean(self) -> None:
        """Clear what a cut or a failed write left behind the end.  Raises DeviceError."""
        if self._is_clean:
            return
        changed = False
        first = self._written // SECTOR_BYTES
        window = read_window(self._device, self._current, first, window_sectors())
        wanted = self._tail.ljust(len(window), b"\0")
        if window != wanted:
            self._device.write(self._current.start + first, wanted)
            changed = True
        if self._found.is_superblock_lost and self._chosen is not None:
            self._device.write(0, _sector_of(self._chosen))
            self._found.is_superblock_lost = False
            changed = True
        stale = stale_sector(self._device, self._chosen, self._written)
        if stale is not None:
            self._device.write(stale, bytes(SECTOR_BYTES))
            changed = True
        if changed:
            self._flush()
        self._is_clean = True

    def _flush(self) -> None:
        try:
            self._device.flush()
        except DeviceError:
            # A later flush would not bring what a failed flush dropped: never trust the disk again.
            self.has_failed = True
            raise
        self._is_unflushed = False

    def _extend(self, leg: Leg) -> None:
        """Write the records of a leg behind what the disk holds, piece by piece."""
        while True:
            self._put(_encode_all(leg.pieces[0]))
            leg.pieces[0].clear()
            if len(leg.pieces) == 1:
                return
            self._flush()
            del leg.pieces[0]

    def _put(self, data: bytes) -> None:
        """Write whole sectors: the last one again, then the records, then zeros."""
        if not data:
            return
        first = self._written // SECTOR_BYTES
        content = self._tail + data
        sectors = sectors_for(len(content))
        is_even = len(content) % SECTOR_BYTES == 0
        if is_even and first + sectors < self._current.sectors:
            sectors += 1
        padded = content.ljust(sectors * SECTOR_BYTES, b"\0")
        self._is_unflushed = True
        self._device.write(self._current.start + first, padded)
        self._written += len(data)
        self._tail = content[len(content) - self._written % SECTOR_BYTES :]

    def _change_over(self, first: Leg, leg: Leg) -> None:
        """Write a leg, make it durable, then let the superblock say so."""
        chosen = leg.superblock
        assert chosen is not None
        data = self._lay_down(leg)
        self._flush()
        self._device.write(0, _sector_of(chosen))
        self._flush()
        # It does not count any more, and is written for the sake of equal disks.
        self._finish(b"".join(map(_encode_all, first.pieces)))
        self._current, self._chosen = leg.region, chosen
        self._written = len(data)
        self._tail = data[len(data) - len(data) % SECTOR_BYTES :]

    def _lay_down(self, leg: Leg) -> bytes:
        """Write a leg to its region, and zeros as far as that may hold anything."""
        assert leg.superblock is not None
        data = leg.encode()
        used = sectors_for(len(data))
        self._device.write(leg.region.start, data.ljust(used * SECTOR_BYTES, b"\0"))
        most = leg.region.sectors if self._used is None else self._used
        self._zero(leg.region, used, min(leg.region.sectors, max(most, used + 1)))
        return data

    def _finish(self, data: bytes) -> None:
        """Write the end of the journal that is no longer in force."""
        first = self._written // SECTOR_BYTES
        end = self._written + len(data)
        # The sector after the last may be the zeroed one of a record that ended on the boundary.
        self._used = sectors_for(end) + 1
        if not data:
            return
        content = (self._tail + data).ljust((sectors_for(end) - first) * SECTOR_BYTES, b"\0")
        # A journal of version 1 began where the superblock is now.
        skipped = 1 if self._current.start + first == 0 else 0
        where = self._current.start + first + skipped
        self._device.write(where, content[skipped * SECTOR_BYTES :])

    def _zero(self, region: Region, start: int, stop: int) -> None:
        """Have zeros; where they are already, nothing is written."""
        for sector in range(start, stop, _ZERO_SECTORS):
            count = min(_ZERO_SECTORS, stop - sector)
            zeros = bytes(count * SECTOR_BYTES)
            if self._device.read(region.start + sector, count) != zeros:
                self._device.write(region.start + sector, zeros)


def _sector_of(chosen: Superblock) -> bytes:
    return chosen.encode().ljust(SECTOR_BYTES, b"\0")


def _encode_all(piece: list[Waiting]) -> bytes:
    return b"".join(
        [
            encode_put(key, value) if op is Op.PUT else encode(op, key, value)
            for op, key, value in piece
        ]
    )
