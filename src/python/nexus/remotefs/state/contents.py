"""The contents that a journal's records amount to: entries, and transactions still open.

Replay and writer share `apply`.  What a writer refuses as over a limit, `check_chunk` says; a
replay that meets it forgets the transaction, so its COMMIT means nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from nexus.contract import state as contract
from nexus.remotefs.state.call import CallValue, Kind, decode_call
from nexus.remotefs.state.calls import Account, Calls
from nexus.remotefs.state.record import (
    CHUNK_BYTES_MAX,
    OVERHEAD_BYTES,
    VALUE_BYTES_MAX,
    Op,
    Record,
    decode_id,
    put_bytes,
)
from nexus.wire.state import Status

# The original's; a guest keeps all open transactions in memory.
TXNS_MAX: Final = contract.TRANSACTIONS_MAX
TXN_KEYS_MAX: Final = contract.TRANSACTION_KEYS_MAX
TXN_BYTES_MAX: Final = contract.TRANSACTION_BYTES_MAX
TXNS_BYTES_MAX: Final = contract.TRANSACTIONS_BYTES_MAX

# The memory of peers: their calls, and the owner of each key.
Memory = tuple[Calls, dict[str, str]]

CHECKPOINT_BYTES: Final = OVERHEAD_BYTES + 8
_ID_MAX: Final = (1 << 64) - 1


@dataclass(slots=True)
class Transaction:
    """The chunks so far."""

    pieces: dict[str, bytearray] = field(default_factory=dict)
    bytes: int = 0


def judge_chunk(pieces: Mapping[str, bytearray], total: int, key: str, chunk: bytes) -> Status:
    """Say whether a transaction may take a chunk.

    Args:
        pieces: What it has.
        total: Bytes of all open transactions, this one too.
        key: Of which value the chunk is a part.
        chunk: The bytes.
    """
    held = len(pieces.get(key, b""))
    own = sum(map(len, pieces.values()))
    if len(chunk) > CHUNK_BYTES_MAX or held + len(chunk) > VALUE_BYTES_MAX:
        return Status.VALUE_TOO_LARGE
    if (
        len(pieces) + (key not in pieces) > TXN_KEYS_MAX
        or own + len(chunk) > TXN_BYTES_MAX
        or total + len(chunk) > TXNS_BYTES_MAX
    ):
        return Status.TXN_LIMIT
    return Status.OK


class Contents:
    """Entries by key, open transactions by id."""

    def __init__(self) -> None:
        """Start empty."""
        self.entries: dict[str, bytes] = {}
        self.open: dict[int, Transaction] = {}
        self.next_id = 1
        self.calls = Calls()
        self.owners: dict[str, str] = {}  # The peer that set each key.
        self._entry_bytes = CHECKPOINT_BYTES

    @property
    def live_bytes(self) -> int:
        """The bytes of a snapshot."""
        return self._entry_bytes + self.calls.measure(OVERHEAD_BYTES)[1]

    def apply(self, record: Record) -> None:
        """Take one record in."""
        match record.op:
            case Op.PUT:
                self.put(record.key, record.value, put_bytes(record.key, record.value))
            case Op.DELETE:
                self._remove(record.key)
            case Op.CHECKPOINT:
                self._reset()
            case Op.SYNC:
                pass
            case Op.CALL:
                self._apply_call(record)
            case _:
                self._apply_step(record)

    def put(self, key: str, value: bytes, size: int, owner: str = "") -> None:
        """Set a value, of which the record has this size; the key is this peer's from now on."""
        old = self.entries.get(key)
        if old is not None:
            self._give(key, "")
        self.entries[key] = value
        self._entry_bytes += size if old is None else len(value) - len(old)
        if owner:
            self._give(key, owner)

    def memory(self) -> Memory:
        """Return what is remembered of peers now, for `restore`."""
        return self.calls.copy(), dict(self.owners)

    def restore(self, old: Mapping[str, bytes | None], memory: Memory) -> None:
        """Undo a change of these keys; None is that there was none before."""
        for key, value in old.items():
            self._remove(key)
            if value is not None:
                self.put(key, value, put_bytes(key, value))
        self.calls, self.owners = memory

    def check_chunk(self, txn: int, key: str, chunk: bytes) -> Status:
        """Say whether an open transaction may take this chunk."""
        transaction = self.open.get(txn)
        if transaction is None:
            return Status.NOT_FOUND
        total = sum(other.bytes for other in self.open.values())
        return judge_chunk(transaction.pieces, total, key, chunk)

    def _apply_call(self, record: Record) -> None:
        value = decode_call(len(record.key.encode()), record.value)
        assert value is not None, "a record's shape says so"
        call = value.call
        displaced = self.calls.displaced_by(call.peer)
        if displaced is not None:
            for key in [key for key, owner in self.owners.items() if owner == displaced]:
                self._give(key, "")
        self.calls.admit(call.peer)
        if value.kind is Kind.EPOCH:
            self.calls.restore(call, value.rest)
        elif value.kind is Kind.OWN:
            self._assign(value)
        elif self._change(record.key, value):
            self.calls.remember(call, value.status)

    def _change(self, key: str, value: CallValue) -> bool:
        """Do what a call did; False: it was a commit of a transaction that is not open."""
        if value.kind is Kind.PUT:
            self.put(key, value.rest, put_bytes(key, value.rest), value.call.peer)
        elif value.kind is Kind.DELETE:
            self._remove(key)
        elif value.kind is Kind.COMMIT:
            txn = decode_id(value.rest)
            self.next_id = max(self.next_id, min(txn + 1, _ID_MAX))
            if txn not in self.open:
                return False
            self._publish(txn, value.call.peer)
        return True

    def _assign(self, value: CallValue) -> None:
        keys = sorted(self.entries)
        for (place,) in struct.iter_unpack("<H", value.rest):
            if place < len(keys):
                self._give(keys[place], value.call.peer)

    def _publish(self, txn: int, owner: str) -> None:
        for key, pieces in self.open.pop(txn, Transaction()).pieces.items():
            value = bytes(pieces)
            self.put(key, value, put_bytes(key, value), owner)

    def _give(self, key: str, owner: str) -> None:
        """Have an entry counted for this peer; an empty one is none."""
        size = len(key.encode()) + len(self.entries[key])
        before = self.owners.pop(key, "")
        if before:
            self._count(self.calls.peers[before], -1, size)
        if owner:
            self.owners[key] = owner
            self._count(self.calls.peers[owner], 1, size)

    @staticmethod
    def _count(account: Account, sign: int, size: int) -> None:
        account.keys += sign
        account.bytes += sign * size

    def _apply_step(self, record: Record) -> None:
        txn = decode_id(record.value)
        self.next_id = max(self.next_id, min(txn + 1, _ID_MAX))
        if record.op is Op.PREPARE:
            self.open.pop(txn, None)
            if len(self.open) < TXNS_MAX:
                self.open[txn] = Transaction()
        elif record.op is Op.PAYLOAD:
            self._add_chunk(txn, record.key, record.value[8:])
        elif record.op is Op.COMMIT:
            self._publish(txn, "")
        else:
            self.open.pop(txn, None)

    def _add_chunk(self, txn: int, key: str, chunk: bytes) -> None:
        if self.check_chunk(txn, key, chunk) is not Status.OK:
            self.open.pop(txn, None)
            return
        transaction = self.open[txn]
        transaction.pieces.setdefault(key, bytearray()).extend(chunk)
        transaction.bytes += len(chunk)

    def _remove(self, key: str) -> None:
        value = self.entries.get(key)
        if value is not None:
            self._give(key, "")
            del self.entries[key]
            self._entry_bytes -= put_bytes(key, value)

    def _reset(self) -> None:
        self.entries.clear()
        self.open.clear()
        self.calls = Calls()
        self.owners.clear()
        self._entry_bytes = CHECKPOINT_BYTES
