"""Streams of calls: requests one way, answers the other, back to back, each with its length.

There are two kinds, `gateway` for frames and `rpc/2` for messages (docs/spec/streams.md, rpc.md).
Each side has one of each at most; here is what they have in common.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nexus.dsoftbus.audit import Outcome
from nexus.dsoftbus.mux import Mux
from nexus.dsoftbus.mux_stream import BUFFER_BYTES_MAX
from nexus.dsoftbus.mux_transitions import ResetReason, StreamState
from nexus.wire import rpc
from nexus.wire.error import Reason, RemoteProtocolError
from nexus.wire.gateway import (
    FRAME_BYTES_MAX,
    REQUEST_HEAD_BYTES,
    RESPONSE_HEAD_BYTES,
    RESPONSE_PAYLOAD_MAX,
    Type,
    payload_length,
)

# Half of a stream's buffer: what is being served when requests are no longer taken still fits.
_ROOM_LEAST: Final = BUFFER_BYTES_MAX // 2


@dataclass(frozen=True, slots=True)
class Kind:
    """The way to cut a stream into requests and answers: each head gives the length of the whole.

    A length that is an outcome is the reason why nothing behind it can be cut either.
    """

    name: str
    priority: int
    request_head: int
    answer_head: int
    request_length: Callable[[bytearray], int | Outcome]
    answer_length: Callable[[bytearray], int | None]


@dataclass(frozen=True, slots=True)
class Answered:
    """The bytes of an answer, which is not yet known to be well-formed."""

    frame: bytes
    is_message: bool = False


@dataclass(frozen=True, slots=True)
class Nonsense:
    """The answer to a peer whose stream of calls has no next request; the stream was reset."""

    outcome: Outcome
    frame: bytes


@dataclass(frozen=True, slots=True)
class Pulled:
    """A request, and the stream that its answer goes to; None is bare."""

    frame: bytes
    stream: int | None
    is_message: bool = False


def _frame_length(head: bytearray) -> int | Outcome:
    if head[0] != Type.REQUEST:
        return Outcome.MALFORMED
    length = REQUEST_HEAD_BYTES + payload_length(head)
    return Outcome.OVERSIZED if length > FRAME_BYTES_MAX else length


def _response_length(head: bytearray) -> int | None:
    payload = payload_length(head)
    is_one = head[0] == Type.RESPONSE and payload <= RESPONSE_PAYLOAD_MAX
    return RESPONSE_HEAD_BYTES + payload if is_one else None


def _message_length(head: bytearray) -> int | Outcome:
    try:
        return rpc.message_length(head)
    except RemoteProtocolError as exc:
        return Outcome.OVERSIZED if exc.reason is Reason.OVERSIZED else Outcome.MALFORMED


def _answer_length(head: bytearray) -> int | None:
    length = _message_length(head)
    return None if isinstance(length, Outcome) else length


GATEWAY: Final = "gateway"
GATEWAY_PRIORITY: Final = 0

FRAMES: Final = Kind(
    name=GATEWAY,
    priority=GATEWAY_PRIORITY,
    request_head=REQUEST_HEAD_BYTES,
    answer_head=RESPONSE_HEAD_BYTES,
    request_length=_frame_length,
    answer_length=_response_length,
)
MESSAGES: Final = Kind(
    name=rpc.STREAM,
    priority=rpc.STREAM_PRIORITY,
    request_head=rpc.HEAD_BYTES,
    answer_head=rpc.HEAD_BYTES,
    request_length=_message_length,
    answer_length=_answer_length,
)


class Serving:
    """The peer's stream of one kind: what it asks, and how much of it is not answered."""

    __slots__ = ("_buffer", "_count", "_is_message", "_kind", "stream")

    def __init__(self, kind: Kind) -> None:
        """Serve none yet."""
        self.stream: int | None = None
        self._kind = kind
        self._is_message = kind is MESSAGES
        self._buffer = bytearray()
        self._count = 0

    def begin(self, streams: Mux, stream: int) -> None:
        """Take a stream that the peer opened."""
        streams.accept(stream)
        self.stream = stream

    def put(self, data: bytes) -> None:
        """Take bytes of it."""
        self._buffer += data

    def take(self, streams: Mux) -> Pulled | Nonsense | None:
        """Take the next request, if it is whole and its answer has room."""
        stream = self.stream
        if stream is None or not self._buffer:
            return None
        if streams.state(stream) is None or streams.room(stream) < _ROOM_LEAST:
            return None
        if len(self._buffer) < self._kind.request_head:
            return self._take_last(streams, stream)
        length = self._kind.request_length(self._buffer)
        if isinstance(length, Outcome):
            # A message's table says nothing of what it is about.
            head = b"" if self._is_message else bytes(self._buffer[: self._kind.request_head])
            streams.reset(stream, ResetReason.NONSENSE)
            self.drop()
            return Nonsense(length, head)
        if len(self._buffer) < length:
            return self._take_last(streams, stream)
        frame = bytes(self._buffer[:length])
        del self._buffer[:length]
        streams.grant(stream, length)
        self._count += 1
        return Pulled(frame, stream, self._is_message)

    def answer(self, streams: Mux, frame: bytes) -> None:
        """Send an answer, if it can still be sent."""
        stream = self.stream
        assert stream is not None, "an answer without a stream"
        if streams.room(stream) >= len(frame):
            streams.send(stream, frame)
        self._count -= 1
        self.end(streams)

    def end(self, streams: Mux) -> None:
        """Close our side when the peer has closed its own and has its answers."""
        if self.stream is None or self._count or self._buffer:
            return
        if streams.state(self.stream) is StreamState.HALF_CLOSED_REMOTE:
            streams.close(self.stream)
            self.drop()

    def drop(self) -> None:
        """Forget the stream."""
        self.stream = None
        self._count = 0
        self._buffer.clear()

    def _take_last(self, streams: Mux, stream: int) -> Pulled | None:
        """Take the beginning of a request behind which the peer has closed: all that comes."""
        if streams.state(stream) is not StreamState.HALF_CLOSED_REMOTE:
            return None
        frame = bytes(self._buffer)
        self._buffer.clear()
        self._count += 1
        return Pulled(frame, stream, self._is_message)


