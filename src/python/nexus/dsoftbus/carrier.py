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

Until then calls wait in `_held` and frames in `_out`.  On STREAMS `asked_calls` has our calls, and
offers messages to the peer; `served_calls` has the peer's.  While the offer is open our calls wait
in `_held` again; if it is declined, those that may go as messages only are reported as `Unsaid`.  A
peer's bare requests wait in `_bare`, since no credit holds them back.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nexus.dsoftbus import mux, mux_events
from nexus.dsoftbus.ask import Ask
from nexus.dsoftbus.asked_calls import AskedCalls, Way
from nexus.dsoftbus.asked_calls import Offer as Offer
from nexus.dsoftbus.call_streams import GATEWAY as GATEWAY
from nexus.dsoftbus.call_streams import GATEWAY_PRIORITY as GATEWAY_PRIORITY
from nexus.dsoftbus.call_streams import Answered as Answered
from nexus.dsoftbus.call_streams import Nonsense as Nonsense
from nexus.dsoftbus.call_streams import Pulled as Pulled
from nexus.dsoftbus.mux import Mux
from nexus.dsoftbus.mux_transitions import MuxRejectError, Reject
from nexus.dsoftbus.noise import Role
from nexus.dsoftbus.served_calls import ServedCalls
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


@dataclass(frozen=True, slots=True)
class Unsaid:
    """Calls that are to go as messages only, to a peer that takes none: by their names."""

    names: tuple[int, ...]


Event = Answered | Nonsense | Unsaid | mux_events.Event

_NOTHING: Final[list[Event]] = []


class Carrier:
    """One ready session's frames."""

    __slots__ = (
        "_asked",
        "_bare",
        "_held",
        "_mux",
        "_out",
        "_served",
        "mode",
    )

    def __init__(
        self,
        role: Role,
        own: wire.Settings | None = mux.MODEL,
        rpc_mode: rpc.Mode = rpc.Mode.FRAMES,
    ) -> None:
        """Begin a session that just became ready; without settings there are no streams."""
        self.mode = Mode.BARE if own is None else Mode.UNDECIDED
        self._mux = None if own is None else Mux(role, own)
        if self._mux is not None:
            self._mux.start()
        self._bare: deque[bytes] = deque()
        self._out: deque[bytes] = deque()
        self._held: deque[Ask] = deque()  # As many as a caller has under way.
        self._asked = AskedCalls(rpc_mode)
        self._served = ServedCalls(takes_messages=rpc_mode is not rpc.Mode.FRAMES)

    @property
    def offer(self) -> Offer:
        """The progress of our offer of messages."""
        return self._asked.offer

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
        return None if streams is None else self._served.take(streams)

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
            raise LocalProtocolError(
                Reason.OUT_OF_RANGE, f"{name!r} is opened by calls; expected another name"
            )
        if streams.own_count >= streams.peer.streams_max - self._asked.reserved:
            raise LocalProtocolError(
                Reason.STATE, f"{streams.own_count} streams are open; close one first"
            )
        return streams.open(streams.free_name(name), priority)

    def send_call(self, ask: Ask) -> bool:
        """Send a call in the encoding that this session has for it, or hold it until that is known.

        Returns:
            False if there is no room for it, which only a stuck peer brings about.

        Raises:
            LocalProtocolError: it is to go as a message, and the peer takes none.
        """
        streams = self.streams
        way = Way.WAIT if self.mode is Mode.UNDECIDED else self._asked.way_of(streams, ask)
        if way is Way.WAIT:
            self._held.append(ask)
            return True
        if way is Way.FRAME:
            return self.send_request(ask.frame())
        assert streams is not None, "a message without streams"
        return self._asked.send_message(streams, ask.message())

    def send_request(self, frame: bytes) -> bool:
        """Send a call's frame; False if there is no room, which only a stuck peer brings about."""
        if self.mode is not Mode.STREAMS:
            # Undecided, it waits for the peer's first frame.
            if len(self._out) >= _BARE_MAX:
                return False
            self._out.append(frame)
            return True
        return self._asked.send_frame(self._live, frame)

    def send_response(self, frame: bytes, stream: int | None) -> None:
        """Answer where the request came from; a stream that is over needs no answer."""
        if stream is None:
            self._out.append(frame)
            return
        streams = self.streams
        if streams is not None:
            self._served.answer(streams, stream, frame)

    def next_frame(self) -> bytes | None:
        """Take the next frame to seal."""
        if self.mode is not Mode.UNDECIDED and self._out:
            return self._out.popleft()
        if self.mode is Mode.BARE or self._mux is None:
            return None
        return self._mux.next_frame()

    @property
    def _live(self) -> Mux:
        streams = self.streams
        assert streams is not None, "no streams"
        return streams

    def _receive_bare(self, frame: bytes) -> list[Event]:
        if frame[:1] == bytes([Type.RESPONSE]):
            return [Answered(frame)]
        # Stream frames among them: a node without streams takes them for requests.
        self._bare.append(frame)
        return []

    def _take_data(self, streams: Mux, number: int, data: bytes) -> list[Event] | None:
        answers = self._asked.take(streams, number, data)
        if answers is not None:
            return [*answers]
        return _NOTHING if self._served.put(number, data) else None

    def _route(self, streams: Mux, event: mux_events.Event) -> list[Event]:
        """Keep what belongs to the streams of calls, hand on the rest."""
        match event:
            case mux_events.Opened(stream, name):
                return [] if self._served.begin(streams, stream, name) else [event]
            case mux_events.Arrived(stream, data):
                taken = self._take_data(streams, stream, data)
                return [event] if taken is None else taken
            case mux_events.Acknowledged(stream):
                return self._release() if self._asked.acknowledge(stream) else [event]
            case mux_events.HalfClosed(stream):
                if self._served.end(streams, stream):
                    return []
                return self._release() if self._asked.end(streams, stream) else [event]
            case mux_events.WasReset(stream, _):
                if self._served.drop(stream):
                    return []
                return self._release() if self._asked.end(streams, stream) else [event]
            case mux_events.Settled():
                return [event]

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
            self._asked.send_frame(self._live, frame)
