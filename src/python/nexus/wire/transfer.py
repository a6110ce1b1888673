"""`ST` v1: the heads on a stream that moves one value of a state store.

Where their fields are is in the schema (docs/spec/contract.md, `TransferRequest`, `TransferReply`).
The value itself follows on the stream without a frame.  Shape is checked here; whether a key or a
length may be is for the server to judge, since its refusal has a status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.contract import state as contract
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.octets import REPLY_BIT, FrameReader, FrameWriter, Walk, check_length
from nexus.wire.part import Part
from nexus.wire.state import Status

STREAM: Final = contract.TRANSFER_STREAM
PRIORITY: Final = contract.TRANSFER_PRIORITY

MAGIC: Final = contract.TRANSFER_MAGIC
VERSIONS: Final = tuple(range(1, contract.TRANSFER_VERSION_MAX + 1))
_HEAD: Final = Part(contract.TRANSFER_REQUEST_HEAD)
_REPLY: Final = Part(contract.TRANSFER_REPLY_HEAD)
HEAD_BYTES: Final = _HEAD.size
REPLY_BYTES: Final = _REPLY.size
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
            raise LocalProtocolError(
                Reason.OUT_OF_RANGE, f"a get with a value of {self.value_bytes} bytes"
            )
        out = FrameWriter(HEAD_BYTES)
        return out.part(_HEAD, self.op, self.identity, self.key_bytes, self.value_bytes).finish()


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
        op, out = self.op | REPLY_BIT, FrameWriter(REPLY_BYTES)
        return out.part(_REPLY, op, self.status, self.stage, self.value_bytes).finish()


def decode_head(data: bytes) -> Head:
    """Read the fixed part of a request."""
    reader = FrameReader(data)
    head = _read_head(reader)
    reader.end()
    return head


def decode_request(data: bytes) -> Request:
    """Read a whole request."""
    reader = FrameReader(data)
    head = _read_head(reader)
    if head.key_bytes > KEY_BYTES_MAX:
        raise RemoteProtocolError(
            Reason.OVERSIZED, f"key of {head.key_bytes} bytes; at most {KEY_BYTES_MAX}"
        )
    key = reader.text(head.key_bytes)
    reader.end()
    return Request(head.op, head.identity, key, head.value_bytes)


def decode_reply(data: bytes) -> Reply:
    """Read the head of a reply."""
    reader = FrameReader(data)
    walk = _open(reader, _REPLY)
    op = walk.choice("op", Op, Reason.UNSUPPORTED_OPERATION, REPLY_BIT)
    status = walk.choice("status", Status, Reason.UNKNOWN_STATUS)
    stage = walk.choice("stage", Stage, Reason.OUT_OF_RANGE)
    walk.zeros("reserved")
    reply = Reply(op, status, stage, walk.number("value_length"))
    reader.end()
    flaw = _flaw_of(reply)
    if flaw:
        raise RemoteProtocolError(Reason.OUT_OF_RANGE, flaw)
    return reply


def _open(reader: FrameReader, part: Part) -> Walk:
    """Check magic and version."""
    walk = reader.walk(part)
    magic = walk.data("magic")
    if magic != MAGIC:
        raise RemoteProtocolError(Reason.BAD_MAGIC, f"{magic!r}; expected {MAGIC!r}")
    version = walk.number("version")
    if version not in VERSIONS:
        known = ", ".join(map(str, VERSIONS))
        raise RemoteProtocolError(Reason.UNSUPPORTED_VERSION, f"{version}; expected {known}")
    return walk


def _read_head(reader: FrameReader) -> Head:
    walk = _open(reader, _HEAD)
    op = walk.choice("op", Op, Reason.UNSUPPORTED_OPERATION)
    identity, key_bytes = walk.number("id"), walk.number("key_length")
    walk.zeros("reserved")
    value_bytes = walk.number("value_length")
    if op is Op.GET and value_bytes:
        raise RemoteProtocolError(Reason.OUT_OF_RANGE, f"a get with a value of {value_bytes} bytes")
    return Head(op, identity, key_bytes, value_bytes)


def _flaw_of(reply: Reply) -> str | None:
    """Say what of a reply contradicts the rest of it."""
    if reply.stage is Stage.GO_AHEAD and (reply.op is Op.GET or reply.status is not Status.OK):
        return f"go ahead with {reply.op.name} and {reply.status.name}"
    is_good = reply.stage is Stage.DONE and reply.status is Status.OK
    return f"a length of {reply.value_bytes}" if reply.value_bytes and not is_good else None
