"""`ST` v1: the heads on a stream that moves one value of a state store.  All little-endian.

    request, 20 + n                             reply, 12
    0   2  'ST'                                 0   2  'ST'
    2   1  version = 1                          2   1  version = 1
    3   1  op: 1 put, 2 get                     3   1  op | 0x80
    4   8  id, a correlation id                 4   1  status, of `SF`
    12  2  n, the key's length                  5   1  stage: 0 go ahead, 1 done
    14  2  0                                    6   2  0
    16  4  the value's length; of a get 0       8   4  the value's length; 0 unless done and ok
    20  n  the key

The value itself follows on the stream without a frame.  Shape is checked here; whether a key or a
length may be is the business of whoever serves, since its refusal has a status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.contract import state as contract
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.octets import FrameReader, FrameWriter, check_length, open_frame
from nexus.wire.state import Status

STREAM: Final = contract.TRANSFER_STREAM
PRIORITY: Final = contract.TRANSFER_PRIORITY

MAGIC: Final = contract.TRANSFER_MAGIC
VERSIONS: Final = tuple(range(1, contract.TRANSFER_VERSION_MAX + 1))
HEAD_BYTES: Final = contract.TRANSFER_HEAD_BYTES
REPLY_BYTES: Final = contract.TRANSFER_REPLY_BYTES
KEY_BYTES_MAX: Final = contract.PEER_KEY_BYTES_MAX

Op = contract.TransferOp

Stage = contract.Stage


@dataclass(frozen=True, slots=True)
class Head:
    """The fixed part of a request: all that is needed to say whether the key is awaited."""

    op: Op
    identity: int
    key_bytes: int
    value_bytes: int

    def encode(self) -> bytes:
        """Return the bytes before the key."""
        if self.op is Op.GET and self.value_bytes:
            raise LocalProtocolError(Reason.OUT_OF_RANGE, f"get with {self.value_bytes} bytes")
        out = FrameWriter(HEAD_BYTES).put(MAGIC).u8(VERSIONS[0]).u8(self.op).u64(self.identity)
        return out.u16(self.key_bytes).u16(0).u32(self.value_bytes).finish()


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request: the head and the key."""

    op: Op
    identity: int
    key: str
    value_bytes: int = 0

    def encode(self) -> bytes:
        """Return head and key."""
        key = check_length(self.key.encode(), 0, KEY_BYTES_MAX, Reason.OVERSIZED)
        return Head(self.op, self.identity, len(key), self.value_bytes).encode() + key


@dataclass(frozen=True, slots=True)
class Reply:
    """Go ahead, or how it ended."""

    op: Op
    status: Status
    stage: Stage
    value_bytes: int = 0

    def encode(self) -> bytes:
        """Return the head of the reply."""
        flaw = _flaw_of(self)
        if flaw:
            raise LocalProtocolError(Reason.OUT_OF_RANGE, flaw)
        out = FrameWriter(REPLY_BYTES).put(MAGIC).u8(VERSIONS[0]).u8(self.op | 0x80)
        return out.u8(self.status).u8(self.stage).u16(0).u32(self.value_bytes).finish()


def decode_head(data: bytes) -> Head:
    """Read the fixed part of a request."""
    reader, _ = open_frame(data, MAGIC, VERSIONS)
    head = _read_head(reader)
    reader.end()
    return head


def decode_request(data: bytes) -> Request:
    """Read a whole request."""
    reader, _ = open_frame(data, MAGIC, VERSIONS)
    head = _read_head(reader)
    if head.key_bytes > KEY_BYTES_MAX:
        raise RemoteProtocolError(Reason.OVERSIZED, f"key of {head.key_bytes}")
    key = reader.text(head.key_bytes)
    reader.end()
    return Request(head.op, head.identity, key, head.value_bytes)


def decode_reply(data: bytes) -> Reply:
    """Read the head of a reply."""
    reader, _ = open_frame(data, MAGIC, VERSIONS)
    op = reader.reply_op(Op)
    status = reader.choice(Status, Reason.UNKNOWN_STATUS)
    stage = reader.choice(Stage, Reason.OUT_OF_RANGE)
    reader.zeros(2)
    reply = Reply(op, status, stage, reader.u32())
    reader.end()
    flaw = _flaw_of(reply)
    if flaw:
        raise RemoteProtocolError(Reason.OUT_OF_RANGE, flaw)
    return reply


def _read_head(reader: FrameReader) -> Head:
    op = reader.choice(Op, Reason.UNSUPPORTED_OPERATION)
    identity, key_bytes = reader.u64(), reader.u16()
    reader.zeros(2)
    value_bytes = reader.u32()
    if op is Op.GET and value_bytes:
        raise RemoteProtocolError(Reason.OUT_OF_RANGE, f"get with {value_bytes} bytes")
    return Head(op, identity, key_bytes, value_bytes)


def _flaw_of(reply: Reply) -> str | None:
    """Say what of a reply contradicts the rest of it."""
    if reply.stage is Stage.GO_AHEAD and (reply.op is Op.GET or reply.status is not Status.OK):
        return f"go ahead with {reply.op.name} and {reply.status.name}"
    is_good = reply.stage is Stage.DONE and reply.status is Status.OK
    return f"a length of {reply.value_bytes}" if reply.value_bytes and not is_good else None
