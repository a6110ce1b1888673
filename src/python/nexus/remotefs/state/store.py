"""The state store: a map of keys to values in a journal on a disk that may lose power.

What it promises: after a cut at any moment the disk holds the state after some whole number of
the operations issued, none of them before the last `sync` that returned missing.

Rules of this file
1. A record is in the journal before it is in memory; a refused operation changes neither.  The
   end of the journal waits in nexus.remotefs.state.writer until `sync`, or until much waits.
2. Everything behind the end of the journal is zero, except for what at most WINDOW_BYTES of writes
   without a flush may have left there before a cut.  The first mutation after opening clears it,
   so that no record of another life can continue the journal.
3. Behind every flush stands a SYNC mark.  A mark behind damage proves that the damage was once
   durable: such a journal is never written to again, only read as far as it goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from heapq import nsmallest
from typing import Final

from nexus.contract import journal
from nexus.core.errors import NexusError
from nexus.remotefs.state.block import SECTOR_BYTES, BlockDevice, DeviceError
from nexus.remotefs.state.call import PREFIX_BYTES_MAX as CALL_PREFIX_BYTES_MAX
from nexus.remotefs.state.call import Call, CallValue, Kind
from nexus.remotefs.state.calls import Known
from nexus.remotefs.state.contents import TXNS_MAX, Contents
from nexus.remotefs.state.mount import WINDOW_BYTES, Mount, mount
from nexus.remotefs.state.record import (
    CHUNK_BYTES_MAX,
    KEY_BYTES_MAX,
    OVERHEAD_BYTES,
    VALUE_BYTES_MAX,
    Op,
    Record,
    encode_id,
)
from nexus.remotefs.state.replay import sectors_for
from nexus.remotefs.state.share import capacity_of
from nexus.remotefs.state.superblock import regions
from nexus.remotefs.state.writer import Writer
from nexus.wire.state import Status

# Compaction pays when the journal is at least this long, and twice what it would come to.
COMPACT_BYTES_MIN: Final = journal.COMPACT_BYTES_MIN
COMPACT_RATIO: Final = 2
COMPACT_ENTRIES_MAX: Final = journal.COMPACT_ENTRIES_MAX
_TXN_MAX: Final = (1 << 64) - 1


class StateError(NexusError):
    """The store refuses or fails; `status` is the answer to a client."""

    def __init__(self, status: Status, detail: str = "") -> None:
        """Join the status and what a person wants to know."""
        self.status = status
        super().__init__(f"{status.name.lower()}: {detail}" if detail else status.name.lower())


class Store:
    """An open store.  One owner at a time."""

    def __init__(self, device: BlockDevice) -> None:
        """Replay what the disk holds; nothing is written before the first mutation.

        Raises:
            StateError: INTEGRITY_VIOLATION where no journal is recognized, IO_ERROR where the
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
        self._writer = Writer(device, self._mount)
        self._is_dirty = True  # The replayed records may have been read from a cache.
        self._unmarked = 0  # Bytes of records since the last mark.

    @property
    def damage(self) -> str | None:
        """The reason why nothing can be written; None is a store in order."""
        return self._mount.damage

    @property
    def open_transactions(self) -> Sequence[int]:
        """Return the ids of transactions neither committed nor aborted, as they were begun."""
        return tuple(self._contents.open)

    @property
    def contents(self) -> Contents:
        """The contents of the journal; for reading."""
        return self._contents

    @property
    def room_bytes(self) -> int:
        """The room of entries, less the last sector and the memory of peers' calls."""
        pair = regions(self._device.sectors)
        journal = self._writer.region.bytes
        capacity = capacity_of(pair[0].bytes if pair else journal, journal)
        return capacity - SECTOR_BYTES - self._contents.calls.measure(OVERHEAD_BYTES)[1]

    @property
    def generation(self) -> int:
        """The number of compactions of the journal."""
        return self._writer.superblock.generation if self._writer.superblock else 0

    @property
    def journal_bytes(self) -> int:
        """The length of the journal, in bytes."""
        return self._writer.end

    def snapshot(self) -> dict[str, bytes]:
        """Return a copy of all entries."""
        return dict(self._contents.entries)

    def get(self, key: str) -> bytes | None:
        """Return a value; None if there is no such key."""
        return self._contents.entries.get(key)

    def list_keys(self, prefix: str, limit: int, after: str = "") -> Sequence[str]:
        """Return the first `limit` keys behind `after` that begin with a prefix, in order."""
        keys = self._contents.entries
        return nsmallest(limit, (k for k in keys if k > after and k.startswith(prefix)))

    def put(self, key: str, value: bytes) -> None:
        """Set a value."""
        encoded = _encode_key(key)
        if len(value) > VALUE_BYTES_MAX:
            raise StateError(Status.VALUE_TOO_LARGE, f"{len(value)} bytes")
        size = OVERHEAD_BYTES + len(encoded) + len(value)
        self._append(Op.PUT, encoded, value, size)
        self._contents.put(key, value, size)

    def delete(self, key: str) -> bool:
        """Remove a key; False is that there was none, and nothing was written."""
        _encode_key(key)
        if key not in self._contents.entries:
            return False
        self._change(Record(Op.DELETE, key))
        return True

    def judge(self, call: Call) -> Known | Status:
        """Say whether a peer's call is to be run; a status is the answer it had."""
        known = self._contents.calls.judge(call)
        return known if isinstance(known, Known) else Status(known)

    def put_for(self, call: Call, key: str, value: bytes) -> None:
        """Set a value for a peer: it is remembered in the same record."""
        _encode_key(key)
        if len(value) > VALUE_BYTES_MAX:
            raise StateError(Status.VALUE_TOO_LARGE, f"{len(value)} bytes")
        self._change_for(CallValue(Kind.PUT, call, rest=value), key)

    def delete_for(self, call: Call, key: str) -> bool:
        """Remove a key for a peer; False is that there was none, which is remembered too."""
        _encode_key(key)
        is_there = key in self._contents.entries
        if is_there:
            self._change_for(CallValue(Kind.DELETE, call), key)
        elif call.epoch:
            self._change_for(CallValue(Kind.NOTHING, call, Status.NOT_FOUND), "")
        return is_there

    def commit_for(self, call: Call, txn: int) -> None:
        """Make all values of a transaction visible at once, and the peer's."""
        if txn not in self._contents.open:
            raise StateError(Status.NOT_FOUND, f"transaction {txn}")
        self._change_for(CallValue(Kind.COMMIT, call, rest=encode_id(txn)), "")

    def set_durably(self, key: str, value: bytes | None, call: Call | None = None) -> bool:
        """Set a key, or remove it (None), and return when no cut can undo that.

        Every change that a peer hears about goes this way.

        Args:
            key: What is changed.
            value: What it is set to.
            call: Whose change it is, remembered with it.

        Returns:
            False where there was nothing to remove.

        Raises:
            StateError: memory holds what it held before.  After IO_ERROR the disk holds the old
                or the new value; only opening it again shows which.
        """
        self.sync()  # If what others left waiting fails, this change has not begun.
        contents = self._contents
        old, memory = contents.entries.get(key), contents.memory()
        is_done = self._set(key, value, call)
        try:
            self.sync()
        except StateError:
            contents.restore({key: old}, memory)
            if not self._writer.has_failed:
                self._unmarked -= self._writer.take_back()
            raise
        return is_done

    def set_all_durably(self, values: Mapping[str, bytes], call: Call) -> None:
        """Set several keys for a peer, all or none, and return when no cut can undo that.

        Raises:
            StateError: memory holds what it held before.  After IO_ERROR the disk holds the old
                or the new values; only opening it again shows which.
        """
        self.sync()
        contents, writer = self._contents, self._writer
        chunks = [(key, chunk) for key, value in values.items() for chunk in _chunks(value)]
        steps = len(chunks) + 2
        size = steps * (OVERHEAD_BYTES + CALL_PREFIX_BYTES_MAX + KEY_BYTES_MAX)
        # While the transaction is open there is no making room.
        if not writer.fits(size + sum(map(len, values.values()))):
            self._switch()
        old, memory = {key: contents.entries.get(key) for key in values}, contents.memory()
        txn = self.begin()
        try:
            for key, chunk in chunks:
                self.put_chunk(txn, key, chunk)
            self.commit_for(call, txn)
        except StateError:
            self._forget(txn)
            raise
        try:
            self.sync()
        except StateError:
            contents.restore(old, memory)
            # How many of its records the disk has is not known.
            writer.has_failed = True
            raise

    def _set(self, key: str, value: bytes | None, call: Call | None) -> bool:
        if value is None:
            return self.delete_for(call, key) if call else self.delete(key)
        if call:
            self.put_for(call, key, value)
        else:
            self.put(key, value)
        return True

    def _change_for(self, value: CallValue, key: str) -> None:
        self._change(Record(Op.CALL, key, value.encode()))

    def begin(self) -> int:
        """Open a transaction, return its id."""
        txn = self._contents.next_id
        if len(self._contents.open) >= TXNS_MAX or txn >= _TXN_MAX:
            raise StateError(Status.TXN_LIMIT, f"{len(self._contents.open)} are open")
        self._change(Record(Op.PREPARE, "", encode_id(txn)))
        return txn

    def put_chunk(self, txn: int, key: str, chunk: bytes) -> None:
        """Add to a value of a transaction: chunks of one key are joined."""
        _encode_key(key)
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

    def abort_all(self) -> None:
        """Forget all open transactions.

        Those that a cut left open have no owner, and keep the journal from being compacted.
        """
        for txn in self.open_transactions:
            self._forget(txn)

    def sync(self) -> None:
        """Return when everything done before survives a cut."""
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
        """Give the disk what waits, without waiting for it: it outlives the program, not a cut."""
        self._check_writable()
        try:
            self._writer.write_out()
        except DeviceError as exc:
            raise StateError(Status.IO_ERROR, str(exc)) from exc

    def settle(self) -> None:
        """Clear what a cut left, without changing an entry."""
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

    def _forget(self, txn: int) -> None:
        """Abort a transaction, also where the journal has no room to say so."""
        with suppress(StateError):
            self.abort(txn)
        self._contents.open.pop(txn, None)

    def _finish(self, op: Op, txn: int) -> None:
        if txn not in self._contents.open:
            raise StateError(Status.NOT_FOUND, f"transaction {txn}")
        self._change(Record(op, "", encode_id(txn)))

    def _change(self, record: Record) -> None:
        key = record.key.encode()
        size = OVERHEAD_BYTES + len(key) + len(record.value)
        self._append(record.op, key, record.value, size)
        self._contents.apply(record)

    def _append(self, op: Op, key: bytes, value: bytes, size: int) -> None:
        """Have a record in the journal; its caller then applies it."""
        writer = self._writer
        if writer.has_failed or self._mount.damage is not None:
            self._check_writable()
        is_long = writer.end >= COMPACT_BYTES_MIN
        is_due = is_long and writer.end >= COMPACT_RATIO * self._contents.live_bytes
        if is_due or (writer.superblock is None and self._would_strand(size)):
            self._switch()
        if not writer.fits(size) and not (self._switch() and writer.fits(size)):
            raise StateError(Status.IO_ERROR, f"no room for {size} bytes")
        if self._unmarked and self._unmarked + size > WINDOW_BYTES:
            writer.mark()
            self._unmarked = 0
            if not writer.fits(size):
                raise StateError(Status.IO_ERROR, f"no room for {size} bytes")
        try:
            writer.append(op, key, value, size)
        except DeviceError as exc:
            raise StateError(Status.IO_ERROR, str(exc)) from exc
        self._unmarked += size
        self._is_dirty = True

    def _check_writable(self) -> None:
        if self._mount.damage is not None:
            raise StateError(Status.INTEGRITY_VIOLATION, self._mount.damage)
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


def _chunks(value: bytes) -> Iterator[bytes]:
    """Cut a value of a transaction; an empty one is a chunk, too."""
    for at in range(0, max(len(value), 1), CHUNK_BYTES_MAX):
        yield value[at : at + CHUNK_BYTES_MAX]


def _encode_key(key: str) -> bytes:
    """Return the bytes of a key that may be."""
    encoded = key.encode()
    if not encoded:
        raise StateError(Status.INVALID_KEY, "empty key")
    if len(encoded) > KEY_BYTES_MAX:
        text = f"{len(encoded)} bytes; expected 1..{KEY_BYTES_MAX}"
        raise StateError(Status.KEY_TOO_LONG, text)
    return encoded
