"""A stream as an object to read and write: `Peer.open_stream` and stream handlers get one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from nexus.dsoftbus.io.gate import PeerGate
from nexus.dsoftbus.io.settings import SessionLostError, StreamResetError, UnavailableError
from nexus.dsoftbus.mux import Mux
from nexus.dsoftbus.mux_transitions import ResetReason

READ_BYTES: Final = 65_536


class BusStream:
    """One stream.  One task reads and one writes at a time."""

    __slots__ = (
        "_arrived",
        "_changed",
        "_failure",
        "_is_ended",
        "_mux",
        "_wake",
        "gate",
        "name",
        "number",
        "peer",
    )

    def __init__(
        self,
        mux: Mux,
        number: int,
        name: str,
        peer: str,
        wake: Callable[[], None],
        gate: PeerGate,
    ) -> None:
        """Wrap a live stream.

        Args:
            mux: The session's streams.
            number: This one's id.
            name: What it was opened as.
            peer: The other side's device id.
            wake: Called when there may be something to send.
            gate: What the other side may ask for on it, for who serves it.
        """
        self.name = name
        self.gate = gate
        self.number = number
        self.peer = peer
        self._mux = mux
        self._wake = wake
        # At most a window of bytes, since only what is read gives credit.
        self._arrived: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._is_ended = False
        self._failure: UnavailableError | None = None

    async def read(self, count_max: int = READ_BYTES) -> bytes:
        """Return what has arrived, at least a byte; nothing at the peer's end of the stream.

        Raises:
            StreamResetError, SessionLostError: nothing more will come.
        """
        while not self._arrived:
            if self._failure is not None:
                raise self._failure
            if self._is_ended:
                return b""
            self._changed.clear()
            await self._changed.wait()
        data = self._arrived.popleft()
        if len(data) > count_max:
            self._arrived.appendleft(data[count_max:])
            data = data[:count_max]
        if self._failure is None:
            self._mux.consume(self.number, len(data))
            self._wake()
        return data

    async def read_exactly(self, count: int) -> bytes:
        """Return so many bytes, or fewer at the peer's end of the stream.

        Raises:
            StreamResetError, SessionLostError: they will not come.
        """
        data = bytearray()
        while len(data) < count and (piece := await self.read(count - len(data))):
            data += piece
        return bytes(data)

    async def write(self, data: bytes) -> None:
        """Send; returns when all of it is buffered, which is when the peer keeps up.

        Raises:
            StreamResetError, SessionLostError: it may have arrived or not.
        """
        while True:
            self._check()
            data = data[self._mux.send(self.number, data) :]
            self._wake()
            if not data:
                return
            self._changed.clear()
            await self._changed.wait()

    def close(self) -> None:
        """Send no more; what is buffered still goes."""
        if self._failure is None and self._mux.can_close(self.number):
            self._mux.close(self.number)
            self._wake()

    async def over(self) -> None:
        """Return when both sides have closed, or one has given up."""
        while self._failure is None and self._mux.state(self.number) is not None:
            self._changed.clear()
            await self._changed.wait()

    def reset(self, reason: ResetReason = ResetReason.UNWANTED) -> None:
        """Give the stream up."""
        if self._failure is None:
            self._mux.reset(self.number, reason)
            self.was_reset(None)
            self._wake()

    # What the link tells.

    def arrive(self, data: bytes) -> None:
        """Keep what arrived."""
        self._arrived.append(data)
        self._changed.set()

    def end(self) -> None:
        """Note that the peer sends no more."""
        self._is_ended = True
        self._changed.set()

    def was_reset(self, reason: int | None) -> None:
        """Note that the stream was given up."""
        why = "" if reason is None else f", reason {reason}"
        self._fail(StreamResetError(f"the stream {self.name!r} was reset{why}", reason))

    def lose(self) -> None:
        """Note that the session is no more."""
        self._fail(SessionLostError(f"the stream {self.name!r} was lost with its session"))

    def drained(self) -> None:
        """Note that there may be room."""
        self._changed.set()

    def _fail(self, failure: UnavailableError) -> None:
        if self._failure is None:
            self._failure = failure
        self._changed.set()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._mux.state(self.number) is None:
            raise StreamResetError(f"the stream {self.name!r} is over", None)


StreamHandler = Callable[[BusStream], Awaitable[None]]
