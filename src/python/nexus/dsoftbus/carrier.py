"""How gateway frames travel in a ready session: in a stream `gateway`, or bare.

Both sides say SETTINGS first, and go on when the peer's first frame has come (keepalive apart).  If
that is SETTINGS too, each side's calls go on a stream of its own; if not, the peer knows no streams
and the frames go bare.  Other streams are the owner's.

    receive(session frame) -> events          next_frame() -> session frame to seal
    take_request() -> the next request        send_request, send_response

Rules of this file
------------------
1. Requests are taken one by one: what is not taken keeps its credit, so that a peer whose calls
   are not served yet cannot send more of them.
2. A request is taken only while there is room for its answer, for the same reason.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nexus.dsoftbus import mux
from nexus.dsoftbus.audit import Outcome
from nexus.dsoftbus.mux import Mux
from nexus.dsoftbus.mux_stream import BUFFER_BYTES_MAX
from nexus.dsoftbus.mux_transitions import MuxRejectError, Reject, ResetReason, StreamState
from nexus.dsoftbus.noise import Role
from nexus.wire import mux as wire
from nexus.wire.error import LocalProtocolError, Reason
from nexus.wire.gateway import (
    FRAME_BYTES_MAX,
    REQUEST_HEAD_BYTES,
    RESPONSE_HEAD_BYTES,
    RESPONSE_PAYLOAD_MAX,
    Type,
)

GATEWAY: Final = "gateway"
GATEWAY_PRIORITY: Final = 0

# Half of a stream's buffer: what is being served when requests are no longer taken still fits.
_ROOM_LEAST: Final = BUFFER_BYTES_MAX // 2

# Bare requests that wait; a session with streams has credit instead.
_BARE_MAX: Final = 4096


class Mode(Enum):
    """How the peer speaks."""

    UNDECIDED = "undecided"
    BARE = "bare"
    STREAMS = "streams"


@dataclass(frozen=True, slots=True)
class Answered:
    """A response's frame, or what claims to be one."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Nonsense:
    """What came on the peer's gateway stream has no next frame; the stream was reset."""

    outcome: Outcome
    frame: bytes


@dataclass(frozen=True, slots=True)
class Pulled:
    """A request, and the stream that its answer goes to; None is bare."""

    frame: bytes
    stream: int | None


Event = Answered | Nonsense | mux.Event

_NOTHING: Final[list[Event]] = []


