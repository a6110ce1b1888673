"""One TCP connection: carries bytes between a socket, a `Session` and its `Carrier`.

Rules of this file
------------------
1. Nothing is decided here: what happens is told to the owner, in order.
2. A slow reader slows only itself.  With streams, credit bounds what it can make us hold; without
   them, we do not take its bytes while it does not take ours.  (With streams that would be a
   deadlock: two sides that both have much to send would both stop reading.)
3. Bytes are read into one buffer that all links of a node share, since each read is dealt with
   before the next: an idle session holds none.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Protocol

from nexus.dsoftbus.carrier import Carrier, Event, Mode, Nonsense, Pulled
from nexus.dsoftbus.mux_transitions import MuxRejectError, Reject
from nexus.dsoftbus.session import Session
from nexus.dsoftbus.session_events import Proven, Ready, Received, Refusal, Refused
from nexus.dsoftbus.transitions import State
from nexus.wire import mux
from nexus.wire.gateway import FRAME_BYTES_MAX

if TYPE_CHECKING:
    from nexus.dsoftbus.io.handles import Handles

READ_BYTES: Final = 262_144

# Beyond this the transport asks us to wait.  A few of the largest messages.
WRITE_BYTES_HIGH: Final = 131_072

# Frames are sealed in advance of the socket up to this: a write for each would cost more.
_SEALED_BYTES: Final = 131_072


class Owner(Protocol):
    """Who decides what becomes of a connection."""

    def opened(self, link: Link) -> None:
        """Take note of a connection."""

    def proven(self, link: Link, event: Proven) -> None:
        """Decide whether the peer is admitted, now or later."""

    def ready(self, link: Link) -> None:
        """Use the session."""

    def happened(self, link: Link, event: Event) -> None:
        """Take an answer, or an event of a stream."""

    def pull(self, link: Link) -> None:
        """Take requests, as many as can be served: there may be some, or room for answers."""

    def rejected(self, link: Link, reject: Reject) -> None:
        """Record why the session ends."""

    def refused(self, link: Link, refusal: Refusal) -> None:
        """Record why the session ends."""

    def closed(self, link: Link) -> None:
        """Forget the connection; told exactly once for each that was opened."""


class Link(asyncio.BufferedProtocol):
    """A connection in progress."""

    __slots__ = (
        "_buffer",
        "_is_flushing",
        "_is_held",
        "_is_paused",
        "_owner",
        "_pings",
        "_streams",
        "_timer",
        "_transport",
        "carrier",
        "handles",
        "number",
        "over",
        "session",
        "settled",
        "was_ready",
    )

    def __init__(
        self,
        session: Session,
        owner: Owner,
        buffer: bytearray,
        number: int,
        streams: mux.Settings | None,
    ) -> None:
        """Wait for the socket.

        Args:
            session: The core, fresh.
            owner: Who decides.
            buffer: What all links of the owner read into.
            number: Unique for each link of the owner.
            streams: What we accept of streams; None is none.
        """
        self.session = session
        self.carrier: Carrier | None = None
        self.handles: Handles | None = None  # The owner's, from ready to closed.
        self.settled = asyncio.Event()  # Whether the peer speaks streams is known, or all is over.
        self._streams = streams
        self.number = number
        self.over = asyncio.Event()
        self.was_ready = False
        self._owner = owner
        self._buffer = buffer
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pings: dict[int, asyncio.Future[None]] = {}
        self._is_flushing = False
        self._is_held = False
        self._is_paused = False

    @property
    def peer(self) -> str | None:
        """The bound peer; None while there is no session."""
        return self.session.peer_id if self.session.state is State.READY else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the dialler's first message is waiting."""
        assert isinstance(transport, asyncio.Transport), f"{transport}"
        transport.set_write_buffer_limits(high=WRITE_BYTES_HIGH)
        self._transport = transport
        self._owner.opened(self)
        self._flush()
        self._arm()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Lend the shared buffer for one read."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        with memoryview(self._buffer) as whole, whole[:nbytes] as view:
            events = self.session.receive(view, time.monotonic_ns())
        self._handle(events)

    def eof_received(self) -> bool:
        """Close when the peer does: there is no use for half a session."""
        return False

    def pause_writing(self) -> None:
        """Stop taking what would have to be answered."""
        self._is_paused = True
        self._adjust_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._is_paused = False
        self._adjust_reading()
        self.wake()

    def hold(self) -> None:
        """Read no more, because what was read is not dealt with yet."""
        self._is_held = True
        self._adjust_reading()

    def release(self) -> None:
        """Go on."""
        self._is_held = False
        self._adjust_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything."""
        self._end()
        self._transport = None
        self.over.set()
        self._owner.closed(self)

    def admit(self) -> None:
        """Accept the proven peer."""
        self._handle(self.session.admit(time.monotonic_ns()))
        self._arm()

    def send_request(self, frame: bytes) -> None:
        """Send a call.

        Without a session it is dropped: the owner is about to be told that the link is closed.
        A peer that takes no calls any more lets them run into their deadlines.
        """
        if self.carrier is not None:
            self.carrier.send_request(frame)
            self.wake()

    def take_request(self) -> Pulled | Nonsense | None:
        """Take the peer's next request, if there is one and it may be taken."""
        return None if self.carrier is None else self.carrier.take_request()

    def send_response(self, frame: bytes, stream: int | None) -> None:
        """Answer where the request came from; without a session there is nobody to answer."""
        if self.carrier is not None:
            self.carrier.send_response(frame, stream)
            self.wake()

    @property
    def has_bare_requests(self) -> bool:
        """Whether requests wait that no credit holds back."""
        return self.carrier is not None and self.carrier.has_bare_requests

    async def ping(self) -> None:
        """Send a ping and await its answer; a link that ends never gives one, so add a timeout.

        Raises:
            LocalProtocolError: there is no session.
        """
        nonce = self.session.ping()
        self._pings[nonce] = answered = asyncio.get_running_loop().create_future()
        self._flush()
        try:
            await answered
        finally:
            del self._pings[nonce]

    def wake(self) -> None:
        """Write soon: what is sent in one turn of the loop is written together."""
        if not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def close(self) -> None:
        """End the session; what was sent before is still written."""
        self._flush()
        self._end()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End the connection without waiting for the peer to take anything."""
        self._end()
        if self._transport is not None:
            self._transport.abort()

    def _handle(self, events: list[Proven | Ready | Received | Refused]) -> None:
        became_ready = False
        inbox: list[Event] = []
        for event in events:
            match event:
                case Received(frame):
                    inbox += self._take(frame)
                case Proven():
                    self._owner.proven(self, event)
                case Ready():
                    became_ready = True
                    self.carrier = Carrier(self.session.role, self._streams)
                case Refused(refusal):
                    self._owner.refused(self, refusal)
        if self.session.state is State.READY:
            if became_ready:
                self._arm()
                self.was_ready = True
                self._owner.ready(self)
            for happened in inbox:
                self._owner.happened(self, happened)
            for nonce, answered in self._pings.items():
                if nonce <= self.session.pong_nonce and not answered.done():
                    answered.set_result(None)
            if self.carrier is not None and self.carrier.mode is not Mode.UNDECIDED:
                self.settled.set()
                self._owner.pull(self)
        self._flush()
        if self.session.state is State.CLOSED and self._transport is not None:
            self._end()
            self._transport.close()

    def _take(self, frame: bytes) -> list[Event]:
        if self.session.state is not State.READY or self.carrier is None:
            return []
        try:
            events = self.carrier.receive(frame)
        except MuxRejectError as exc:
            self._owner.rejected(self, exc.reject)
            self._end()
            return []
        if self.carrier.mode is Mode.BARE and len(frame) > FRAME_BYTES_MAX:
            # Only streams make use of the longer messages that we said we accept.
            self._owner.refused(self, Refusal.OVERSIZED)
            self._end()
            return []
        return events

    def _end(self) -> None:
        self.session.close()
        self.carrier = None
        self.settled.set()
        self._stop_timer()

    def _adjust_reading(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        has_credit = self.carrier is not None and self.carrier.mode is Mode.STREAMS
        should_read = not (self._is_held or (self._is_paused and not has_credit))
        if should_read and not self._transport.is_reading():
            self._transport.resume_reading()
        elif not should_read and self._transport.is_reading():
            self._transport.pause_reading()

    def _flush(self) -> None:
        self._is_flushing = False
        if self._transport is None:
            return
        has_sealed = False
        while True:
            has_sealed |= self._seal()
            if not self.session.output_bytes:
                break
            self._transport.write(self.session.take_output())
        if has_sealed:
            self._owner.pull(self)

    def _seal(self) -> bool:
        """Seal what waits, as long as the peer takes it."""
        has_sealed = False
        while self.carrier is not None and not self._is_paused:
            if self.session.output_bytes >= _SEALED_BYTES:
                break
            frame = self.carrier.next_frame()
            if frame is None:
                break
            self.session.send_plaintext(frame)
            has_sealed = True
        return has_sealed

    def _arm(self) -> None:
        self._stop_timer()
        deadline_ns = self.session.deadline_ns()
        if deadline_ns is not None:
            delay_s = max(0, deadline_ns - time.monotonic_ns()) / 1e9
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _tick(self) -> None:
        # The deadline only moves away, so the timer is set anew when it fires, not at each frame.
        self._timer = None
        self._handle(self.session.tick(time.monotonic_ns()))
        self._arm()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
