"""`DS` v1: what the services of a node ask their own DSoftBus, `['D','S',1,op,...]`.

    op             request tail                   reply tail
    1 resolve      name_len u8 (1..48), name      status u8
    2 bundle list  -                              status u8, and if ok: count u16, little-endian
    3 pkg stat     path_len u8 (0..192), path     status u8, and if ok: size u64, kind u16
    4 pkg open     path_len u8 (0..192), path     status u8, and if ok: handle u32
    5 pkg read     handle, offset u32, len u16    status u8, and if ok: len u16, bytes
    6 pkg close    handle u32                     status u8
    7 state        len u16 (1..256), `SF` frame   status u8, and if ok: len u16, `SF` reply

A reply's op has bit 7 set; a request that cannot be read is answered with op 0x80 and *fail*.  The
status of the package operations is that of `PK`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.contract import front as contract
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.octets import REPLY_BIT, FrameReader, FrameWriter, check_length, open_frame

MAGIC: Final = contract.MAGIC
VERSION: Final = contract.VERSION
NAME_BYTES_MAX: Final = contract.NAME_BYTES_MAX
PATH_BYTES_MAX: Final = contract.PATH_BYTES_MAX
PACKAGE_READ_BYTES_MAX: Final = contract.PACKAGE_READ_BYTES_MAX
STATE_REQUEST_MAX: Final = contract.STATE_REQUEST_MAX
STATE_REPLY_MAX: Final = contract.STATE_REPLY_MAX
_FRAME_BYTES_MAX: Final = 7 + STATE_REPLY_MAX

Op = contract.Op

Status = contract.Status


# Least and most bytes of the text, for the operations that have one.
_TEXTS: Final = {
    Op.RESOLVE: (1, NAME_BYTES_MAX),
    Op.PACKAGE_STAT: (0, PATH_BYTES_MAX),
    Op.PACKAGE_OPEN: (0, PATH_BYTES_MAX),
}

# Bytes that follow the status of a good reply; a read has its own length.
_TAILS: Final = {Op.BUNDLE_LIST: 2, Op.PACKAGE_STAT: 10, Op.PACKAGE_OPEN: 4}


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `name` is a path where a package operation has one, `inner` an `SF` frame."""

    op: Op
    name: str = ""
    handle: int = 0
    offset: int = 0
    length: int = 0
    inner: bytes = b""

    def encode(self) -> bytes:
        """Return the frame."""
        name = self.name.encode()
        out = _start(self.op)
        if self.op in _TEXTS:
            check_length(name, *_TEXTS[self.op], Reason.NAME_LENGTH)
            return out.u8(len(name)).put(name).finish()
        if self.op is Op.MALFORMED or name:
            raise LocalProtocolError(
                Reason.OUT_OF_RANGE, f"{self.op.name} with the name {self.name!r}"
            )
        if self.op is Op.STATE:
            check_length(self.inner, 1, STATE_REQUEST_MAX, Reason.OVERSIZED)
            return out.u16(len(self.inner)).put(self.inner).finish()
        if self.op in (Op.PACKAGE_READ, Op.PACKAGE_CLOSE):
            out.u32(self.handle)
        if self.op is Op.PACKAGE_READ:
            out.u32(self.offset).u16(self.length)
        return out.finish()


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply; a bundle list that succeeded has a count, all else its fields, in `tail`."""

    op: Op
    status: Status
    count: int = 0
    tail: bytes = b""

    def encode(self) -> bytes:
        """Return the frame."""
        out = _start(self.op | REPLY_BIT).u8(self.status)
        if self.op is Op.BUNDLE_LIST and self.status is Status.OK:
            out.u16(self.count)
        return out.put(self.tail).finish()


def decode_request(frame: bytes) -> Request:
    """Read a request; the exact length is required."""
    reader, _ = open_frame(frame, MAGIC, (VERSION,))
    op = reader.choice(Op, Reason.UNSUPPORTED_OPERATION)
    if op is Op.MALFORMED:
        raise RemoteProtocolError(
            Reason.UNSUPPORTED_OPERATION, "0, which is of replies to malformed requests"
        )
    name, handle, offset, length = "", 0, 0, 0
    if op is Op.STATE:
        inner = _take_inner(reader, 1, STATE_REQUEST_MAX)
        reader.end()
        return Request(op, inner=inner)
    if op in _TEXTS:
        least, most = _TEXTS[op]
        size = reader.u8()
        if not least <= size <= most:
            raise RemoteProtocolError(Reason.NAME_LENGTH, f"{size} bytes; expected {least}..{most}")
        name = reader.text(size)
    if op in (Op.PACKAGE_READ, Op.PACKAGE_CLOSE):
        handle = reader.u32()
    if op is Op.PACKAGE_READ:
        offset, length = reader.u32(), reader.u16()
    reader.end()
    return Request(op, name, handle, offset, length)


def decode_reply(frame: bytes) -> Reply:
    """Read a reply."""
    reader, _ = open_frame(frame, MAGIC, (VERSION,))
    op = reader.reply_op(Op)
    status = reader.choice(Status, Reason.UNKNOWN_STATUS)
    tail = b""
    if status is Status.OK:
        tail = reader.take(_TAILS.get(op, 0))
        if op is Op.STATE:
            inner = _take_inner(reader, 0, STATE_REPLY_MAX)
            tail = len(inner).to_bytes(2, "little") + inner
        elif op is Op.PACKAGE_READ:
            size = reader.u16()
            tail = size.to_bytes(2, "little") + reader.take(size)
    reader.end()
    if op is Op.BUNDLE_LIST:
        return Reply(op, status, int.from_bytes(tail, "little"))
    return Reply(op, status, tail=tail)


def _take_inner(reader: FrameReader, low: int, high: int) -> bytes:
    size = reader.u16()
    if not low <= size <= high:
        raise RemoteProtocolError(Reason.OVERSIZED, f"{size} bytes; expected {low}..{high}")
    return reader.take(size)


def _start(op: int) -> FrameWriter:
    out = FrameWriter(_FRAME_BYTES_MAX)
    out.put(MAGIC).u8(VERSION).u8(op)
    return out
