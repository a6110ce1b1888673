"""`PK` v1: read-only files of a peer's packages, `['P','K',1,op]`, little-endian.

    op       request tail                                      reply tail, behind status u8 @4
    1 STAT   path_len u16 @4, path @6           (6 + n)        size u64, kind u16       (15)
    2 OPEN   path_len u16 @4, path @6           (6 + n)        handle u32               (9)
    3 READ   handle u32 @4, offset u32 @8, len u16 @12  (14)   len u16, bytes           (7 + n)
    4 CLOSE  handle u32 @4                      (8)            -                        (5)

A reply's op has bit 7 set.  A request that could not be read is answered in the bare form of five
bytes, `Failure`; one that was read and failed keeps its reply's shape, with zeros.

What a path may look like is `nexus.remotefs.package_path`'s to say; here it is 1..192 bytes of
UTF-8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.contract import packagefs as contract
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.octets import REPLY_BIT, FrameReader, FrameWriter, check_length, open_frame

MAGIC: Final = contract.MAGIC
VERSION: Final = contract.VERSION

PATH_BYTES_MAX: Final = contract.PATH_BYTES_MAX
READ_BYTES_MAX: Final = contract.READ_BYTES_MAX
HANDLE_MAX: Final = (1 << 32) - 1
OFFSET_MAX: Final = (1 << 32) - 1
REQUEST_BYTES_MAX: Final = 6 + PATH_BYTES_MAX
REPLY_BYTES_MAX: Final = 7 + READ_BYTES_MAX

Op = contract.Op

Status = contract.Status

Kind = contract.Kind


@dataclass(frozen=True, slots=True)
class PathRequest:
    """STAT or OPEN."""

    op: Op
    path: str

    def encode(self) -> bytes:
        """Return the frame."""
        if self.op not in (Op.STAT, Op.OPEN):
            raise LocalProtocolError(Reason.UNSUPPORTED_OPERATION, f"{self.op.name} takes no path")
        path = check_length(self.path.encode(), 1, PATH_BYTES_MAX, Reason.NAME_LENGTH)
        return _start(self.op, REQUEST_BYTES_MAX).u16(len(path)).put(path).finish()


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """READ."""

    handle: int
    offset: int
    length: int

    def encode(self) -> bytes:
        """Return the frame."""
        if not 1 <= self.length <= READ_BYTES_MAX:
            raise LocalProtocolError(
                Reason.OUT_OF_RANGE, f"read of {self.length} bytes; expected 1..{READ_BYTES_MAX}"
            )
        out = _start(Op.READ, REQUEST_BYTES_MAX)
        return out.u32(self.handle).u32(self.offset).u16(self.length).finish()


@dataclass(frozen=True, slots=True)
class CloseRequest:
    """CLOSE."""

    handle: int

    def encode(self) -> bytes:
        """Return the frame."""
        return _start(Op.CLOSE, REQUEST_BYTES_MAX).u32(self.handle).finish()


Request = PathRequest | ReadRequest | CloseRequest


@dataclass(frozen=True, slots=True)
class Failure:
    """The bare reply.  `op` is the byte that the request had, known or not."""

    op: int
    status: Status

    def encode(self) -> bytes:
        """Return the frame."""
        if self.status is Status.OK:
            raise LocalProtocolError(Reason.OUT_OF_RANGE, "a failure with status OK")
        return _start(self.op | REPLY_BIT, REPLY_BYTES_MAX).u8(self.status).finish()


@dataclass(frozen=True, slots=True)
class StatReply:
    """The kind and size of a path's target."""

    status: Status
    size: int = 0
    kind: Kind = Kind.FILE

    def encode(self) -> bytes:
        """Return the frame."""
        _check_zeros(self.status, self.size or self.kind)
        return _reply(Op.STAT, self.status).u64(self.size).u16(self.kind).finish()


@dataclass(frozen=True, slots=True)
class OpenReply:
    """The handle to read by; never 0."""

    status: Status
    handle: int = 0

    def encode(self) -> bytes:
        """Return the frame."""
        _check_zeros(self.status, self.handle)
        return _reply(Op.OPEN, self.status).u32(self.handle).finish()


@dataclass(frozen=True, slots=True)
class ReadReply:
    """Bytes; fewer than asked, or none, only at the file's end."""

    status: Status
    data: bytes = b""

    def encode(self) -> bytes:
        """Return the frame."""
        _check_zeros(self.status, len(self.data))
        check_length(self.data, 0, READ_BYTES_MAX, Reason.OVERSIZED)
        return _reply(Op.READ, self.status).u16(len(self.data)).put(self.data).finish()


