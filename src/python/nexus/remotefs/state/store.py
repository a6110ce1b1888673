"""The state store: a map of keys to values in a journal on a disk that may lose power.

Its promise: after a cut at any moment the disk holds the state after some whole number of
the operations issued, none of them before the last `sync` that returned missing.

Rules of this file (those of the journal are in nexus.remotefs.state.journal)
1. A record is in the journal before it is in memory; a refused operation changes neither.
2. A peer's change and the memory of its call are one record, so that no cut can part them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from heapq import nsmallest
from typing import Final

from nexus.remotefs.state.block import SECTOR_BYTES, BlockDevice, DeviceError
from nexus.remotefs.state.call import PREFIX_BYTES_MAX as CALL_PREFIX_BYTES_MAX
from nexus.remotefs.state.call import Call, CallValue, Kind
from nexus.remotefs.state.calls import Known
from nexus.remotefs.state.contents import TXNS_MAX, Contents
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.journal import OpenJournal
from nexus.remotefs.state.mount import Mount, mount
from nexus.remotefs.state.record import (
    CHUNK_BYTES_MAX,
    KEY_BYTES_MAX,
    OVERHEAD_BYTES,
    VALUE_BYTES_MAX,
    Op,
    Record,
    encode_id,
)
from nexus.remotefs.state.share import capacity_of
from nexus.remotefs.state.superblock import regions
from nexus.remotefs.state.writer import Writer
from nexus.wire.state import Status

_TXN_MAX: Final = (1 << 64) - 1


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
        self._journal = OpenJournal(device, self._mount.damage, self._contents, self._writer)

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
        _check_value(value)
        size = OVERHEAD_BYTES + len(encoded) + len(value)
        self._journal.append(Op.PUT, encoded, value, size)
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
        _check_value(value)
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
            raise StateError(Status.NOT_FOUND, f"transaction {txn} is not open")
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
            self._journal.take_back()
            raise
        return is_done

    def set_all_durably(self, values: Mapping[str, bytes], call: Call) -> None:
        """Set several keys for a peer, all or none, and return when no cut can undo that.

        Raises:
            StateError: memory holds what it held before.  After IO_ERROR the disk holds the old
                or the new values; only opening it again shows which.
        """
        self.sync()
        contents = self._contents
        chunks = [(key, chunk) for key, value in values.items() for chunk in _chunks(value)]
        steps = len(chunks) + 2
        size = steps * (OVERHEAD_BYTES + CALL_PREFIX_BYTES_MAX + KEY_BYTES_MAX)
        # While the transaction is open there is no making room.
        self._journal.make_room(size + sum(map(len, values.values())))
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
            self._writer.has_failed = True
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
            raise StateError(Status.TXN_LIMIT, f"{len(self._contents.open)} transactions are open")
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
        self._journal.sync()

    def write_out(self) -> None:
        """Give the disk what waits, without waiting for it: it outlives the program, not a cut."""
        self._journal.write_out()

    def settle(self) -> None:
        """Clear what a cut left, without changing an entry."""
        self._journal.settle()

    def compact(self) -> bool:
        """Write what is live to the idle region and switch; False where that is impossible."""
        return self._journal.compact()

    def _forget(self, txn: int) -> None:
        """Abort a transaction, also where the journal has no room to say so."""
        with suppress(StateError):
            self.abort(txn)
        self._contents.open.pop(txn, None)

    def _finish(self, op: Op, txn: int) -> None:
        if txn not in self._contents.open:
            raise StateError(Status.NOT_FOUND, f"transaction {txn} is not open")
        self._change(Record(op, "", encode_id(txn)))

    def _change(self, record: Record) -> None:
        key = record.key.encode()
        size = OVERHEAD_BYTES + len(key) + len(record.value)
        self._journal.append(record.op, key, record.value, size)
        self._contents.apply(record)


def _chunks(value: bytes) -> Iterator[bytes]:
    """Cut a value of a transaction; an empty one is a chunk, too."""
    for at in range(0, max(len(value), 1), CHUNK_BYTES_MAX):
        yield value[at : at + CHUNK_BYTES_MAX]


def _check_value(value: bytes) -> None:
    """Refuse a value that is too long."""
    if len(value) > VALUE_BYTES_MAX:
        text = f"{len(value)} bytes; at most {VALUE_BYTES_MAX}"
        raise StateError(Status.VALUE_TOO_LARGE, text)


def _encode_key(key: str) -> bytes:
    """Return the bytes of a key that may be."""
    encoded = key.encode()
    if not encoded:
        raise StateError(Status.INVALID_KEY, f"an empty key; expected 1..{KEY_BYTES_MAX} bytes")
    if len(encoded) > KEY_BYTES_MAX:
        text = f"{len(encoded)} bytes; expected 1..{KEY_BYTES_MAX}"
        raise StateError(Status.KEY_TOO_LONG, text)
    return encoded
