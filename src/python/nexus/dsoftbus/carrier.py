"""The way of calls in a ready session: in a stream `gateway` or `rpc/2`, or bare.

Both sides say SETTINGS first, and go on when the peer's first frame has come (keepalive apart).  If
that is SETTINGS too, each side's calls go on a stream of its own; if not, the peer knows no streams
and the frames go bare.  Other streams are the owner's.

Calls go as messages on `rpc/2` where this side is configured to and the peer acknowledges that
stream (docs/spec/rpc.md), else as frames on `gateway`.

    receive(session frame) -> events          next_frame() -> session frame to seal
    take_request() -> the next request        send_call, send_request, send_response

How it works
------------
The mode is decided once, by the peer's first frame:

    UNDECIDED --SETTINGS--> STREAMS       UNDECIDED --anything else--> BARE

Until then calls wait in `_held` and frames in `_out`.  On STREAMS the offer of messages follows
what the peer does with our stream `rpc/2`:

    NONE --a call--> MADE --OPEN_ACK--> TAKEN --the stream ends--> NONE
                     MADE --RESET--> DECLINED

While it is MADE calls wait in `_held`.  They leave it as messages on TAKEN and as frames on
DECLINED; those that may go as messages only are reported as `Unsaid`.  Each stream of calls has one
direction: `Asking` sends requests and takes responses, `Serving` the reverse, one of each for each
encoding.  A peer's bare requests wait in `_bare`, since no credit holds them back.

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

from nexus.dsoftbus import call_streams, mux, mux_events
from nexus.dsoftbus.ask import Ask
from nexus.dsoftbus.call_streams import GATEWAY as GATEWAY
from nexus.dsoftbus.call_streams import GATEWAY_PRIORITY as GATEWAY_PRIORITY
from nexus.dsoftbus.call_streams import Answered as Answered
from nexus.dsoftbus.call_streams import Asking, Serving
from nexus.dsoftbus.call_streams import Nonsense as Nonsense
from nexus.dsoftbus.call_streams import Pulled as Pulled
from nexus.dsoftbus.mux import Mux
from nexus.dsoftbus.mux_transitions import MuxRejectError, Reject, ResetReason
from nexus.dsoftbus.noise import Role
from nexus.wire import mux as wire
from nexus.wire import rpc
from nexus.wire.error import LocalProtocolError, Reason
from nexus.wire.gateway import Type

# Bare requests that wait; a session with streams has credit instead.
_BARE_MAX: Final = 4096


class Mode(Enum):
    """The way in which the peer takes calls."""

    UNDECIDED = "undecided"
    BARE = "bare"
    STREAMS = "streams"


class Offer(Enum):
    """The progress of our offer of messages."""

    NONE = "not made"
    MADE = "waits for the peer's first word"
    TAKEN = "acknowledged"
    DECLINED = "reset"


@dataclass(frozen=True, slots=True)
class Unsaid:
    """Calls that are to go as messages only, to a peer that takes none: by their names."""

    names: tuple[int, ...]


Event = Answered | Nonsense | Unsaid | mux_events.Event

_NOTHING: Final[list[Event]] = []


class Carrier:
    """One ready session's frames."""

    __slots__ = (
        "_asked_frames",
        "_asked_messages",
        "_bare",
        "_held",
        "_mux",
        "_out",
        "_rpc",
        "_served_frames",
        "_served_messages",
        "mode",
        "offer",
    )

    def __init__(
        self,
        role: Role,
        own: wire.Settings | None = mux.MODEL,
        rpc_mode: rpc.Mode = rpc.Mode.FRAMES,
    ) -> None:
        """Begin a session that just became ready; without settings there are no streams."""
        self.mode = Mode.BARE if own is None else Mode.UNDECIDED
        self.offer = Offer.NONE
        self._rpc = rpc_mode
        self._mux = None if own is None else Mux(role, own)
        if self._mux is not None:
            self._mux.start()
        self._bare: deque[bytes] = deque()
        self._out: deque[bytes] = deque()
        self._held: deque[Ask] = deque()  # As many as a caller has under way.
        self._asked_frames = Asking(call_streams.FRAMES)
        self._asked_messages = Asking(call_streams.MESSAGES)
        self._served_frames = Serving(call_streams.FRAMES)
        self._served_messages = Serving(call_streams.MESSAGES)

    @property
    def streams(self) -> Mux | None:
        """The streams, once both sides have said that they know them."""
        return self._mux if self.mode is Mode.STREAMS else None

    @property
    def multiplexer(self) -> Mux | None:
        """The streams to be, if the peer knows them; None if this side does not."""
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
                events = self._release()
                return events if event is None else [event, *events]
            self.mode = Mode.BARE
            return self._release() + self._receive_bare(frame)
        if self.mode is Mode.BARE:
            return self._receive_bare(frame)
        if not is_stream_frame:
            raise MuxRejectError(Reject.MALFORMED, "a frame outside the streams of this session")
        assert self._mux is not None, "streams without a mux"
        event = self._mux.receive(frame)
        return [] if event is None else self._route(self._mux, event)

    def receive_data(self, number: int, data: bytes) -> list[Event] | None:
        """Take the data of a stream; None: they are its owner's.

        Only once there are streams.

        Raises:
            MuxRejectError: end the session, record the label.
        """
        assert self._mux is not None, "streams without a mux"
        if not self._mux.receive_data(number, len(data)):
            return _NOTHING
        return self._take_data(self._mux, number, data)

    def take_request(self) -> Pulled | Nonsense | None:
        """Take the peer's next request, if one is whole and may be taken now."""
        if self._bare:
            return Pulled(self._bare.popleft(), None)
        streams = self.streams
        if streams is None:
            return None
        # Messages first: a peer with both streams sends by frames what messages cannot say.
        return self._served_messages.take(streams) or self._served_frames.take(streams)

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
        if name == GATEWAY or name.startswith(rpc.STREAM_PREFIX):
            raise LocalProtocolError(Reason.OUT_OF_RANGE, f"{name!r} is opened by calls")
        if streams.own_count >= streams.peer.streams_max - self._reserved:
            raise LocalProtocolError(Reason.STATE, f"{streams.own_count} streams are open")
        return streams.open(streams.free_name(name), priority)

    def send_call(self, ask: Ask) -> bool:
        """Send a call in the encoding that this session has for it, or hold it until that is known.

        Returns:
            False if there is no room for it, which only a stuck peer brings about.

        Raises:
            LocalProtocolError: it is to go as a message, and the peer takes none.
        """
        streams = self.streams
        if self.offer is Offer.TAKEN and ask.has_message and streams is not None:
            return self._asked_messages.send(streams, ask.message())
        if self.mode is Mode.UNDECIDED:
            self._held.append(ask)
            return True
        if self._rpc is rpc.Mode.FRAMES:
            return self.send_request(ask.frame())
        if streams is not None and ask.has_message:
            if self.offer is Offer.NONE and self._can_offer(streams):
                self._asked_messages.open(streams)
                self.offer = Offer.MADE
            if self.offer is Offer.MADE:
                self._held.append(ask)
                return True
        if self._rpc is rpc.Mode.MESSAGES:
            raise LocalProtocolError(Reason.STATE, "the peer does not take calls as messages")
        return self.send_request(ask.frame())

    def send_request(self, frame: bytes) -> bool:
        """Send a call's frame; False if there is no room, which only a stuck peer brings about."""
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
        for served in (self._served_messages, self._served_frames):
            if streams is not None and served.stream == stream:
                served.answer(streams, frame)

    def next_frame(self) -> bytes | None:
        """Take the next frame to seal."""
        if self.mode is not Mode.UNDECIDED and self._out:
            return self._out.popleft()
        if self.mode is Mode.BARE or self._mux is None:
            return None
        return self._mux.next_frame()

    @property
    def _reserved(self) -> int:
        """The number of streams kept for calls, which open theirs when there is the first."""
        is_offering = self._rpc is rpc.Mode.MESSAGES and self.offer is Offer.NONE
        return (self._asked_frames.stream is None) + is_offering

    def _can_offer(self, streams: Mux) -> bool:
        kept = self._asked_frames.stream is None
        return streams.peer is not None and streams.own_count < streams.peer.streams_max - kept

    def _receive_bare(self, frame: bytes) -> list[Event]:
        if frame[:1] == bytes([Type.RESPONSE]):
            return [Answered(frame)]
        # Stream frames among them: a node without streams takes them for requests.
        self._bare.append(frame)
        return []

    def _take_data(self, streams: Mux, number: int, data: bytes) -> list[Event] | None:
        for asked in (self._asked_frames, self._asked_messages):
            if number == asked.stream:
                answers: list[Event] = [*asked.take(streams, data)]
                if asked.stream is None and asked is self._asked_messages:
                    self.offer = Offer.NONE
                return answers
        for served in (self._served_frames, self._served_messages):
            if number == served.stream:
                served.put(data)
                return _NOTHING
        return None

    def _route(self, streams: Mux, event: mux_events.Event) -> list[Event]:
        """Keep what belongs to the streams of calls, hand on the rest."""
        match event:
            case mux_events.Opened(stream, name):
                return [] if self._serve(streams, stream, name) else [event]
            case mux_events.Arrived(stream, data):
                taken = self._take_data(streams, stream, data)
                return [event] if taken is None else taken
            case mux_events.HalfClosed(stream) | mux_events.WasReset(stream, _):
                is_reset = isinstance(event, mux_events.WasReset)
                for served in (self._served_frames, self._served_messages):
                    if stream == served.stream:
                        if is_reset:
                            served.drop()
                        else:
                            served.end(streams)
                        return []
                if stream == self._asked_frames.stream:
                    self._asked_frames.end(streams)
                    return []
                if stream == self._asked_messages.stream:
                    return self._end_messages(streams)
                return [event]
            case mux_events.Acknowledged(stream) if stream == self._asked_messages.stream:
                self.offer = Offer.TAKEN
                return self._release()
            case mux_events.Acknowledged(stream) if stream == self._asked_frames.stream:
                return []
            case _:
                return [event]

    def _serve(self, streams: Mux, stream: int, name: str) -> bool:
        """Serve a stream of calls that the peer has opened; False if it is another stream."""
        if name == GATEWAY:
            self._served_frames.begin(streams, stream)
        elif name == rpc.STREAM and self._rpc is not rpc.Mode.FRAMES:
            self._served_messages.begin(streams, stream)
        elif name.startswith(rpc.STREAM_PREFIX):
            streams.reset(stream, ResetReason.UNKNOWN_STREAM)
        else:
            return False
        return True

    def _end_messages(self, streams: Mux) -> list[Event]:
        """Our stream of messages is over: before its acknowledgement, the peer takes none."""
        was_made = self.offer is Offer.MADE
        self.offer = Offer.DECLINED if was_made else Offer.NONE
        self._asked_messages.end(streams)
        return self._release()

    def _release(self) -> list[Event]:
        """Send what was held, now that more is known; return what cannot be said."""
        held, self._held = self._held, deque()
        unsaid = []
        for ask in held:
            try:
                self.send_call(ask)
            except LocalProtocolError:
                unsaid.append(ask.name)
        return [Unsaid(tuple(unsaid))] if unsaid else []

    def _move_to_stream(self) -> None:
        """Send on the stream what waited for the peer's first frame."""
        waiting, self._out = self._out, deque()
        for frame in waiting:
            self._send_on_stream(frame)

    def _send_on_stream(self, frame: bytes) -> bool:
        streams = self.streams
        assert streams is not None, "no streams"
        if self._asked_frames.stream is None:
            if streams.peer is None or streams.own_count >= streams.peer.streams_max:
                return False
            self._asked_frames.open(streams)
        return self._asked_frames.send(streams, frame)
