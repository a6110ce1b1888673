"""The peer's calls on a session with streams: it has a stream for each encoding at most.

Requests are taken one by one, each only while there is room for its answer; what is not taken keeps
its credit, so that a peer whose calls are not served cannot send more of them.
"""

from __future__ import annotations

from nexus.dsoftbus import call_streams
from nexus.dsoftbus.call_streams import GATEWAY, Nonsense, Pulled, Serving
from nexus.dsoftbus.mux import Mux
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.wire import rpc


class ServedCalls:
    """The peer's streams of calls in one session."""

    __slots__ = ("_frames", "_messages", "_takes_messages")

    def __init__(self, *, takes_messages: bool) -> None:
        """Serve none yet; without messages, `rpc/2` is reset as a stream that is not known."""
        self._takes_messages = takes_messages
        self._frames = Serving(call_streams.FRAMES)
        self._messages = Serving(call_streams.MESSAGES)

    def begin(self, streams: Mux, stream: int, name: str) -> bool:
        """Serve a stream that the peer has opened; False if its name is not one of calls."""
        if name == GATEWAY:
            self._frames.begin(streams, stream)
        elif name == rpc.STREAM and self._takes_messages:
            self._messages.begin(streams, stream)
        elif name.startswith(rpc.STREAM_PREFIX):
            streams.reset(stream, ResetReason.UNKNOWN_STREAM)
        else:
            return False
        return True

    def put(self, number: int, data: bytes) -> bool:
        """Take the data of a stream; False if it is not one of these."""
        served = self._find(number)
        if served is not None:
            served.put(data)
        return served is not None

    def take(self, streams: Mux) -> Pulled | Nonsense | None:
        """Take the next request, if one is whole and its answer has room."""
        # Messages first: a peer with both streams sends by frames what messages cannot say.
        return self._messages.take(streams) or self._frames.take(streams)

    def answer(self, streams: Mux, number: int, frame: bytes) -> None:
        """Answer on the stream from which the request came, unless that is over."""
        served = self._find(number)
        if served is not None:
            served.answer(streams, frame)

    def end(self, streams: Mux, number: int) -> bool:
        """Note that the peer sends no more on a stream; False if it is not one of these."""
        served = self._find(number)
        if served is not None:
            served.end(streams)
        return served is not None

    def drop(self, number: int) -> bool:
        """Forget a stream that the peer has reset; False if it is not one of these."""
        served = self._find(number)
        if served is not None:
            served.drop()
        return served is not None

    def _find(self, number: int) -> Serving | None:
        if number == self._frames.stream:
            return self._frames
        return self._messages if number == self._messages.stream else None
