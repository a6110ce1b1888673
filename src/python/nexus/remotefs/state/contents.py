"""What the records of a journal come to: the entries, and the transactions still open.

Replay and writer share `apply`.  What a writer refuses as over a limit, `check_chunk` says; a
replay that meets it forgets the transaction, so its COMMIT means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from nexus.remotefs.state.record import (
    CHUNK_BYTES_MAX,
    OVERHEAD_BYTES,
    VALUE_BYTES_MAX,
    Op,
    Record,
    decode_checkpoint,
    decode_id,
    put_bytes,
)
from nexus.wire.state import Status

# The original's; a guest keeps all open transactions in memory.
TXNS_MAX: Final = 8
TXN_KEYS_MAX: Final = 32
TXN_BYTES_MAX: Final = 128 * 1024
TXNS_BYTES_MAX: Final = 256 * 1024

CHECKPOINT_BYTES: Final = OVERHEAD_BYTES + 8
_ID_MAX: Final = (1 << 64) - 1


@dataclass(slots=True)
class Transaction:
    """The chunks so far."""

    pieces: dict[str, bytearray] = field(default_factory=dict)
    bytes: int = 0


class Contents:
    """Entries by key, open transactions by id."""

    def __init__(self) -> None:
        """Start empty."""
        self.entries: dict[str, bytes] = {}
        self.open: dict[int, Transaction] = {}
        self.next_id = 1
        self.checkpoint: tuple[int, int] | None = None
        self.live_bytes = CHECKPOINT_BYTES

    def apply(self, record: Record) -> None:
        """Take one record in."""
        match record.op:
            case Op.PUT:
                self.put(record.key, record.value, put_bytes(record.key, record.value))
            case Op.DELETE:
                self._remove(record.key)
            case Op.CHECKPOINT:
                self._reset(decode_checkpoint(record.value))
            case Op.SYNC:
                pass
            case _:
                self._apply_step(record)

    def put(self, key: str, value: bytes, size: int) -> None:
        """Set a value, of which the record has this size."""
        old = self.entries.get(key)
        self.entries[key] = value
        self.live_bytes += size if old is None else len(value) - len(old)

    def restore(self, key: str, value: bytes | None) -> None:
        """Undo a change of one key; None is that there was none before."""
        self._remove(key)
        if value is not None:
            self.put(key, value, put_bytes(key, value))

    def check_chunk(self, txn: int, key: str, chunk: bytes) -> Status:
        """Say whether an open transaction may take this chunk."""
        transaction = self.open.get(txn)
        if transaction is None:
            return Status.NOT_FOUND
        held = transaction.pieces.get(key)
        keys = len(transaction.pieces) + (held is None)
        if len(chunk) > CHUNK_BYTES_MAX or len(held or b"") + len(chunk) > VALUE_BYTES_MAX:
            return Status.VALUE_TOO_LARGE
        total = sum(other.bytes for other in self.open.values())
        if (
            keys > TXN_KEYS_MAX
            or transaction.bytes + len(chunk) > TXN_BYTES_MAX
            or total + len(chunk) > TXNS_BYTES_MAX
        ):
            return Status.TXN_LIMIT
        return Status.OK

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
            for key, pieces in self.open.pop(txn, Transaction()).pieces.items():
                value = bytes(pieces)
                self.put(key, value, put_bytes(key, value))
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
        value = self.entries.pop(key, None)
        if value is not None:
            self.live_bytes -= put_bytes(key, value)

    def _reset(self, checkpoint: tuple[int, int]) -> None:
        self.entries.clear()
        self.open.clear()
        self.checkpoint = checkpoint
        self.live_bytes = CHECKPOINT_BYTES
