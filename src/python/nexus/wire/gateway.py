"""Frames inside an authenticated session: gateway requests and responses, and keepalive.

Where their fields are is in the schema (docs/spec/contract.md, `Request`, `Response`, `Keepalive`).
The decoder checks shape.  That a payload is longer than the gateway takes is the gateway's to
say, because the refusal has a name of its own; the frame's bound is that of the session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.contract import gateway as contract
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.octets import FrameReader, FrameWriter
from nexus.wire.part import Part

FRAME_BYTES_MAX: Final = contract.FRAME_BYTES_MAX
_REQUEST_HEAD: Final = Part(contract.REQUEST_HEAD)
_RESPONSE_HEAD: Final = Part(contract.RESPONSE_HEAD)
_KEEPALIVE_HEAD: Final = Part(contract.KEEPALIVE_HEAD)
REQUEST_HEAD_BYTES: Final = _REQUEST_HEAD.size
RESPONSE_HEAD_BYTES: Final = _RESPONSE_HEAD.size
REQUEST_PAYLOAD_MAX: Final = contract.REQUEST_PAYLOAD_MAX
RESPONSE_PAYLOAD_MAX: Final = contract.RESPONSE_PAYLOAD_MAX
DEADLINE_MS_MAX: Final = contract.DEADLINE_MS_MAX
PING_BYTES: Final = _KEEPALIVE_HEAD.size

# Requests and responses are most of what a busy session carries: each head is read at once.
_REQUEST: Final = _REQUEST_HEAD.struct
_RESPONSE: Final = _RESPONSE_HEAD.struct
_CORRELATION: Final = _REQUEST_HEAD.span("correlation")
# At the same place of either head.
_LENGTH: Final = _REQUEST_HEAD.span("length")
assert _RESPONSE_HEAD.span("length") == _LENGTH, "requests and responses have one place for it"
SERVICE_AT: Final = _REQUEST_HEAD.at("service")
_STATUS_AT: Final = _RESPONSE_HEAD.at("status")

Type = contract.Type

Status = contract.Status

_REQUEST_TYPE: Final = int(Type.REQUEST)
_RESPONSE_TYPE: Final = int(Type.RESPONSE)

_STATUSES: Final = tuple(Status)
_U64_MAX: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Request:
    """A call to a service of the peer."""

    service: int  # The number of its id, 0..255.
    correlation: int  # Names the call in its session; with an epoch, also across sessions.
    deadline_ms: int  # From its arrival on, 1..DEADLINE_MS_MAX.
    payload: bytes

    def encode(self) -> bytes:
        """Return the frame.

        Raises:
            LocalProtocolError: a field has a value that no frame can hold.
        """
        if len(self.payload) > REQUEST_PAYLOAD_MAX:
            raise LocalProtocolError(
                Reason.OVERSIZED,
                f"payload of {len(self.payload)} bytes; at most {REQUEST_PAYLOAD_MAX}",
            )
        if not 1 <= self.deadline_ms <= DEADLINE_MS_MAX:
            raise LocalProtocolError(
                Reason.OUT_OF_RANGE,
                f"deadline of {self.deadline_ms} ms; expected 1..{DEADLINE_MS_MAX}",
            )
        _check(self.service, 0xFF, "service")
        _check(self.correlation, _U64_MAX, "correlation id")
        length = len(self.payload)
        head = _REQUEST.pack(
            _REQUEST_TYPE, self.service, length, self.correlation, self.deadline_ms, 0
        )
        return head + self.payload


@dataclass(frozen=True, slots=True)
class Response:
    """The one answer to a request."""

    status: Status
    correlation: int
    payload: bytes = b""  # Empty unless the status is OK.

    def encode(self) -> bytes:
        """Return the frame.

        Raises:
            LocalProtocolError: a field has a value that no frame can hold.
        """
        if len(self.payload) > RESPONSE_PAYLOAD_MAX:
            raise LocalProtocolError(
                Reason.OVERSIZED,
                f"payload of {len(self.payload)} bytes; at most {RESPONSE_PAYLOAD_MAX}",
            )
        if self.payload and self.status is not Status.OK:
            raise LocalProtocolError(
                Reason.OUT_OF_RANGE, f"a payload with {self.status.name}; only OK has one"
            )
        _check(self.correlation, _U64_MAX, "correlation id")
        length = len(self.payload)
        head = _RESPONSE.pack(_RESPONSE_TYPE, self.status, length, self.correlation, 0)
        return head + self.payload


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
    """Read any frame of a session.

    Raises:
        RemoteProtocolError: it is not one; the reason says which rule it breaks first.
    """
    if len(frame) > FRAME_BYTES_MAX:
        raise RemoteProtocolError(
            Reason.OVERSIZED, f"a frame of {len(frame)} bytes; at most {FRAME_BYTES_MAX}"
        )
    kind = frame[0] if frame else 0
    if kind == _REQUEST_TYPE:
        return _decode_request(frame)
    if kind == _RESPONSE_TYPE:
        return _decode_response(frame)
    reader = FrameReader(frame)
    walk = reader.walk(_KEEPALIVE_HEAD)
    is_ping = walk.choice("type", Type, Reason.UNKNOWN_TYPE) is Type.PING
    walk.zeros("reserved")
    nonce = walk.number("nonce")
    reader.end()
    return Ping(nonce) if is_ping else Pong(nonce)


def payload_length(head: bytes | bytearray) -> int:
    """Return how long the payload is behind the head of a request or of a response."""
    return int.from_bytes(head[_LENGTH], "little")


def correlation_of(frame: bytes) -> int:
    """Return the id to answer a frame that cannot be read: its own if it has one, else 0."""
    is_there = len(frame) >= _CORRELATION.stop
    return int.from_bytes(frame[_CORRELATION], "little") if is_there else 0


def _decode_request(frame: bytes) -> Request:
    if len(frame) < REQUEST_HEAD_BYTES:
        raise RemoteProtocolError(Reason.TRUNCATED, f"request of {len(frame)} bytes")
    _, service, length, correlation, deadline_ms, reserved = _REQUEST.unpack_from(frame)
    if reserved:
        raise RemoteProtocolError(Reason.RESERVED_NOT_ZERO, f"{reserved} in a request")
    if not 1 <= deadline_ms <= DEADLINE_MS_MAX:
        raise RemoteProtocolError(
            Reason.OUT_OF_RANGE, f"deadline of {deadline_ms} ms; expected 1..{DEADLINE_MS_MAX}"
        )
    return Request(service, correlation, deadline_ms, _payload(frame, REQUEST_HEAD_BYTES, length))


def _decode_response(frame: bytes) -> Response:
    if len(frame) <= _STATUS_AT:
        raise RemoteProtocolError(Reason.TRUNCATED, f"response of {len(frame)} bytes")
    if frame[_STATUS_AT] >= len(_STATUSES):
        raise RemoteProtocolError(Reason.UNKNOWN_STATUS, f"{frame[_STATUS_AT]}")
    if len(frame) < RESPONSE_HEAD_BYTES:
        raise RemoteProtocolError(Reason.TRUNCATED, f"response of {len(frame)} bytes")
    _, status, length, correlation, reserved = _RESPONSE.unpack_from(frame)
    if reserved:
        raise RemoteProtocolError(Reason.RESERVED_NOT_ZERO, f"{reserved} in a response")
    if length > RESPONSE_PAYLOAD_MAX:
        raise RemoteProtocolError(
            Reason.OVERSIZED, f"payload of {length} bytes; at most {RESPONSE_PAYLOAD_MAX}"
        )
    if length and status:
        raise RemoteProtocolError(
            Reason.OUT_OF_RANGE, f"a payload with {_STATUSES[status].name}; only OK has one"
        )
    payload = _payload(frame, RESPONSE_HEAD_BYTES, length)
    return Response(_STATUSES[status], correlation, payload)


def _payload(frame: bytes, head: int, length: int) -> bytes:
    """Return what follows the head, which is to be as long as the head says."""
    left = len(frame) - head
    if left < length:
        raise RemoteProtocolError(Reason.TRUNCATED, f"{length} bytes needed, {left} left")
    if left > length:
        raise RemoteProtocolError(
            Reason.TRAILING_BYTES, f"{left - length} behind the end of the frame"
        )
    return frame[head:]


def _check(value: int, most: int, what: str) -> None:
    if not 0 <= value <= most:
        raise LocalProtocolError(Reason.OUT_OF_RANGE, f"{what} {value}; expected 0..{most}")


def _encode_keepalive(kind: Type, nonce: int) -> bytes:
    _check(nonce, _U64_MAX, "nonce")
    return FrameWriter(PING_BYTES).part(_KEEPALIVE_HEAD, kind, nonce).finish()
