"""Our calls on a session with streams: as messages on `rpc/2`, or as frames on `gateway`.

Messages are offered by opening `rpc/2` for the first call that can be one, and the peer's first
word about that stream decides:

    NONE --a call--> MADE --OPEN_ACK--> TAKEN --the stream ends--> NONE
                     MADE --the stream ends--> DECLINED

While it is MADE the calls that could be messages wait, at the carrier.  On TAKEN they go as
messages and on DECLINED as frames, where the configuration lets them.
"""

from __future__ import annotations

from enum import Enum

from nexus.dsoftbus import call_streams
from nexus.dsoftbus.ask import Ask
from nexus.dsoftbus.call_streams import Answered, Asking
from nexus.dsoftbus.mux import Mux
from nexus.wire import rpc
from nexus.wire.error import LocalProtocolError, Reason


class Offer(Enum):
    """The progress of our offer of messages."""

    NONE = "not made"
    MADE = "waits for the peer's first word"
    TAKEN = "acknowledged"
    DECLINED = "reset"


class Way(Enum):
    """The way in which a call goes."""

    MESSAGE = "message"
    FRAME = "frame"
    WAIT = "not known yet"


class AskedCalls:
    """Our streams of calls in one session."""

    __slots__ = ("_frames", "_messages", "_rpc", "offer")

    def __init__(self, rpc_mode: rpc.Mode) -> None:
        """Ask nothing yet."""
        self.offer = Offer.NONE
        self._rpc = rpc_mode
        self._frames = Asking(call_streams.FRAMES)
        self._messages = Asking(call_streams.MESSAGES)

    @property
    def reserved(self) -> int:
        """The number of streams kept for calls, which open theirs when there is the first."""
        is_offering = self._rpc is rpc.Mode.MESSAGES and self.offer is Offer.NONE
        return (self._frames.stream is None) + is_offering

    def way_of(self, streams: Mux | None, ask: Ask) -> Way:
        """Return the way of a call; with streams this may make the offer.

        Raises:
            LocalProtocolError: it is to go as a message, and the peer takes none.
        """
        if streams is not None and ask.has_message and self._rpc is not rpc.Mode.FRAMES:
            if self.offer is Offer.NONE and self._can_offer(streams):
                self._messages.open(streams)
                self.offer = Offer.MADE
            if self.offer is Offer.TAKEN:
                return Way.MESSAGE
            if self.offer is Offer.MADE:
                return Way.WAIT
        if self._rpc is rpc.Mode.MESSAGES:
            raise LocalProtocolError(Reason.STATE, "the peer does not take calls as messages")
        return Way.FRAME

    def send_message(self, streams: Mux, message: bytes) -> bool:
        """Send a call as a message; False if there is no room."""
        return self._messages.send(streams, message)

    def send_frame(self, streams: Mux, frame: bytes) -> bool:
        """Send a call as a frame; False if there is no room, or none for a stream."""
        if self._frames.stream is None:
            if streams.peer is None or streams.own_count >= streams.peer.streams_max:
                return False
            self._frames.open(streams)
        return self._frames.send(streams, frame)

    def take(self, streams: Mux, number: int, data: bytes) -> list[Answered] | None:
        """Take the data of a stream; return the answers that are whole, None if it is not ours."""
        if number == self._frames.stream:
            return self._frames.take(streams, data)
        if number != self._messages.stream:
            return None
        answers = self._messages.take(streams, data)
        if self._messages.stream is None:
            self.offer = Offer.NONE
        return answers

    def acknowledge(self, number: int) -> bool:
        """Note that the peer has acknowledged a stream; False if it is not ours."""
        if number == self._messages.stream:
            self.offer = Offer.TAKEN
            return True
        return number == self._frames.stream

    def end(self, streams: Mux, number: int) -> bool:
        """Give up a stream that the peer has closed or reset; False if it is not ours.

        Before its acknowledgement, that means of `rpc/2` that the peer takes no messages.
        """
        if number == self._frames.stream:
            self._frames.end(streams)
            return True
        if number != self._messages.stream:
            return False
        self.offer = Offer.DECLINED if self.offer is Offer.MADE else Offer.NONE
        self._messages.end(streams)
        return True

    def _can_offer(self, streams: Mux) -> bool:
        kept = self._frames.stream is None
        return streams.peer is not None and streams.own_count < streams.peer.streams_max - kept
