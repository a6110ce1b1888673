"""One TCP connection as a session: its frames go to a `Carrier`, its events to the owner.

Rules of this file
------------------
1. Nothing is decided here: the owner learns what happened, in order, one frame after the other.
2. What a stream does wrong is reset where it is dispatched; everything else ends this session, in
   `_end`, with its cause.
3. Frames a turn are bounded, so that a peer with many small ones leaves others their turns.

When bytes are read and written is the matter of `Line`.
"""

from __future__ import annotations

import asyncio
from typing import Final

from nexus.dsoftbus.ask import Ask
from nexus.dsoftbus.carrier import Carrier, Mode, Nonsense, Pulled
from nexus.dsoftbus.io.clock import Clock
from nexus.dsoftbus.io.counters import LOGGER, Counters
from nexus.dsoftbus.io.line import Line
from nexus.dsoftbus.io.link_owner import FAULT as FAULT
from nexus.dsoftbus.io.link_owner import FRAMES_A_TURN as FRAMES_A_TURN
from nexus.dsoftbus.io.link_owner import LINGER_NS as LINGER_NS
from nexus.dsoftbus.io.link_owner import READ_BYTES as READ_BYTES
from nexus.dsoftbus.io.link_owner import Cause, Owner
from nexus.dsoftbus.io.pings import Pings
from nexus.dsoftbus.mux_transitions import MuxRejectError
from nexus.dsoftbus.session import Session
from nexus.dsoftbus.session_events import Absorbed, Proven, Ready, Received, Refusal, Refused
from nexus.dsoftbus.transitions import State
from nexus.wire import mux, rpc
from nexus.wire.gateway import FRAME_BYTES_MAX

DATA: Final = int(mux.Type.DATA)
DATA_HEAD_BYTES: Final = mux.DATA_HEAD_BYTES


