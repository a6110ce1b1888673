"""`PO` v2: the policy service's frames, `['P','O',2,op,nonce u32]`, little-endian.

op                      request tail                                   reply tail
4 check-cap             subject u64, capability_len u8, capability     status u8, 0 u8
5 delegated check-cap   the same
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.contract import policy as contract
from nexus.wire.error import Reason, RemoteProtocolError
from nexus.wire.octets import REPLY_BIT, FrameWriter, check_length, open_frame

MAGIC: Final = contract.MAGIC
VERSION: Final = contract.VERSION
CAPABILITY_BYTES_MAX: Final = contract.CAPABILITY_BYTES_MAX
_FRAME_BYTES_MAX: Final = 17 + CAPABILITY_BYTES_MAX

Op = contract.Op

Status = contract.Status


@dataclass(frozen=True, slots=True)
class Request:
    """May this subject do that?"""

    op: Op
    nonce: int
    subject: int
    capability: str

    def encode(self) -> bytes:
        """Return the frame."""
        capability = self.capability.encode()
        check_length(capability, 1, CAPABILITY_BYTES_MAX, Reason.NAME_LENGTH)
        out = _start(self.op).u32(self.nonce).u64(self.subject)
        return out.u8(len(capability)).put(capability).finish()


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the request of the same nonce."""

    op: Op
    nonce: int
    status: Status

    def encode(self) -> bytes:
        """Return the frame."""
        return _start(self.op | REPLY_BIT).u32(self.nonce).u8(self.status).u8(0).finish()


def decode_request(frame: bytes) -> Request:
    """Read a request; the exact length is required."""
    reader, _ = open_frame(frame, MAGIC, (VERSION,))
    op = reader.choice(Op, Reason.UNSUPPORTED_OPERATION)
    nonce, subject, length = reader.u32(), reader.u64(), reader.u8()
    if not 1 <= length <= CAPABILITY_BYTES_MAX:
        raise RemoteProtocolError(
            Reason.NAME_LENGTH, f"{length} bytes; expected 1..{CAPABILITY_BYTES_MAX}"
        )
    capability = reader.text(length)
    reader.end()
    return Request(op, nonce, subject, capability)


def decode_reply(frame: bytes) -> Reply:
    """Read a reply."""
    reader, _ = open_frame(frame, MAGIC, (VERSION,))
    op = reader.reply_op(Op)
    nonce = reader.u32()
    status = reader.choice(Status, Reason.UNKNOWN_STATUS)
    reader.zeros(1)
    reader.end()
    return Reply(op, nonce, status)


def _start(op: int) -> FrameWriter:
    out = FrameWriter(_FRAME_BYTES_MAX)
    out.put(MAGIC).u8(VERSION).u8(op)
    return out
