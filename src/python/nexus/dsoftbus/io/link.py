"""One TCP connection: carries bytes between a socket and a `Session`, and runs its timer.

Rules of this file
------------------
1. Nothing is decided here: what happens is told to the owner, in order.
2. While the peer does not take our bytes, we do not take its: a slow reader slows only itself.
3. Bytes are read into one buffer that all links of a node share, since each read is dealt with
   before the next: an idle session holds none.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol

from nexus.dsoftbus.session import Proven, Ready, Received, Refusal, Refused, Session
from nexus.dsoftbus.transitions import State

READ_BYTES: Final = 65_536

# Beyond this the transport asks us to wait.  A few of the largest messages.
WRITE_BYTES_HIGH: Final = 131_072

# Written out at once, before the session's own bound on output is near.
_FLUSH_BYTES: Final = 8_192


class Owner(Protocol):
    """Who decides what becomes of a connection."""

    def opened(self, link: Link) -> None:
        """Take note of a connection."""

    def proven(self, link: Link, event: Proven) -> None:
        """Decide whether the peer is admitted, now or later."""

    def ready(self, link: Link) -> None:
        """Use the session."""

    def received(self, link: Link, frame: bytes) -> None:
        """Take a frame."""

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
        "_timer",
        "_transport",
        "number",
        "over",
        "session",
        "was_ready",
    )

    def __init__(self, session: Session, owner: Owner, buffer: bytearray, number: int) -> None:
        """Wait for the socket."""
        self.session = session
        self.number = number
        self.over = asyncio.Event()
        self.was_ready = False
        self._owner = owner
        self._buffer = buffer
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
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
        with memoryview(self._buffer) as view:
            data = bytes(view[:nbytes])
        self._handle(self.session.receive(data, time.monotonic_ns()))

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
        self.session.close()
        self._stop_timer()
        self._transport = None
        self.over.set()
        self._owner.closed(self)

    def admit(self) -> None:
        """Accept the proven peer."""
        self._handle(self.session.admit(time.monotonic_ns()))
        self._arm()

    def send(self, frame: bytes) -> None:
        """Seal a frame; frames of one turn of the loop are written together.

        Without a session it is dropped: the owner is about to be told that the link is closed.
        """
        if self.session.state is not State.READY:
            return
        if self.session.output_bytes > _FLUSH_BYTES:
            self._flush()
        self.session.send_plaintext(frame)
        if not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def close(self) -> None:
        """End the session; what was sent before is still written."""
        self._flush()
        self.session.close()
        self._stop_timer()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End the connection without waiting for the peer to take anything."""
        self.session.close()
        if self._transport is not None:
            self._transport.abort()

    def _handle(self, events: list[Proven | Ready | Received | Refused]) -> None:
        for event in events:
            match event:
                case Received(frame):
                    if self.session.state is State.READY:
                        self._owner.received(self, frame)
                case Proven():
                    self._owner.proven(self, event)
                case Ready():
                    self.was_ready = True
                    self._arm()
                    self._owner.ready(self)
                case Refused(refusal):
                    self._owner.refused(self, refusal)
        self._flush()
        if self.session.state is State.CLOSED and self._transport is not None:
            self._transport.close()

    def _adjust_reading(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        should_read = not (self._is_paused or self._is_held)
        if should_read and not self._transport.is_reading():
            self._transport.resume_reading()
        elif not should_read and self._transport.is_reading():
            self._transport.pause_reading()

    def _flush(self) -> None:
        self._is_flushing = False
        if self._transport is not None and self.session.output_bytes:
            self._transport.write(self.session.take_output())

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