class Link(Line):
    """A connection in progress."""

    __slots__ = (
        "_owner",
        "_pings",
        "_rpc",
        "_streams",
        "decided",
        "number",
        "settled",
        "was_ready",
    )

    def __init__(
        self,
        session: Session,
        owner: Owner[Link],
        *,
        buffer: bytearray,
        number: int,
        streams: mux.Settings | None,
        rpc_mode: rpc.Mode,
        clock: Clock,
        counters: Counters,
    ) -> None:
        """Wait for the socket.

        Args:
            session: The core, fresh.
            owner: Decides.
            buffer: What all connections of the owner read into.
            number: Unique for each connection of the owner.
            streams: What we accept of streams; None is none.
            rpc_mode: How calls go, and whether they are taken as messages.
            clock: Time.
            counters: The owner's.
        """
        super().__init__(session, buffer, clock, counters)
        self.decided = asyncio.Event()  # There is a session, or there will be none.
        self.settled = asyncio.Event()  # Whether the peer speaks streams is known, or all is over.
        self.number = number
        self.was_ready = False
        self._streams = streams
        self._rpc = rpc_mode
        self._owner = owner
        self._pings = Pings()

    # Calls of the line.

    def _begun(self, source: str) -> None:
        self._owner.opened(self, source)

    def _sealed(self) -> None:
        self._owner.pull(self)

    def _forgotten(self) -> None:
        try:
            self._owner.closed(self)
        except Exception:
            LOGGER.exception("a connection was not forgotten")

    # Calls of the owner.

    @property
    def peer(self) -> str | None:
        """The bound peer; None while there is no session."""
        return self.session.peer_id if self.session.state is State.READY else None

    @property
    def is_ended(self) -> bool:
        """Whether the session is over; bytes may still be on their way."""
        return self._is_ended

    @property
    def has_bare_requests(self) -> bool:
        """Whether requests wait that no credit holds back."""
        return self.carrier is not None and self.carrier.has_bare_requests

    def admit(self) -> None:
        """Accept the proven peer."""
        for event in self.session.admit(self._clock.now_ns(), runs=False):
            self._dispatch(event)
        self._arm()
        self._continue_soon()

    def send_call(self, ask: Ask) -> None:
        """Send a call.

        Without a session it is dropped: the owner knows that the session ended.  A peer that takes
        no calls any more lets them run into their deadlines.

        Raises:
            LocalProtocolError: it is to go as a message, and the peer takes none.
        """
        if self.carrier is not None:
            self.carrier.send_call(ask)
            self.wake()

    def take_request(self) -> Pulled | Nonsense | None:
        """Take the peer's next request, if there is one and it may be taken."""
        return None if self.carrier is None else self.carrier.take_request()

    def send_response(self, frame: bytes, stream: int | None) -> None:
        """Answer where the request came from; without a session there is no peer to answer."""
        if self.carrier is not None:
            self.carrier.send_response(frame, stream)
            self.wake()

    async def ping(self) -> None:
        """Send a ping and await its answer; add a timeout.

        Raises:
            ConnectionError: the session is over, or ends before the answer.
        """
        if self._is_ended or self.session.state is not State.READY:
            raise ConnectionError("there is no session")
        nonce = self.session.ping()
        self.wake()
        await self._pings.wait(nonce)

    def close(self) -> None:
        """End the session; what was sent before is still written, for a bounded time."""
        if not self._is_ended:
            self.flush()
            self._end(None)

    def abort(self) -> None:
        """End the connection without waiting for the peer to take anything."""
        self._end(None)
        if self._transport is not None:
            self._transport.abort()

    # One turn.

    def _turn(self) -> None:
        """Deal with what was read, up to so many frames; the rest gets a turn of its own."""
        now_ns = self._clock.now_ns()
        left = FRAMES_A_TURN
        session = self.session
        while left and not self._is_ended:
            taken = session.take(now_ns)
            if taken is None:
                break
            left -= 1
            if isinstance(taken, bytes | memoryview):
                self._take(taken)
            elif not isinstance(taken, Absorbed):
                self._dispatch(taken)
        refused = session.keep()
        if refused is not None:
            self._end(refused.refusal)
        if self._is_ended:
            return
        if self.carrier is None:
            self._owner.advanced(self)
        else:
            self._pings.answer(self.session.pong_nonce)
            if self.carrier.mode is not Mode.UNDECIDED:
                if not self.settled.is_set():
                    self.settled.set()
                self._owner.pull(self)
        if not left:
            self._continue_soon()
        self._send()

    def _continue_soon(self) -> None:
        if not self._is_behind and not self._is_ended:
            self._is_behind = True
            self._adjust_reading()
            asyncio.get_running_loop().call_soon(self._continue)

    def _continue(self) -> None:
        self._is_behind = False
        if self._is_ended:
            return
        try:
            self._turn()
            self._adjust_reading()
        except Exception as exc:
            self._fail(exc)

    def _take(self, frame: bytes | memoryview) -> None:
        """Take one frame of a ready session."""
        carrier = self.carrier
        assert carrier is not None, "a frame before the session is ready"
        try:
            if carrier.mode is Mode.STREAMS and len(frame) > DATA_HEAD_BYTES and frame[0] == DATA:
                # Straight to its stream: most of what a busy session carries.
                number = int.from_bytes(frame[1:DATA_HEAD_BYTES], "little")
                data = bytes(frame[DATA_HEAD_BYTES:])
                found = carrier.receive_data(number, data)
                if found is None:
                    self._owner.arrived(self, number, data)
                    return
                events = found
            else:
                events = carrier.receive(bytes(frame))
        except MuxRejectError as exc:
            self._end(exc.reject)
            return
        if carrier.mode is Mode.BARE and len(frame) > FRAME_BYTES_MAX:
            # Only streams make use of the longer messages that we said we accept.
            self._end(Refusal.OVERSIZED)
            return
        for event in events:
            self._owner.happened(self, event)

    def _dispatch(self, event: Proven | Ready | Received | Refused) -> None:
        match event:
            case Proven():
                self._owner.proven(self, event)
            case Ready():
                self.carrier = Carrier(self.session.role, self._streams, self._rpc)
                self.was_ready = True
                self.decided.set()
                self._arm()
                self._owner.ready(self)
            case Refused(refusal):
                self._end(refusal)
            case Received(frame):  # Never, since `take` gives frames as they are.
                self._take(frame)

    # The end: the one place.

    def _fail(self, exc: Exception) -> None:
        """End the session for a defect on this side: whatever it is, it is this session's alone."""
        peer = self.session.peer_id or "a stranger"
        LOGGER.error("the session with %s ended for a defect here", peer, exc_info=exc)
        self._end(FAULT)

    def _end(self, cause: Cause) -> None:
        if self._is_ended:
            return
        self._is_ended = True
        self.session.close()
        self.carrier = None
        self.decided.set()
        self.settled.set()
        self._stop_timer()
        self._pings.end()
        try:
            self._owner.ended(self, cause)
        except Exception:
            LOGGER.exception("the end of a session was not dealt with")
        self._close_transport()
