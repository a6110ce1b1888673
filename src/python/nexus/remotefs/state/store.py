"""The state store: a map of keys to values in a journal on a disk that may lose power.

What it promises: after a cut at any moment the disk holds the state after some whole number of
the operations issued, none of them before the last `sync` that returned missing.

Rules of this file
1. A record is on the disk before it is in memory; a refused operation changes neither.
2. Everything behind the end of the journal is zero, but for what at most WINDOW_BYTES of writes
   without a flush may have left there before a cut.  The first mutation after opening clears it,
   so that no record of another life can continue the journal.
3. Behind every flush stands a SYNC mark.  A mark behind damage proves that the damage was once
   durable: such a journal is never written to again, only read as far as it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nexus.core.errors import NexusError
from nexus.remotefs.state.block import SECTOR_BYTES, BlockDevice, DeviceError
from nexus.remotefs.state.contents import TXNS_MAX
from nexus.remotefs.state.mount import WINDOW_BYTES, Mount, mount, stale_sector, window_sectors
from nexus.remotefs.state.record import (
    KEY_BYTES_MAX,
    SYNC_BYTES,
    VALUE_BYTES_MAX,
    Op,
    Record,
    encode_checkpoint,
    encode_id,
)
from nexus.remotefs.state.replay import RECORDS_MAX, read_window, sectors_for
from nexus.remotefs.state.superblock import Region, Superblock, regions
from nexus.wire.state import Status

# Compaction pays when the journal is at least this long, and twice what it would come to.
COMPACT_BYTES_MIN: Final = 8_192
COMPACT_RATIO: Final = 2
COMPACT_ENTRIES_MAX: Final = 8_192
_ZERO_SECTORS: Final = 256
_TXN_MAX: Final = (1 << 64) - 1


class StateError(NexusError):
    """The store refuses or fails; `status` is what a client is told."""

    def __init__(self, status: Status, detail: str = "") -> None:
        """Join the status and what a person wants to know."""
        self.status = status
        super().__init__(f"{status.name.lower()}: {detail}" if detail else status.name.lower())


class Store:
    """An open store.  One owner at a time."""

    def __init__(self, device: BlockDevice) -> None:
        """Replay what the disk holds; nothing is written before the first mutation.

        Raises:
            StateError: INTEGRITY_VIOLATION where no journal can be told, IO_ERROR where the
                disk fails.
        """
        self._device = device
        try:
            self._mount: Mount = mount(device)
        except DeviceError as exc:
            raise StateError(Status.IO_ERROR, str(exc)) from exc
        if self._mount.contents is None:
            raise StateError(Status.INTEGRITY_VIOLATION, self._mount.damage or "")
        self._contents = self._mount.contents
        self._region: Region = self._mount.region
        self._superblock: Superblock | None = self._mount.superblock
        self._end = self._mount.end
        self._records = self._mount.records
        self._tail = self._mount.tail
        self._is_clean = False  # Rule 2 holds for sure.
        self._is_dirty = True  # What was replayed may have been read from a cache.
        self._unmarked = 0  # Bytes of records since the last mark.
        self._has_failed = False
        self._other_sectors: int | None = None  # How much the idle region may hold.

    @property
    def damage(self) -> str | None:
        """Why nothing can be written; None is a store in order."""
        return self._mount.damage

    @property
    def open_transactions(self) -> Sequence[int]:
        """Return the ids of transactions neither committed nor aborted, as they were begun."""
        return tuple(self._contents.open)

    @property
    def generation(self) -> int:
        """How often the journal was compacted."""
        return self._superblock.generation if self._superblock else 0

    @property
    def journal_bytes(self) -> int:
        """How long the journal is."""
        return self._end

    def snapshot(self) -> dict[str, bytes]:
        """Return a copy of all entries."""
        return dict(self._contents.entries)

    def get(self, key: str) -> bytes | None:
        """Return a value; None is no such key."""
        return self._contents.entries.get(key)

    def list_keys(self, prefix: str, limit: int) -> Sequence[str]:
        """Return the first `limit` keys that begin with a prefix, in order."""
        found = [key for key in self._contents.entries if key.startswith(prefix)]
        return sorted(found)[:limit]

    def put(self, key: str, value: bytes) -> None:
        """Set a value."""
        _check_key(key)
        if len(value) > VALUE_BYTES_MAX:
            raise StateError(Status.VALUE_TOO_LARGE, f"{len(value)} bytes")
        self._change(Record(Op.PUT, key, value))

    def delete(self, key: str) -> bool:
        """Remove a key; False is that there was none, and nothing was written."""
        _check_key(key)
        if key not in self._contents.entries:
            return False
        self._change(Record(Op.DELETE, key))
        return True

    def begin(self) -> int:
        """Open a transaction, return its id."""
        txn = self._contents.next_id
        if len(self._contents.open) >= TXNS_MAX or txn >= _TXN_MAX:
            raise StateError(Status.TXN_LIMIT, f"{len(self._contents.open)} are open")
        self._change(Record(Op.PREPARE, "", encode_id(txn)))
        return txn

    def put_chunk(self, txn: int, key: str, chunk: bytes) -> None:
        """Add to a value of a transaction: chunks of one key are joined."""
        _check_key(key)
        status = self._contents.check_chunk(txn, key, chunk)
        if status is not Status.OK:
            raise StateError(status, f"transaction {txn}")
        self._change(Record(Op.PAYLOAD, key, encode_id(txn) + chunk))

    def commit(self, txn: int) -> None:
        """Make all values of a transaction visible at once."""
        self._finish(Op.COMMIT, txn)

    def abort(self, txn: int) -> None:
        """Forget a transaction."""
        self._finish(Op.ABORT, txn)

    def sync(self) -> None:
        """Return when everything done before survives a cut."""
        if not self._is_dirty:
            return
        self._flush()
        self._is_dirty = False
        if self._unmarked and self._fits(len(SYNC_BYTES)):
            self._unmarked = 0
            try:
                self._append(SYNC_BYTES, 1)
            except DeviceError:
                self._is_clean = False  # The mark is a help, what was synced is there.

    def settle(self) -> None:
        """Clear what a cut left, without changing an entry."""
        self._check_writable()
        try:
            self._clean()
        except DeviceError as exc:
            raise StateError(Status.IO_ERROR, str(exc)) from exc

    def compact(self) -> bool:
        """Write what is live to the idle region and switch; False where that is impossible."""
        self._check_writable()
        target = self._compact_target()
        if target is None:
            return False
        try:
            self._clean()
            self._switch(*target)
        except DeviceError as exc:
            # Which superblock the disk holds is unknown: nothing may be appended to either.
            self._has_failed = True
            raise StateError(Status.IO_ERROR, str(exc)) from exc
        return True

    def _finish(self, op: Op, txn: int) -> None:
        if txn not in self._contents.open:
            raise StateError(Status.NOT_FOUND, f"transaction {txn}")
        self._change(Record(op, "", encode_id(txn)))

    def _change(self, record: Record) -> None:
        """Append one record, then apply it."""
        self._check_writable()
        data = record.encode()
        if self._is_worth_compacting() or not self._fits(len(data)):
            self.compact()
        if not self._fits(len(data)):
            raise StateError(Status.IO_ERROR, f"no room for {len(data)} bytes")
        if self._unmarked and self._unmarked + len(data) > WINDOW_BYTES:
            self.sync()
            if not self._fits(len(data)):
                raise StateError(Status.IO_ERROR, f"no room for {len(data)} bytes")
        try:
            self._clean()
            self._append(data, 1)
        except DeviceError as exc:
            self._is_clean = False
            raise StateError(Status.IO_ERROR, str(exc)) from exc
        self._contents.apply(record)
        self._unmarked += len(data)
        self._is_dirty = True

    def _check_writable(self) -> None:
        if self.damage is not None:
            raise StateError(Status.INTEGRITY_VIOLATION, self.damage)
        if self._has_failed:
            raise StateError(Status.IO_ERROR, "the disk failed before; open it again")

    def _fits(self, size: int) -> bool:
        # One record stays free for the mark of the last sync.
        return self._end + size <= self._region.bytes and self._records + 2 < RECORDS_MAX

    def _append(self, data: bytes, records: int) -> None:
        """Write whole sectors: the last one again, then the record, then zeros."""
        first = self._end // SECTOR_BYTES
        content = self._tail + data
        end = self._end + len(data)
        sectors = sectors_for(len(content))
        is_even = len(content) % SECTOR_BYTES == 0
        if is_even and first + sectors < self._region.sectors:
            sectors += 1
        self._device.write(self._region.start + first, content.ljust(sectors * SECTOR_BYTES, b"\0"))
        self._tail = content[len(content) - end % SECTOR_BYTES :]
        self._end = end
        self._records += records

    def _clean(self) -> None:
        """Establish rule 2 after opening and after a failed write."""
        if self._is_clean:
            return
        changed = False
        first = self._end // SECTOR_BYTES
        window = read_window(self._device, self._region, first, window_sectors())
        wanted = self._tail.ljust(len(window), b"\0")
        if window != wanted:
            self._device.write(self._region.start + first, wanted)
            changed = True
        if self._mount.is_superblock_lost and self._superblock is not None:
            self._device.write(0, self._superblock.encode().ljust(SECTOR_BYTES, b"\0"))
            self._mount.is_superblock_lost = False
            changed = True
        stale = stale_sector(self._device, self._superblock, self._end)
        if stale is not None:
            self._device.write(stale, bytes(SECTOR_BYTES))
            changed = True
        if changed:
            self._flush()
        self._is_clean = True

    def _flush(self) -> None:
        self._check_writable()
        try:
            self._device.flush()
        except DeviceError as exc:
            # What a failed flush dropped, a later one would not bring: never trust it again.
            self._has_failed = True
            raise StateError(Status.IO_ERROR, str(exc)) from exc

    def _is_worth_compacting(self) -> bool:
        return (
            self._end >= COMPACT_BYTES_MIN
            and self._end >= COMPACT_RATIO * self._contents.live_bytes
            and self._compact_target() is not None
        )

    def _compact_target(self) -> tuple[int, Region] | None:
        """Return the idle region, if what is live fits it with a zero sector behind."""
        pair = regions(self._device.sectors)
        contents = self._contents
        if pair is None or contents.open or len(contents.entries) > COMPACT_ENTRIES_MAX:
            return None
        index = 1 - self._superblock.active if self._superblock else 1
        if self._superblock is None and self._end > pair[1].start * SECTOR_BYTES:
            return None  # The one journal of version 1 reaches into region B.
        if sectors_for(contents.live_bytes) + 1 > pair[index].sectors:
            return None
        return index, pair[index]

    def _switch(self, index: int, region: Region) -> None:
        """Write the snapshot, make it durable, then let the superblock say so."""
        entries = self._contents.entries
        chosen = Superblock(index, (self.generation + 1) & 0xFFFF_FFFF, len(entries))
        head = encode_checkpoint(chosen.generation, chosen.entries)
        puts = (Record(Op.PUT, key, entries[key]).encode() for key in sorted(entries))
        data = head.encode() + b"".join(puts)
        assert len(data) == self._contents.live_bytes, f"{len(data)} bytes"
        used = sectors_for(len(data))
        self._device.write(region.start, data.ljust(used * SECTOR_BYTES, b"\0"))
        most = region.sectors if self._other_sectors is None else self._other_sectors
        self._zero(region, used, min(region.sectors, max(most, used + 1)))
        self._flush()
        self._device.write(0, chosen.encode().ljust(SECTOR_BYTES, b"\0"))
        self._flush()
        # The sector after the last may be the zeroed one of a record that ended on the boundary.
        self._other_sectors = sectors_for(self._end) + 1
        self._superblock, self._region = chosen, region
        self._end, self._records = len(data), 1 + len(entries)
        self._tail = data[len(data) - len(data) % SECTOR_BYTES :]
        self._is_dirty, self._unmarked = False, 0

    def _zero(self, region: Region, start: int, stop: int) -> None:
        for sector in range(start, stop, _ZERO_SECTORS):
            count = min(_ZERO_SECTORS, stop - sector)
            self._device.write(region.start + sector, bytes(count * SECTOR_BYTES))


def _check_key(key: str) -> None:
    length = len(key.encode())
    if length == 0:
        raise StateError(Status.INVALID_KEY, "empty key")
    if length > KEY_BYTES_MAX:
        raise StateError(Status.KEY_TOO_LONG, f"{length} bytes, accepted are 1..{KEY_BYTES_MAX}")
