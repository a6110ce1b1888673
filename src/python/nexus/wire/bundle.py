"""`BN` v1: the bundle manager's frames, `['B','N',1,op]`, little-endian.

op             request    reply tail
1 list         -          status u8, count u16, 0 u8
3 fetch-image  -          status u8, length u32, image (`NXBI`, see nexus.wire.bundle_image)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.contract import bundle as contract
from nexus.contract.node import MESSAGE_BYTES_MAX
from nexus.wire.error import Reason
from nexus.wire.octets import REPLY_BIT, FrameWriter, open_frame

MAGIC: Final = contract.MAGIC
VERSION: Final = contract.VERSION

# The largest message of the guest's IPC.
FRAME_BYTES_MAX: Final = MESSAGE_BYTES_MAX

Op = contract.Op

Status = contract.Status


@dataclass(frozen=True, slots=True)
class Request:
    """A request is its operation."""

    op: Op

    def encode(self) -> bytes:
        """Return the frame."""
        return _start(self.op).finish()


@dataclass(frozen=True, slots=True)
class ListReply:
    """The number of bundles."""

    status: Status
    count: int = 0

    def encode(self) -> bytes:
        """Return the frame."""
        return _start(Op.LIST | REPLY_BIT).u8(self.status).u16(self.count).u8(0).finish()


@dataclass(frozen=True, slots=True)
class ImageReply:
    """The image, empty unless the status is ok."""

    status: Status
    image: bytes = b""

    def encode(self) -> bytes:
        """Return the frame."""
        out = _start(Op.FETCH_IMAGE | REPLY_BIT).u8(self.status)
        return out.u32(len(self.image)).put(self.image).finish()


def decode_request(frame: bytes) -> Request:
    """Read a request; the exact length is required."""
    reader, _ = open_frame(frame, MAGIC, (VERSION,))
    op = reader.choice(Op, Reason.UNSUPPORTED_OPERATION)
    reader.end()
    return Request(op)


def decode_reply(frame: bytes) -> ListReply | ImageReply:
    """Read a reply."""
    reader, _ = open_frame(frame, MAGIC, (VERSION,))
    op = reader.reply_op(Op)
    status = reader.choice(Status, Reason.UNKNOWN_STATUS)
    reply: ListReply | ImageReply
    if op is Op.LIST:
        reply = ListReply(status, reader.u16())
        reader.zeros(1)
    else:
        reply = ImageReply(status, reader.take(reader.u32()))
    reader.end()
    return reply


def _start(op: int) -> FrameWriter:
    out = FrameWriter(FRAME_BYTES_MAX)
    out.put(MAGIC).u8(VERSION).u8(op)
    return out
