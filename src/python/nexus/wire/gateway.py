"""Frames inside an authenticated session: gateway requests and responses, and keepalive.

    request, 18 + n                         response, 16 + n
    0   1  type = 1                         0   1  type = 2
    1   1  service                          1   1  status: 0 ok, 1 refused, 2 failed
    2   2  n, at most 256                   2   2  n, at most 512
    4   8  correlation id                   4   8  correlation id of the request
    12  4  deadline, ms, 1..60000           12  4  0
    16  2  0                                16  n  payload, empty unless ok
    18  n  payload

    ping (3) and pong (4), 16 bytes: type, 7 zero bytes, nonce u64.  All little-endian.

The decoder checks shape.  That a payload is longer than the gateway takes is the gateway's to
say, because the refusal has a name of its own; the frame's bound is that of the session.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.octets import FrameReader, FrameWriter

FRAME_BYTES_MAX: Final = 1024
REQUEST_HEAD_BYTES: Final = 18
RESPONSE_HEAD_BYTES: Final = 16
REQUEST_PAYLOAD_MAX: Final = 256
RESPONSE_PAYLOAD_MAX: Final = 512
DEADLINE_MS_MAX: Final = 60_000
PING_BYTES: Final = 16


class Type(IntEnum):
    """The first byte of a frame; 16 and up are kept for streams."""

    REQUEST = 1
    RESPONSE = 2
    PING = 3
    PONG = 4


class Status(IntEnum):
    """How a request ended, as the peer is told."""

    OK = 0
    REFUSED = 1
    FAILED = 2


@dataclass(frozen=True, slots=True)
class Request:
    """A call to a service of the peer."""

    service: int
    correlation: int
    deadline_ms: int
    payload: bytes

    def encode(self) -> bytes:
        """Return the frame."""
        if len(self.payload) > REQUEST_PAYLOAD_MAX:
            raise LocalProtocolError(
                Reason.OVERSIZED, f"{len(self.payload)}, accepted are up to {REQUEST_PAYLOAD_MAX}"
            )
        if not 1 <= self.deadline_ms <= DEADLINE_MS_MAX:
            raise LocalProtocolError(Reason.OUT_OF_RANGE, f"deadline of {self.deadline_ms} ms")
        out = FrameWriter(FRAME_BYTES_MAX)
        out.u8(Type.REQUEST).u8(self.service).u16(len(self.payload)).u64(self.correlation)
        return out.u32(self.deadline_ms).u16(0).put(self.payload).finish()


@dataclass(frozen=True, slots=True)
class Response:
    """The one answer to a request."""

    status: Status
    correlation: int
    payload: bytes = b""

    def encode(self) -> bytes:
        """Return the frame."""
        if len(self.payload) > RESPONSE_PAYLOAD_MAX:
            raise LocalProtocolError(
                Reason.OVERSIZED, f"{len(self.payload)}, accepted are up to {RESPONSE_PAYLOAD_MAX}"
            )
        if self.payload and self.status is not Status.OK:
            raise LocalProtocolError(Reason.OUT_OF_RANGE, f"payload with {self.status.name}")
        out = FrameWriter(FRAME_BYTES_MAX)
        out.u8(Type.RESPONSE).u8(self.status).u16(len(self.payload)).u64(self.correlation)
        return out.u32(0).put(self.payload).finish()


@dataclass(frozen=True, slots=True)
class Ping:
    """Is the peer there?"""

    nonce: int

    def encode(self) -> bytes:
        """Return the frame."""
        return _encode_keepalive(Type.PING, self.nonce)


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer, with the ping's nonce."""

    nonce: int

    def encode(self) -> bytes:
        """Return the frame."""
        return _encode_keepalive(Type.PONG, self.nonce)


Frame = Request | Response | Ping | Pong


def decode_frame(frame: bytes) -> Frame:
    """Read any frame of a session."""
    if len(frame) > FRAME_BYTES_MAX:
        raise RemoteProtocolError(Reason.OVERSIZED, f"{len(frame)}")
    reader = FrameReader(frame)
    kind = reader.choice(Type, Reason.UNKNOWN_TYPE)
    decoded: Frame
    if kind is Type.REQUEST:
        decoded = _decode_request(reader)
    elif kind is Type.RESPONSE:
        decoded = _decode_response(reader)
    else:
        reader.zeros(7)
        nonce = reader.u64()
        decoded = Ping(nonce) if kind is Type.PING else Pong(nonce)
    reader.end()
    return decoded


def correlation_of(frame: bytes) -> int:
    """Return the id to answer a frame that cannot be read: its own if it has one, else 0."""
    return int.from_bytes(frame[4:12], "little") if len(frame) >= 12 else 0


def _decode_request(reader: FrameReader) -> Request:
    service, length, correlation = reader.u8(), reader.u16(), reader.u64()
    deadline_ms = reader.u32()
    reader.zeros(2)
    if not 1 <= deadline_ms <= DEADLINE_MS_MAX:
        raise RemoteProtocolError(Reason.OUT_OF_RANGE, f"deadline of {deadline_ms} ms")
    return Request(service, correlation, deadline_ms, reader.take(length))


def _decode_response(reader: FrameReader) -> Response:
    status = reader.choice(Status, Reason.UNKNOWN_STATUS)
    length, correlation = reader.u16(), reader.u64()
    reader.zeros(4)
    if length > RESPONSE_PAYLOAD_MAX:
        raise RemoteProtocolError(Reason.OVERSIZED, f"payload of {length}")
    if length and status is not Status.OK:
        raise RemoteProtocolError(Reason.OUT_OF_RANGE, f"payload with {status.name}")
    return Response(status, correlation, reader.take(length))


def _encode_keepalive(kind: Type, nonce: int) -> bytes:
    return FrameWriter(PING_BYTES).u8(kind).put(bytes(7)).u64(nonce).finish()
