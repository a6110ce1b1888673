"""One TCP connection: carries bytes between a socket, a `Session` and its `Carrier`.

Rules of this file
------------------
1. Nothing is decided here: the owner learns what happened, in order, one frame after the other.
2. Nothing raises out of a callback of the transport or of a timer.  What a stream does wrong is
   reset where it is dispatched; everything else ends this session, in `_end`, with its cause.
3. Frames a turn are bounded, so that a peer with many small ones leaves others their turns.
4. What is sealed and not sent yet is bounded, here and in the kernel: a frame of a high priority
   waits for no more than that.
5. A slow reader slows only itself.  With streams, credit bounds what it can make us hold; without
   them, we do not take its bytes while it does not take ours.  (With streams that would be a
   deadlock: two sides that both have much to send would both stop reading.)
6. Bytes are read into one buffer that all connections of a node share, since each read is dealt
   with, or copied, before the next: an idle session holds none.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

from nexus.dsoftbus.ask import Ask
from nexus.dsoftbus.carrier import Carrier, Mode, Nonsense, Pulled
from nexus.dsoftbus.io.clock import Clock, Timer
from nexus.dsoftbus.io.counters import LOGGER, Counters
from nexus.dsoftbus.io.link_owner import FAULT as FAULT
from nexus.dsoftbus.io.link_owner import FRAMES_A_TURN as FRAMES_A_TURN
from nexus.dsoftbus.io.link_owner import (
    LATE_NS,
    SEALED_BYTES,
    WRITE_BYTES_HIGH,
    WRITE_BYTES_LOW,
    Cause,
    Owner,
)
from nexus.dsoftbus.io.link_owner import LINGER_NS as LINGER_NS
from nexus.dsoftbus.io.link_owner import READ_BYTES as READ_BYTES
from nexus.dsoftbus.io.pings import Pings
from nexus.dsoftbus.io.socket_options import bound_unsent
from nexus.dsoftbus.mux_transitions import MuxRejectError
from nexus.dsoftbus.session import Session
from nexus.dsoftbus.session_events import Absorbed, Proven, Ready, Received, Refusal, Refused
from nexus.dsoftbus.transitions import State
from nexus.wire import mux, rpc
from nexus.wire.gateway import FRAME_BYTES_MAX

DATA: Final = int(mux.Type.DATA)
DATA_HEAD_BYTES: Final = mux.DATA_HEAD_BYTES


class Link(asyncio.BufferedProtocol):
    """A connection in progress."""

    __slots__ = (
        "_buffer",
        "_clock",
        "_counters",
        "_is_behind",
        "_is_ended",
        "_is_flushing",
        "_is_held",
        "_is_paused",
        "_is_slow",
        "_owner",
        "_pings",
        "_rpc",
        "_streams",
        "_timer",
        "_transport",
        "carrier",
        "decided",
        "number",
        "over",
        "session",
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
        self.session = session
        self.carrier: Carrier | None = None
        self.decided = asyncio.Event()  # There is a session, or there will be none.
        self.settled = asyncio.Event()  # Whether the peer speaks streams is known, or all is over.
        self.number = number
        self.over = asyncio.Event()
        self.was_ready = False
        self._streams = streams
        self._rpc = rpc_mode
        self._owner = owner
        self._buffer = buffer
        self._clock = clock
        self._counters = counters
        self._transport: asyncio.Transport | None = None
        self._timer: Timer | None = None
        self._pings = Pings()
        self._is_ended = False
        self._is_behind = False
        self._is_flushing = False
        self._is_held = False
        self._is_paused = False
        self._is_slow = False  # The line is slower than we are: seal one frame at a time.

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the dialler's first message is waiting."""
        # Other loops have transports of classes of their own.
        self._transport = made = cast("asyncio.Transport", transport)
        try:
            made.set_write_buffer_limits(high=WRITE_BYTES_HIGH, low=WRITE_BYTES_LOW)
            bound_unsent(made)
            name = made.get_extra_info("peername")
            self._owner.opened(self, str(name[0]) if name else "-")
            self._send()
            self._arm()
        except Exception as exc:
            self._fail(exc)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Lend the shared buffer for one read."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        try:
            self._counters.bytes_received += nbytes
            with memoryview(self._buffer) as whole, whole[:nbytes] as view:
                self.session.feed(view, self._clock.now_ns())
                self._turn()
        except Exception as exc:
            self._fail(exc)

    def eof_received(self) -> bool:
        """Close when the peer does: there is no use for half a session."""
        return False

    def pause_writing(self) -> None:
        """Stop taking what would have to be answered."""
        self._is_paused = self._is_slow = True
        self._adjust_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._is_paused = False
        self._adjust_reading()
        # Now, not soon: another read of the peer's may come first, and the line is idle.
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything."""
        was_opened, self._transport = self._transport is not None, None
        self._end(None)
        self._stop_timer()
        self.over.set()
        if was_opened:
            try:
                self._owner.closed(self)
            except Exception:
                LOGGER.exception("a connection was not forgotten")

    # What the owner calls.

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

    def hold(self) -> None:
        """Read no more, because what was read is not dealt with yet."""
        self._is_held = True
        self._adjust_reading()

    def release(self) -> None:
        """Go on."""
        if self._is_held:
            self._is_held = False
            self._adjust_reading()

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

    def wake(self) -> None:
        """Write soon: what is sent in one turn of the loop is written together."""
        if not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush_soon)

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

    def _close_transport(self) -> None:
        transport = self._transport
        if transport is None:
            return
        for piece in self.session.take_pieces():
            transport.write(piece)
        transport.close()
        # A peer that takes nothing does not keep the connection.
        self._timer = self._clock.call_at(self._clock.now_ns() + LINGER_NS, transport.abort)

    # Writing and waiting.

    def _adjust_reading(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        has_credit = self.carrier is not None and self.carrier.mode is Mode.STREAMS
        is_stopped = self._is_held or self._is_behind or (self._is_paused and not has_credit)
        is_reading = self._transport.is_reading()
        if is_stopped and is_reading:
            self._transport.pause_reading()
        elif not is_stopped and not is_reading:
            self._transport.resume_reading()

    def flush(self) -> None:
        """Write now, while the transport takes it; what cannot go now goes later."""
        if self._is_ended or self._is_paused:
            return
        try:
            self._send()
        except Exception as exc:
            self._fail(exc)

    def _flush_soon(self) -> None:
        self._is_flushing = False
        self.flush()

    def _send(self) -> None:
        """Seal and write while the transport takes it."""
        if self._transport is None:
            return
        has_sealed = False
        while True:
            has_sealed |= self._seal()
            count = self.session.output_bytes
            if not count or self._is_paused:  # Pongs wait too; the session bounds them.
                break
            self._counters.bytes_sent += count
            pieces = self.session.take_pieces()
            for piece in pieces:
                self._transport.write(piece)
        if not self._is_paused:
            self._is_slow = False  # It took all that there was.
        if has_sealed and not self._is_ended:
            self._owner.pull(self)

    def _seal(self) -> bool:
        """Seal what waits, as long as the peer takes it."""
        carrier, session = self.carrier, self.session
        if carrier is None:
            return False
        has_sealed = False
        most = 1 if self._is_slow else SEALED_BYTES
        while not self._is_paused and session.output_bytes < most:
            frame = carrier.next_frame()
            if frame is None:
                break
            session.send_plaintext(frame)
            has_sealed = True
        return has_sealed

    def _arm(self) -> None:
        if self._is_ended:
            return  # The timer is that of the end.
        self._stop_timer()
        deadline_ns = self.session.deadline_ns()
        if deadline_ns is not None:
            self._timer = self._clock.call_at(deadline_ns, self._tick)

    def _tick(self) -> None:
        # The deadline only moves away, so the timer is set anew when it fires, not at each frame.
        self._timer = None
        if self._is_ended:
            return
        try:
            now_ns = self._clock.now_ns()
            deadline_ns = self.session.deadline_ns()
            is_late = deadline_ns is not None and now_ns - deadline_ns > LATE_NS
            if self._is_behind or self._is_held or is_late:
                self.session.excuse(now_ns)  # It is our own doing that nothing was read.
            for event in self.session.tick(now_ns):
                self._dispatch(event)
            self._send()
            self._arm()
        except Exception as exc:
            self._fail(exc)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
