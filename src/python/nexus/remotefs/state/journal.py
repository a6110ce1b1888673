"""The journal of an open store: records are appended, made durable, and compacted.

It knows what is live, to say when a compaction pays and whether it has room; it changes none of it.

Rules of this file
1. The end of the journal waits in nexus.remotefs.state.writer until `sync`, or until much waits.
2. Everything behind the end of the journal is zero, except for what at most WINDOW_BYTES of writes
   without a flush may have left there before a cut.  The first mutation after opening clears it,
   so that no record of another life can continue the journal.
3. Behind every flush stands a SYNC mark.  A mark behind damage proves that the damage was once
   durable: such a journal is never written to again, only read as far as it goes.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from nexus.contract import journal as contract
from nexus.remotefs.state.block import SECTOR_BYTES, BlockDevice, DeviceError
from nexus.remotefs.state.contents import Contents
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.mount import WINDOW_BYTES
from nexus.remotefs.state.record import Op
from nexus.remotefs.state.replay import sectors_for
from nexus.remotefs.state.superblock import regions
from nexus.remotefs.state.writer import Writer
from nexus.wire.state import Status

# Compaction pays when the journal is at least this long, and twice what it would come to.
COMPACT_BYTES_MIN: Final = contract.COMPACT_BYTES_MIN
COMPACT_RATIO: Final = 2
COMPACT_ENTRIES_MAX: Final = contract.COMPACT_ENTRIES_MAX


class OpenJournal:
    """The journal of one store; `replay` has the one that was found on its disk."""

    def __init__(
        self, device: BlockDevice, damage: str | None, contents: Contents, writer: Writer
    ) -> None:
        """Go on behind what was found on the disk; nothing is written yet.

        Args:
            device: The disk.
            damage: The reason why nothing may be written; None is a journal in order.
            contents: What is live; the owner changes it.
            writer: The end of the journal.
        """
        self._device = device
        self._damage = damage
        self._contents = contents
        self._writer = writer
        self._is_dirty = True  # The replayed records may have been read from a cache.
        self._unmarked = 0  # Bytes of records since the last mark.

    def append(self, op: Op, key: bytes, value: bytes, size: int) -> None:
        """Have a record in the journal; its caller then applies it.

        Args:
            op: The operation.
            key: The encoded key.
            value: The value.
            size: The length of the record, in bytes.

        Raises:
            StateError: the journal has no room for it, is damaged, or the disk fails.
        """
        writer = self._writer
        if writer.has_failed or self._damage is not None:
            self._check_writable()
        is_long = writer.end >= COMPACT_BYTES_MIN
        is_due = is_long and writer.end >= COMPACT_RATIO * self._contents.live_bytes
        if is_due or (writer.superblock is None and self._would_strand(size)):
            self._switch()
        if not self.make_room(size):
            raise self._no_room(size)
        if self._unmarked and self._unmarked + size > WINDOW_BYTES:
            writer.mark()
            self._unmarked = 0
            if not writer.fits(size):
                raise self._no_room(size)
        try:
            writer.append(op, key, value, size)
        except DeviceError as exc:
            raise StateError(Status.IO_ERROR, str(exc)) from exc
        self._unmarked += size
        self._is_dirty = True

    def take_back(self) -> None:
        """Forget the last record, unless the disk may have it."""
        if not self._writer.has_failed:
            self._unmarked -= self._writer.take_back()

    def make_room(self, size: int) -> bool:
        """Say whether so many bytes have room, if need be behind a snapshot of what is live."""
        return self._writer.fits(size) or (self._switch() and self._writer.fits(size))

    def sync(self) -> None:
        """Return when everything appended survives a cut.

        Raises:
            StateError: the disk fails, or the journal is damaged.
        """
        if not self._is_dirty:
            return
        self._check_writable()
        try:
            self._writer.make_durable()
        except DeviceError as exc:
            raise StateError(Status.IO_ERROR, str(exc)) from exc
        self._is_dirty = False
        # The mark is a help, what was synced is there; it waits if the disk does not take it.
        with suppress(DeviceError):
            if self._unmarked and self._writer.append_mark():
                self._unmarked = 0
                self._writer.write_out()

    def write_out(self) -> None:
        """Give the disk what waits, without waiting for it; raises as `sync`."""
        self._check_writable()
        try:
            self._writer.write_out()
        except DeviceError as exc:
            raise StateError(Status.IO_ERROR, str(exc)) from exc

    def settle(self) -> None:
        """Clear what a cut left behind the end; raises as `sync`."""
        self._check_writable()
        try:
            self._writer.clean()
        except DeviceError as exc:
            raise StateError(Status.IO_ERROR, str(exc)) from exc

    def compact(self) -> bool:
        """Write what is live to the idle region and switch; False where that is impossible."""
        self._check_writable()
        if not self._switch():
            return False
        self.write_out()
        self._is_dirty = False
        return True

    def _check_writable(self) -> None:
        if self._damage is not None:
            raise StateError(Status.INTEGRITY_VIOLATION, self._damage)
        if self._writer.has_failed:
            raise StateError(Status.IO_ERROR, "the disk failed before; open it again")

    def _can_compact(self) -> bool:
        """Say whether what is live fits the idle region with a zero sector behind."""
        pair = regions(self._device.sectors)
        contents = self._contents
        if pair is None or contents.open or len(contents.entries) > COMPACT_ENTRIES_MAX:
            return False
        writer = self._writer
        if writer.superblock is None and writer.end > pair[1].start * SECTOR_BYTES:
            return False  # The one journal of version 1 reaches into region B.
        return sectors_for(contents.live_bytes) + 1 <= pair[writer.target].sectors

    def _would_strand(self, size: int) -> bool:
        """Say whether the one journal of version 1 would reach into region B.

        There it can never be compacted, and is once full for good; only where what is live has no
        room in a region it has to.
        """
        pair = regions(self._device.sectors)
        if pair is None:
            return False
        end, most = self._writer.end, pair[1].start * SECTOR_BYTES
        return end <= most < end + size and self._contents.live_bytes + size <= pair[1].bytes

    def _switch(self) -> bool:
        """Go on behind a snapshot in the other region, once that is written out."""
        if not self._can_compact():
            return False
        self._writer.switch(self._contents)
        self._unmarked = 0
        self._is_dirty = True
        return True

    def _no_room(self, size: int) -> StateError:
        # An open transaction keeps the journal from being compacted.
        advice = "end the open transactions" if self._contents.open else "remove keys"
        text = f"the disk has no room for a record of {size} bytes; {advice} first"
        return StateError(Status.IO_ERROR, text)