class Carrier:
    """One ready session's frames."""

    __slots__ = (
        "_answers",
        "_bare",
        "_mux",
        "_out",
        "_own_gateway",
        "_peer_gateway",
        "_requests",
        "_serving",
        "mode",
    )

    def __init__(self, role: Role, own: wire.Settings | None = mux.MODEL) -> None:
        """Begin a session that just became ready; without settings there are no streams."""
        self.mode = Mode.BARE if own is None else Mode.UNDECIDED
        self._mux = None if own is None else Mux(role, own)
        if self._mux is not None:
            self._mux.start()
        self._bare: deque[bytes] = deque()
        self._out: deque[bytes] = deque()
        self._own_gateway: int | None = None
        self._peer_gateway: int | None = None
        self._requests = bytearray()
        self._serving = 0  # Requests of the peer's stream that were taken and not answered.
        self._answers = bytearray()

    @property
    def streams(self) -> Mux | None:
        """The streams, once both sides have said that they know them."""
        return self._mux if self.mode is Mode.STREAMS else None

    @property
    def multiplexer(self) -> Mux | None:
        """What the streams will be, if the peer knows them; None if this side does not."""
        return self._mux

    @property
    def has_output(self) -> bool:
        """Whether `next_frame` has one."""
        if self.mode is not Mode.UNDECIDED and self._out:
            return True
        return self.mode is not Mode.BARE and self._mux is not None and self._mux.has_output

    @property
    def has_bare_requests(self) -> bool:
        """Whether requests wait that no credit holds back."""
        return bool(self._bare)

    def receive(self, frame: bytes) -> list[Event]:
        """Take a frame of the session; return what happened.

        Raises:
            MuxRejectError: end the session, record the label.
        """
        is_stream_frame = wire.is_stream_frame(frame)
        if self.mode is Mode.UNDECIDED:
            assert self._mux is not None, "undecided without streams"
            if is_stream_frame:
                event = self._mux.receive(frame)
                self.mode = Mode.STREAMS
                self._move_to_stream()
                return [] if event is None else [event]
            self.mode = Mode.BARE
        if self.mode is Mode.BARE:
            return self._receive_bare(frame)
        if not is_stream_frame:
            raise MuxRejectError(Reject.MALFORMED, "a bare frame beside streams")
        assert self._mux is not None, "streams without a mux"
        event = self._mux.receive(frame)
        return [] if event is None else self._route(event)

    def receive_data(self, number: int, data: bytes) -> list[Event] | None:
        """Take the data of a stream; None: they are its owner's.

        Only once there are streams.

        Raises:
            MuxRejectError: end the session, record the label.
        """
        assert self._mux is not None, "streams without a mux"
        if not self._mux.receive_data(number, len(data)):
            return _NOTHING
        if number == self._peer_gateway:
            self._requests += data
            return _NOTHING
        if number == self._own_gateway:
            self._answers += data
            if self._mux.state(number) is not None:
                self._mux.consume(number, len(data))
            return self._cut_answers()
        return None

    def take_request(self) -> Pulled | Nonsense | None:
        """Take the peer's next request, if one is whole and may be taken now."""
        if self._bare:
            return Pulled(self._bare.popleft(), None)
        stream, streams = self._peer_gateway, self.streams
        if stream is None or streams is None or not self._requests:
            return None
        if streams.state(stream) is None or streams.room(stream) < _ROOM_LEAST:
            return None
        if len(self._requests) < REQUEST_HEAD_BYTES:
            return self._take_last(stream, streams)
        length = REQUEST_HEAD_BYTES + int.from_bytes(self._requests[2:4], "little")
        outcome = None
        if self._requests[0] != Type.REQUEST:
            outcome = Outcome.MALFORMED
        elif length > FRAME_BYTES_MAX:
            outcome = Outcome.OVERSIZED
        if outcome is not None:
            head = bytes(self._requests[:REQUEST_HEAD_BYTES])
            streams.reset(stream, ResetReason.NONSENSE)
            self._drop_peer_gateway()
            return Nonsense(outcome, head)
        if len(self._requests) < length:
            return self._take_last(stream, streams)
        frame = bytes(self._requests[:length])
        del self._requests[:length]
        streams.consume(stream, length)
        self._serving += 1
        return Pulled(frame, stream)

    def _take_last(self, stream: int, streams: Mux) -> Pulled | None:
        """Take the beginning of a request behind which the peer has closed: all that comes."""
        if streams.state(stream) is not StreamState.HALF_CLOSED_REMOTE:
            return None
        frame = bytes(self._requests)
        self._requests.clear()
        self._serving += 1
        return Pulled(frame, stream)

    def open(self, name: str, priority: int) -> int:
        """Open a stream of the owner's; return its number.

        Of several streams of one name each after the first is `name#2`, `name#3`, and so on, since
        a side has one live stream of a name (docs/spec/streams.md, *Names*).

        Raises:
            LocalProtocolError: the name is the node's own, or there are too many streams.
        """
        streams = self.streams
        if streams is None or streams.peer is None:
            raise LocalProtocolError(Reason.STATE, "there are no streams in this session")
        if name == GATEWAY:
            raise LocalProtocolError(Reason.OUT_OF_RANGE, f"{GATEWAY!r} is opened by calls")
        # One is kept for calls, which open theirs when there is the first.
        most = streams.peer.streams_max - (self._own_gateway is None)
        if streams.own_count >= most:
            raise LocalProtocolError(Reason.STATE, f"{streams.own_count} streams are open")
        return streams.open(streams.free_name(name), priority)

    def send_request(self, frame: bytes) -> bool:
        """Send a call; False if there is no room for it, which only a stuck peer brings about."""
        if self.mode is not Mode.STREAMS:
            # Undecided, it waits for the peer's first frame.
            if len(self._out) >= _BARE_MAX:
                return False
            self._out.append(frame)
            return True
        return self._send_on_stream(frame)

    def send_response(self, frame: bytes, stream: int | None) -> None:
        """Answer where the request came from; a stream that is over needs no answer."""
        if stream is None:
            self._out.append(frame)
            return
        streams = self.streams
        if streams is not None and streams.room(stream) >= len(frame):
            streams.send(stream, frame)
        if stream == self._peer_gateway:
            self._serving -= 1
            self._end_peer_gateway()

    def next_frame(self) -> bytes | None:
        """Take the next frame to seal."""
        if self.mode is not Mode.UNDECIDED and self._out:
            return self._out.popleft()
        if self.mode is Mode.BARE or self._mux is None:
            return None
        return self._mux.next_frame()

    def _receive_bare(self, frame: bytes) -> list[Event]:
        if frame[:1] == bytes([Type.RESPONSE]):
            return [Answered(frame)]
        # Stream frames among them: a node without streams takes them for requests.
        self._bare.append(frame)
        return []

    def _route(self, event: mux.Event) -> list[Event]:
        """Keep what belongs to the gateway streams, hand on the rest."""
        streams = self.streams
        assert streams is not None, "an event without streams"
        match event:
            case mux.Opened(stream, name) if name == GATEWAY:
                streams.accept(stream)
                self._peer_gateway = stream
                return []
            case mux.Arrived(stream, data) if stream == self._peer_gateway:
                self._requests += data
                return []
            case mux.Arrived(stream, data) if stream == self._own_gateway:
                self._answers += data
                streams.consume(stream, len(data))
                return self._cut_answers()
            case mux.HalfClosed(stream) if stream == self._peer_gateway:
                self._end_peer_gateway()
                return []
            case mux.WasReset(stream, _) if stream == self._peer_gateway:
                self._drop_peer_gateway()
                return []
            case mux.WasReset(stream, _) | mux.HalfClosed(stream) if stream == self._own_gateway:
                # The next call opens another; calls under way end by their deadlines.
                streams.reset(stream)
                self._own_gateway = None
                self._answers.clear()
                return []
            case mux.Acknowledged(stream) if stream == self._own_gateway:
                return []
            case _:
                return [event]

    def _cut_answers(self) -> list[Event]:
        events: list[Event] = []
        while len(self._answers) >= RESPONSE_HEAD_BYTES:
            payload = int.from_bytes(self._answers[2:4], "little")
            if self._answers[0] != Type.RESPONSE or payload > RESPONSE_PAYLOAD_MAX:
                # Whatever follows cannot be told apart either.
                streams, stream = self.streams, self._own_gateway
                assert streams is not None, "answers without streams"
                assert stream is not None, "answers without a stream"
                streams.reset(stream, ResetReason.NONSENSE)
                self._own_gateway = None
                self._answers.clear()
                break
            length = RESPONSE_HEAD_BYTES + payload
            if len(self._answers) < length:
                break
            events.append(Answered(bytes(self._answers[:length])))
            del self._answers[:length]
        return events

    def _move_to_stream(self) -> None:
        """Send on the stream what waited for the peer's first frame."""
        waiting, self._out = self._out, deque()
        for frame in waiting:
            self._send_on_stream(frame)

    def _send_on_stream(self, frame: bytes) -> bool:
        streams = self.streams
        assert streams is not None, "no streams"
        if self._own_gateway is None:
            if streams.peer is None or streams.own_count >= streams.peer.streams_max:
                return False
            self._own_gateway = streams.open(GATEWAY, GATEWAY_PRIORITY)
        if streams.room(self._own_gateway) < len(frame):
            return False
        streams.send(self._own_gateway, frame)
        return True

    def _end_peer_gateway(self) -> None:
        """Close our side when the peer has closed its own and has its answers."""
        streams, stream = self.streams, self._peer_gateway
        if streams is None or stream is None or self._serving or self._requests:
            return
        if streams.state(stream) is StreamState.HALF_CLOSED_REMOTE:
            streams.close(stream)
            self._drop_peer_gateway()

    def _drop_peer_gateway(self) -> None:
        self._peer_gateway = None
        self._serving = 0
        self._requests.clear()
