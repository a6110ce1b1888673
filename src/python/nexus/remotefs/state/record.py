"""Journal records: bytes both ways, and why bytes are not a record.

     0  magic   u32  0x4E585346, `FSXN` on the disk      7  value_len  u32
     4  op      u8                                      11  key, value
     5  key_len u16                                         CRC-32C u32 of all before it

The order of the tests is part of the format, so that one damage has one name on every machine:
header, magic, op, length caps, shape, bytes present, checksum, UTF-8, a call's value, a
transaction's number.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nexus.contract import journal
from nexus.contract import state as contract
from nexus.remotefs.state.call import HEAD_BYTES, PREFIX_BYTES_MAX, decode_call
from nexus.remotefs.state.checksum import crc32c

MAGIC: Final = journal.RECORD_MAGIC
KEY_BYTES_MAX: Final = contract.KEY_BYTES_MAX
VALUE_BYTES_MAX: Final = contract.VALUE_BYTES_MAX
CHUNK_BYTES_MAX: Final = contract.CHUNK_BYTES_MAX
OVERHEAD_BYTES: Final = 15
CALL_BYTES_MAX: Final = PREFIX_BYTES_MAX + VALUE_BYTES_MAX
RECORD_BYTES_MAX: Final = OVERHEAD_BYTES + KEY_BYTES_MAX + VALUE_BYTES_MAX
CALL_RECORD_BYTES_MAX: Final = OVERHEAD_BYTES + KEY_BYTES_MAX + CALL_BYTES_MAX

_HEAD: Final = struct.Struct("<4sBHI")
_CRC: Final = struct.Struct("<I")


# The effect of a record.
Op = journal.RecordOp

# (shortest key, longest key, shortest value, longest value) of each operation.
SHAPES: Final[Mapping[int, tuple[int, int, int, int]]] = {
    Op.PUT: (1, KEY_BYTES_MAX, 0, VALUE_BYTES_MAX),
    Op.DELETE: (1, KEY_BYTES_MAX, 0, 0),
    Op.CHECKPOINT: (0, 0, 8, 8),
    Op.PREPARE: (0, 0, 8, 8),
    Op.PAYLOAD: (1, KEY_BYTES_MAX, 8, 8 + CHUNK_BYTES_MAX),
    Op.COMMIT: (0, 0, 8, 8),
    Op.ABORT: (0, 0, 8, 8),
    Op.SYNC: (0, 0, 0, 0),
    Op.CALL: (0, KEY_BYTES_MAX, HEAD_BYTES + 1, CALL_BYTES_MAX),
}

# Steps of a transaction, with whose number their values begin.  Entries have 0.
_STEPS: Final = frozenset({Op.PREPARE, Op.PAYLOAD, Op.COMMIT, Op.ABORT})


class Fault(Enum):
    """The reason why bytes are not a record.  The values are the words of reports."""

    SHORT_HEADER = "truncated record header"
    MAGIC = "no record magic"
    OP = "unknown opcode"
    CAPS = "record length exceeds caps"
    SHAPE = "invalid record shape"
    SHORT = "truncated record"
    CRC = "crc mismatch"
    UTF8 = "invalid key encoding"
    CALL = "invalid call"
    TRANSACTION = "invalid transaction"

    @property
    def is_end(self) -> bool:
        """Say whether this is how a journal ends, not how one is damaged."""
        return self in _ENDS


_ENDS: Final = frozenset({Fault.SHORT_HEADER, Fault.MAGIC, Fault.SHORT})


@dataclass(frozen=True, slots=True)
class Record:
    """One record."""

    op: Op
    key: str = ""
    value: bytes = b""

    def encode(self) -> bytes:
        """Return the bytes."""
        return encode(self.op, self.key.encode(), self.value)


def encode_put(key: bytes, value: bytes) -> bytes:
    """Return a PUT as `encode` does, of a key and a value known to be of its shape."""
    body = _HEAD.pack(MAGIC, 1, len(key), len(value)) + key + value
    return body + _CRC.pack(crc32c(body))


def encode(op: Op, key: bytes, value: bytes) -> bytes:
    """Return the bytes of a record; a shape that no record has is our own mistake."""
    low, high, least, most = SHAPES[op]
    assert low <= len(key) <= high, f"{op.name}: key of {len(key)} bytes"
    assert least <= len(value) <= most, f"{op.name}: value of {len(value)}"
    body = _HEAD.pack(MAGIC, op, len(key), len(value)) + key + value
    return body + _CRC.pack(crc32c(body))


# The mark that everything before it was durable when it was written.
SYNC_BYTES: Final = Record(Op.SYNC).encode()


def decode(data: bytes | bytearray, offset: int) -> tuple[Record, int] | Fault:
    """Read the record at `offset`: it and the offset behind it, or why there is none."""
    if len(data) - offset < OVERHEAD_BYTES:
        return Fault.SHORT_HEADER
    magic, op, key_len, value_len = _HEAD.unpack_from(data, offset)
    if magic != MAGIC:
        return Fault.MAGIC
    if op not in SHAPES:
        return Fault.OP
    if key_len > KEY_BYTES_MAX or value_len > _value_bytes_max(op):
        return Fault.CAPS
    low, high, least, most = SHAPES[op]
    if not (low <= key_len <= high and least <= value_len <= most):
        return Fault.SHAPE
    start = offset + _HEAD.size
    end = start + key_len + value_len
    if end + _CRC.size > len(data):
        return Fault.SHORT
    if _CRC.unpack_from(data, end)[0] != crc32c(bytes(data[offset:end])):
        return Fault.CRC
    try:
        key = bytes(data[start : start + key_len]).decode()
    except UnicodeDecodeError:
        return Fault.UTF8
    record = Record(Op(op), key, bytes(data[start + key_len : end]))
    if op == Op.CALL and decode_call(key_len, record.value) is None:
        return Fault.CALL
    if op in _STEPS and decode_id(record.value) == 0:
        return Fault.TRANSACTION
    return record, end + _CRC.size


def _value_bytes_max(op: int) -> int:
    return CALL_BYTES_MAX if op == Op.CALL else VALUE_BYTES_MAX


def put_bytes(key: str, value: bytes) -> int:
    """Return how long the PUT of this entry is."""
    return OVERHEAD_BYTES + len(key.encode()) + len(value)


def encode_id(txn: int) -> bytes:
    """Return a transaction's id as a record holds it."""
    return txn.to_bytes(8, "little")


def decode_id(value: bytes) -> int:
    """Return the id that a value begins with."""
    return int.from_bytes(value[:8], "little")


def encode_checkpoint(generation: int, entries: int) -> Record:
    """Return the record that a snapshot begins with."""
    return Record(Op.CHECKPOINT, "", struct.pack("<II", generation, entries))


def decode_checkpoint(value: bytes) -> tuple[int, int]:
    """Return generation and count of entries."""
    generation, entries = struct.unpack("<II", value)
    return int(generation), int(entries)