class Asking:
    """Our stream of one kind: where calls go, and what has come of answers."""

    __slots__ = ("_buffer", "_is_message", "_kind", "stream")

    def __init__(self, kind: Kind) -> None:
        """Ask nothing yet."""
        self.stream: int | None = None
        self._kind = kind
        self._is_message = kind is MESSAGES
        self._buffer = bytearray()

    def open(self, streams: Mux) -> None:
        """Open the stream."""
        self.stream = streams.open(self._kind.name, self._kind.priority)

    def send(self, streams: Mux, frame: bytes) -> bool:
        """Send a call; False if there is no room for it."""
        assert self.stream is not None, "a call without a stream"
        if streams.room(self.stream) < len(frame):
            return False
        streams.send(self.stream, frame)
        return True

    def take(self, streams: Mux, data: bytes) -> list[Answered]:
        """Take bytes of it; return the answers that are whole."""
        assert self.stream is not None, "answers without a stream"
        self._buffer += data
        if streams.state(self.stream) is not None:
            streams.grant(self.stream, len(data))
        answers: list[Answered] = []
        while len(self._buffer) >= self._kind.answer_head:
            length = self._kind.answer_length(self._buffer)
            if length is None:
                # Whatever follows cannot be told apart either.
                streams.reset(self.stream, ResetReason.NONSENSE)
                self.drop()
                break
            if len(self._buffer) < length:
                break
            answers.append(Answered(bytes(self._buffer[:length]), self._is_message))
            del self._buffer[:length]
        return answers

    def end(self, streams: Mux) -> None:
        """Give the stream up.  The next call opens another; calls under way end by deadlines."""
        if self.stream is not None:
            streams.reset(self.stream)
        self.drop()

    def drop(self) -> None:
        """Forget the stream."""
        self.stream = None
        self._buffer.clear()
