"""`SM` v1: the service registry's frames, `['S','M',1,op,...]`, little-endian.

op                   request tail                                          reply
1 register           name_len u8, send u32, recv u32, name                 slots
2 lookup             name_len u8, name                                     slots
4 sender-pid         -                                                     status, pid u32
5 sender-service-id  -                                                     status, id u64
6 resolve-status     name_len u8 (1..48), name                             slots, both zero

slots: status u8, send u32, recv u32.  A reply's op has bit 7 set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.contract import samgr as contract
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.octets import REPLY_BIT, FrameWriter, check_length, open_frame

MAGIC: Final = contract.MAGIC
VERSION: Final = contract.VERSION
REGISTER_NAME_BYTES_MAX: Final = contract.REGISTER_NAME_BYTES_MAX
RESOLVE_NAME_BYTES_MAX: Final = contract.RESOLVE_NAME_BYTES_MAX
_FRAME_BYTES_MAX: Final = 13 + REGISTER_NAME_BYTES_MAX

Op = contract.Op

Status = contract.Status


_NAME_BYTES_MAX: Final = {
    Op.REGISTER: REGISTER_NAME_BYTES_MAX,
    Op.LOOKUP: REGISTER_NAME_BYTES_MAX,
    Op.RESOLVE_STATUS: RESOLVE_NAME_BYTES_MAX,
}
_SLOT_OPS: Final = (Op.REGISTER, Op.LOOKUP, Op.RESOLVE_STATUS)


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `name` is empty and slots are zero where the operation has none."""

    op: Op
    name: str = ""
    send: int = 0
    recv: int = 0

    def encode(self) -> bytes:
        """Return the frame."""
        out = _start(self.op)
        if self.op not in _NAME_BYTES_MAX:
            if self.name or self.send or self.recv:
                raise LocalProtocolError(
                    Reason.OUT_OF_RANGE, f"{self.op.name} takes neither a name nor slots"
                )
            return out.finish()
        name = self.name.encode()
        check_length(name, 1, _NAME_BYTES_MAX[self.op], Reason.NAME_LENGTH)
        out.u8(len(name))
        if self.op is Op.REGISTER:
            out.u32(self.send).u32(self.recv)
        return out.put(name).finish()


@dataclass(frozen=True, slots=True)
class SlotReply:
    """The reply to register, lookup and resolve-status."""

    op: Op
    status: Status
    send: int = 0
    recv: int = 0

    def encode(self) -> bytes:
        """Return the frame."""
        return _start(self.op | REPLY_BIT).u8(self.status).u32(self.send).u32(self.recv).finish()


@dataclass(frozen=True, slots=True)
class SenderReply:
    """The reply to sender-pid and sender-service-id: a pid of 32 bits or an id of 64."""

    op: Op
    status: Status
    value: int = 0

    def encode(self) -> bytes:
        """Return the frame."""
        out = _start(self.op | REPLY_BIT).u8(self.status)
        return (out.u32 if self.op is Op.SENDER_PID else out.u64)(self.value).finish()


Reply = SlotReply | SenderReply


def decode_request(frame: bytes) -> Request:
    """Read a request; the exact length is required."""
    reader, _ = open_frame(frame, MAGIC, (VERSION,))
    op = reader.choice(Op, Reason.UNSUPPORTED_OPERATION)
    if op not in _NAME_BYTES_MAX:
        reader.end()
        return Request(op)
    length = reader.u8()
    if not 1 <= length <= _NAME_BYTES_MAX[op]:
        raise RemoteProtocolError(
            Reason.NAME_LENGTH, f"{length} bytes; expected 1..{_NAME_BYTES_MAX[op]}"
        )
    send, recv = (reader.u32(), reader.u32()) if op is Op.REGISTER else (0, 0)
    name = reader.text(length)
    reader.end()
    return Request(op, name, send, recv)


def decode_reply(frame: bytes) -> Reply:
    """Read a reply."""
    reader, _ = open_frame(frame, MAGIC, (VERSION,))
    op = reader.reply_op(Op)
    status = reader.choice(Status, Reason.UNKNOWN_STATUS)
    reply: Reply
    if op in _SLOT_OPS:
        reply = SlotReply(op, status, reader.u32(), reader.u32())
    else:
        reply = SenderReply(op, status, reader.u32() if op is Op.SENDER_PID else reader.u64())
    reader.end()
    if op is Op.RESOLVE_STATUS and reply != SlotReply(op, status):
        # Slots of another machine mean nothing here, so none may be smuggled.
        raise RemoteProtocolError(Reason.RESERVED_NOT_ZERO, "slots of resolve-status")
    return reply


def _start(op: int) -> FrameWriter:
    out = FrameWriter(_FRAME_BYTES_MAX)
    out.put(MAGIC).u8(VERSION).u8(op)
    return out
