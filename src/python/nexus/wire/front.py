"""`DS` v1: what the services of a node ask their own DSoftBus, `['D','S',1,op,...]`.

    op             request tail                   reply tail
    1 resolve      name_len u8 (1..48), name      status u8
    2 bundle list  -                              status u8, and if ok: count u16, little-endian

A reply's op has bit 7 set; a request that cannot be read is answered with op 0x80 and *fail*.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.octets import REPLY_BIT, FrameWriter, check_length, open_frame

MAGIC: Final = b"DS"
VERSION: Final = 1
NAME_BYTES_MAX: Final = 48
_FRAME_BYTES_MAX: Final = 5 + NAME_BYTES_MAX


class Op(IntEnum):
    """What is asked; `MALFORMED` occurs in replies only."""

    MALFORMED = 0
    RESOLVE = 1
    BUNDLE_LIST = 2


class Status(IntEnum):
    """How it ended."""

    OK = 0
    FAIL = 1


@dataclass(frozen=True, slots=True)
class Request:
    """A request; only resolve has a name."""

    op: Op
    name: str = ""

    def encode(self) -> bytes:
        """Return the frame."""
        name = self.name.encode()
        if self.op is Op.RESOLVE:
            check_length(name, 1, NAME_BYTES_MAX, Reason.NAME_LENGTH)
            return _start(self.op).u8(len(name)).put(name).finish()
        if self.op is Op.MALFORMED or name:
            raise LocalProtocolError(Reason.OUT_OF_RANGE, f"{self.op.name} {self.name!r}")
        return _start(self.op).finish()


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply; only a bundle list that succeeded has a count."""

    op: Op
    status: Status
    count: int = 0

    def encode(self) -> bytes:
        """Return the frame."""
        out = _start(self.op | REPLY_BIT).u8(self.status)
        if self.op is Op.BUNDLE_LIST and self.status is Status.OK:
            out.u16(self.count)
        return out.finish()


def decode_request(frame: bytes) -> Request:
    """Read a request; the exact length is required."""
    reader, _ = open_frame(frame, MAGIC, (VERSION,))
    op = reader.choice(Op, Reason.UNSUPPORTED_OPERATION)
    if op is Op.MALFORMED:
        raise RemoteProtocolError(Reason.UNSUPPORTED_OPERATION, "0")
    name = ""
    if op is Op.RESOLVE:
        length = reader.u8()
        if not 1 <= length <= NAME_BYTES_MAX:
            raise RemoteProtocolError(Reason.NAME_LENGTH, f"{length}")
        name = reader.text(length)
    reader.end()
    return Request(op, name)


def decode_reply(frame: bytes) -> Reply:
    """Read a reply."""
    reader, _ = open_frame(frame, MAGIC, (VERSION,))
    op = reader.reply_op(Op)
    status = reader.choice(Status, Reason.UNKNOWN_STATUS)
    has_count = op is Op.BUNDLE_LIST and status is Status.OK
    count = reader.u16() if has_count else 0
    reader.end()
    return Reply(op, status, count)


def _start(op: int) -> FrameWriter:
    out = FrameWriter(_FRAME_BYTES_MAX)
    out.put(MAGIC).u8(VERSION).u8(op)
    return out
