"""`LO` v1 and v2: the log service's frames, `['L','O',version,op]`, little-endian.

Version 2 puts a nonce u64 behind the header of a request and behind the status of a reply.

    op        request tail                                            reply tail
    1 append  level u8, scope_len u8, msg_len u16, fields_len u16,    record id u64, dropped u64
              scope, message, fields
    2 query   since ns u64, max u16                                   total u64, dropped u64,
                                                                      count u16, records
    3 stats   -                                                       total u64, dropped u64, cap
                                                                      records/bytes, used records/
                                                                      bytes, four u32

    record: id u64, ts u64, level u8, service u64, scope_len u8, msg_len u16, fields_len u16, text
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.contract import log as contract
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.octets import REPLY_BIT, FrameReader, FrameWriter, check_length, open_frame

MAGIC: Final = contract.MAGIC
VERSIONS: Final = tuple(range(1, contract.VERSION_MAX + 1))
SCOPE_BYTES_MAX: Final = contract.SCOPE_BYTES_MAX
MESSAGE_BYTES_MAX: Final = contract.MESSAGE_BYTES_MAX
FIELDS_BYTES_MAX: Final = contract.FIELDS_BYTES_MAX
REPLY_BYTES_MAX: Final = contract.REPLY_BYTES_MAX
RECORD_HEAD_BYTES: Final = 30
_REQUEST_BYTES_MAX: Final = 18 + SCOPE_BYTES_MAX + MESSAGE_BYTES_MAX + FIELDS_BYTES_MAX

Op = contract.Op

Level = contract.Level

Status = contract.Status


@dataclass(frozen=True, slots=True)
class Append:
    """Store one record; the kernel says which service stores it."""

    level: Level
    scope: str
    message: str
    fields: str = ""
    nonce: int | None = None

    def encode(self) -> bytes:
        """Return the frame."""
        scope, message, fields = (t.encode() for t in (self.scope, self.message, self.fields))
        check_length(scope, 0, SCOPE_BYTES_MAX, Reason.OVERSIZED)
        check_length(message, 0, MESSAGE_BYTES_MAX, Reason.OVERSIZED)
        check_length(fields, 0, FIELDS_BYTES_MAX, Reason.OVERSIZED)
        out = _start(Op.APPEND, self.nonce).u8(self.level)
        out.u8(len(scope)).u16(len(message)).u16(len(fields))
        return out.put(scope).put(message).put(fields).finish()


@dataclass(frozen=True, slots=True)
class Query:
    """Read records from an instant on."""

    since_ns: int
    max: int
    nonce: int | None = None

    def encode(self) -> bytes:
        """Return the frame."""
        return _start(Op.QUERY, self.nonce).u64(self.since_ns).u16(self.max).finish()


@dataclass(frozen=True, slots=True)
class Stats:
    """Ask how full the log is."""

    nonce: int | None = None

    def encode(self) -> bytes:
        """Return the frame."""
        return _start(Op.STATS, self.nonce).finish()


Request = Append | Query | Stats


# One stored record: the same in a frame and in a message.
Record = contract.Record


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: what its operation does not have is zero or empty.  Only ok has a tail."""

    op: Op
    status: Status
    nonce: int | None = None
    record_id: int = 0
    total: int = 0
    dropped: int = 0
    records: tuple[Record, ...] = ()
    capacity: tuple[int, int, int, int] = (0, 0, 0, 0)

    def encode(self) -> bytes:
        """Return the frame."""
        out = FrameWriter(REPLY_BYTES_MAX)
        out.put(MAGIC).u8(1 if self.nonce is None else 2).u8(self.op | REPLY_BIT).u8(self.status)
        if self.nonce is not None:
            out.u64(self.nonce)
        if self.status is not Status.OK:
            return out.finish()
        out.u64(self.record_id if self.op is Op.APPEND else self.total).u64(self.dropped)
        if self.op is Op.QUERY:
            out.u16(len(self.records))
            for record in self.records:
                _put_record(out, record)
        elif self.op is Op.STATS:
            for value in self.capacity:
                out.u32(value)
        return out.finish()