@dataclass(frozen=True, slots=True)
class CloseReply:
    """The handle is gone."""

    status: Status

    def encode(self) -> bytes:
        """Return the frame."""
        return _reply(Op.CLOSE, self.status).finish()


Reply = Failure | StatReply | OpenReply | ReadReply | CloseReply


def decode_request(frame: bytes) -> Request:
    """Read a request, in the order of checks that docs/spec/packagefs.md gives."""
    if len(frame) < 4:
        raise RemoteProtocolError(Reason.TRUNCATED, f"a request of {len(frame)} bytes; at least 4")
    reader, _ = open_frame(frame, MAGIC, (VERSION,))
    op = reader.choice(Op, Reason.UNSUPPORTED_OPERATION)
    request: Request
    if op in (Op.STAT, Op.OPEN):
        return _decode_path(reader, op)
    if op is Op.CLOSE:
        request = CloseRequest(reader.u32())
        reader.end()
        return request
    request = ReadRequest(reader.u32(), reader.u32(), reader.u16())
    reader.end()
    if not 1 <= request.length <= READ_BYTES_MAX:
        raise RemoteProtocolError(
            Reason.OUT_OF_RANGE, f"read of {request.length} bytes; expected 1..{READ_BYTES_MAX}"
        )
    return request


def decode_reply(frame: bytes) -> Reply:
    """Read a reply."""
    reader, _ = open_frame(frame, MAGIC, (VERSION,))
    op = reader.reply_op(Op)
    status = reader.choice(Status, Reason.UNKNOWN_STATUS)
    if op is Op.CLOSE:
        reader.end()
        return CloseReply(status)
    if status is not Status.OK and not reader.remaining:
        return Failure(op, status)
    reply = _decode_tail(reader, op, status)
    reader.end()
    if status is not Status.OK and reply != _EMPTY[op](status):
        raise RemoteProtocolError(Reason.RESERVED_NOT_ZERO, f"{status.name} with a value")
    return reply


_EMPTY: Final = {Op.STAT: StatReply, Op.OPEN: OpenReply, Op.READ: ReadReply}


def _decode_path(reader: FrameReader, op: Op) -> PathRequest:
    length = reader.u16()
    if not 1 <= length <= PATH_BYTES_MAX:
        raise RemoteProtocolError(
            Reason.NAME_LENGTH, f"{length} bytes; expected 1..{PATH_BYTES_MAX}"
        )
    if reader.remaining != length:
        reason = Reason.TRUNCATED if reader.remaining < length else Reason.TRAILING_BYTES
        raise RemoteProtocolError(reason, f"path of {length} bytes in {reader.remaining}")
    return PathRequest(op, reader.text(length))


def _decode_tail(reader: FrameReader, op: Op, status: Status) -> Reply:
    if op is Op.STAT:
        size, kind = reader.u64(), reader.u16()
        if kind not in (Kind.FILE, Kind.FOLDER):
            raise RemoteProtocolError(
                Reason.UNKNOWN_TYPE, f"kind {kind}; expected {Kind.FILE:d} or {Kind.FOLDER:d}"
            )
        return StatReply(status, size, Kind(kind))
    if op is Op.OPEN:
        handle = reader.u32()
        if status is Status.OK and handle == 0:
            raise RemoteProtocolError(Reason.OUT_OF_RANGE, "handle 0, which no open file has")
        return OpenReply(status, handle)
    length = reader.u16()
    if length > READ_BYTES_MAX:
        raise RemoteProtocolError(
            Reason.OVERSIZED, f"{length} bytes read; at most {READ_BYTES_MAX}"
        )
    return ReadReply(status, reader.take(length))


def _check_zeros(status: Status, value: int) -> None:
    if value and status is not Status.OK:
        raise LocalProtocolError(Reason.OUT_OF_RANGE, f"{status.name} with a value")


def _reply(op: Op, status: Status) -> FrameWriter:
    out = _start(op | REPLY_BIT, REPLY_BYTES_MAX)
    out.u8(status)
    return out


def _start(op: int, limit: int) -> FrameWriter:
    out = FrameWriter(limit)
    out.put(MAGIC).u8(VERSION).u8(op)
    return out
