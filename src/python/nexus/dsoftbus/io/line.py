"""The bytes of one TCP connection: when they are read, sealed and written, and what is late.

Rules of this file
------------------
1. Nothing raises out of a callback of the transport or of a timer: it ends this connection alone.
2. What is sealed and not sent yet is bounded, here and in the kernel: a frame of a high priority
   waits for no more than that.
3. A slow reader slows only itself.  With streams, credit bounds what it can make us hold; without
   them, we do not take its bytes while it does not take ours.  (With streams that would be a
   deadlock: two sides that both have much to send would both stop reading.)
4. Bytes are read into one buffer that all connections of a node share, since each read is dealt
   with, or copied, before the next: an idle session holds none.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import cast

from nexus.dsoftbus.carrier import Carrier, Mode
from nexus.dsoftbus.io.clock import Clock, Timer
from nexus.dsoftbus.io.counters import Counters
from nexus.dsoftbus.io.link_owner import (
    LATE_NS,
    LINGER_NS,
    SEALED_BYTES,
    WRITE_BYTES_HIGH,
    WRITE_BYTES_LOW,
    Cause,
)
from nexus.dsoftbus.io.socket_options import bound_unsent
from nexus.dsoftbus.session import Session
from nexus.dsoftbus.session_events import Proven, Ready, Received, Refused


class Line(asyncio.BufferedProtocol, ABC):
    """A connection below its frames; `Link` says what they mean."""

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
        "_timer",
        "_transport",
        "carrier",
        "over",
        "session",
    )

    def __init__(
        self, session: Session, buffer: bytearray, clock: Clock, counters: Counters
    ) -> None:
        """Wait for the socket."""
        self.session = session
        self.carrier: Carrier | None = None
        self.over = asyncio.Event()
        self._buffer = buffer
        self._clock = clock
        self._counters = counters
        self._transport: asyncio.Transport | None = None
        self._timer: Timer | None = None
        self._is_ended = False
        self._is_behind = False  # Some of the read bytes are still to be dealt with.
        self._is_flushing = False
        self._is_held = False
        self._is_paused = False
        self._is_slow = False  # The line is slower than we are: seal one frame at a time.

    # Decisions of the layer above.

    @abstractmethod
    def _begun(self, source: str) -> None:
        """Learn that there is a connection from an address."""

    @abstractmethod
    def _turn(self) -> None:
        """Deal with what the session was fed."""

    @abstractmethod
    def _dispatch(self, event: Proven | Ready | Received | Refused) -> None:
        """Deal with an event that only time has brought."""

    @abstractmethod
    def _sealed(self) -> None:
        """Learn that frames went, so that there is room for others."""

    @abstractmethod
    def _fail(self, exc: Exception) -> None:
        """End the session for a defect on this side."""

    @abstractmethod
    def _end(self, cause: Cause) -> None:
        """End the session, once."""

    @abstractmethod
    def _forgotten(self) -> None:
        """Learn that the connection is gone; comes after the end, and raises nothing."""

    # Calls of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the dialler's first message is waiting."""
        # Other loops have transports of classes of their own.
        self._transport = made = cast("asyncio.Transport", transport)
        try:
            made.set_write_buffer_limits(high=WRITE_BYTES_HIGH, low=WRITE_BYTES_LOW)
            bound_unsent(made)
            name = made.get_extra_info("peername")
            self._begun(str(name[0]) if name else "-")
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
            self._forgotten()

    # Reading.

    def hold(self) -> None:
        """Read no more, because what was read is not dealt with yet."""
        self._is_held = True
        self._adjust_reading()

    def release(self) -> None:
        """Go on."""
        if self._is_held:
            self._is_held = False
            self._adjust_reading()

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

    # Writing.

    def wake(self) -> None:
        """Write soon: what is sent in one turn of the loop is written together."""
        if not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush_soon)

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
            self._sealed()

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

    def _close_transport(self) -> None:
        transport = self._transport
        if transport is None:
            return
        for piece in self.session.take_pieces():
            transport.write(piece)
        transport.close()
        # A peer that takes nothing does not keep the connection.
        self._timer = self._clock.call_at(self._clock.now_ns() + LINGER_NS, transport.abort)

    # The timer.

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