def decode_request(frame: bytes) -> Request:
    """Read a request; the exact length is required."""
    reader, version = open_frame(frame, MAGIC, VERSIONS)
    op = reader.choice(Op, Reason.UNSUPPORTED_OPERATION)
    nonce = reader.u64() if version == 2 else None
    request: Request
    if op is Op.APPEND:
        level = reader.choice(Level, Reason.OUT_OF_RANGE)
        scope, message, fields = _take_texts(reader)
        request = Append(level, scope, message, fields, nonce)
    elif op is Op.QUERY:
        request = Query(reader.u64(), reader.u16(), nonce)
    else:
        request = Stats(nonce)
    reader.end()
    return request


def decode_reply(frame: bytes) -> Reply:
    """Read a reply."""
    if len(frame) > REPLY_BYTES_MAX:
        raise RemoteProtocolError(
            Reason.OVERSIZED, f"a reply of {len(frame)} bytes; at most {REPLY_BYTES_MAX}"
        )
    reader, version = open_frame(frame, MAGIC, VERSIONS)
    op = reader.reply_op(Op)
    status = reader.choice(Status, Reason.UNKNOWN_STATUS)
    nonce = reader.u64() if version == 2 else None
    reply = Reply(op, status, nonce)
    if status is Status.OK:
        reply = _decode_tail(reader, op, nonce)
    reader.end()
    return reply


def _decode_tail(reader: FrameReader, op: Op, nonce: int | None) -> Reply:
    first, dropped = reader.u64(), reader.u64()
    if op is Op.APPEND:
        return Reply(op, Status.OK, nonce, record_id=first, dropped=dropped)
    if op is Op.QUERY:
        records = tuple(_take_record(reader) for _ in range(reader.u16()))
        return Reply(op, Status.OK, nonce, total=first, dropped=dropped, records=records)
    capacity = (reader.u32(), reader.u32(), reader.u32(), reader.u32())
    return Reply(op, Status.OK, nonce, total=first, dropped=dropped, capacity=capacity)


def _take_record(reader: FrameReader) -> Record:
    identity, time_ns = reader.u64(), reader.u64()
    level = reader.choice(Level, Reason.OUT_OF_RANGE)
    service = reader.u64()
    scope, message, fields = _take_texts(reader, bounded=False)
    return Record(identity, time_ns, level, service, scope, message, fields)


def _take_texts(reader: FrameReader, *, bounded: bool = True) -> tuple[str, str, str]:
    scope, message, fields = reader.u8(), reader.u16(), reader.u16()
    too_long = scope > SCOPE_BYTES_MAX or message > MESSAGE_BYTES_MAX or fields > FIELDS_BYTES_MAX
    if bounded and too_long:
        raise RemoteProtocolError(
            Reason.OVERSIZED,
            f"scope, message and fields of {scope}, {message} and {fields} bytes; at most "
            f"{SCOPE_BYTES_MAX}, {MESSAGE_BYTES_MAX} and {FIELDS_BYTES_MAX}",
        )
    return reader.text(scope), reader.text(message), reader.text(fields)


def _put_record(out: FrameWriter, record: Record) -> None:
    scope, message, fields = (t.encode() for t in (record.scope, record.message, record.fields))
    if len(message) > 0xFFFF or len(fields) > 0xFFFF:
        raise LocalProtocolError(Reason.OVERSIZED, f"the message or fields of record {record.id}")
    out.u64(record.id).u64(record.time_ns).u8(record.level).u64(record.service)
    out.u8(len(scope)).u16(len(message)).u16(len(fields)).put(scope).put(message).put(fields)


def _start(op: Op, nonce: int | None) -> FrameWriter:
    out = FrameWriter(_REQUEST_BYTES_MAX)
    out.put(MAGIC).u8(1 if nonce is None else 2).u8(op)
    if nonce is not None:
        out.u64(nonce)
    return out
