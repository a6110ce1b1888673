"""A stream as an object to read and write: `Peer.open_stream` and stream handlers get one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from nexus.dsoftbus.io.settings import UnavailableError
from nexus.dsoftbus.mux import Mux
from nexus.dsoftbus.mux_transitions import ResetReason

READ_BYTES: Final = 65_536


class BusStream:
    """One stream.  One task reads and one writes at a time."""

    __slots__ = (
        "_arrived",
        "_changed",
        "_is_ended",
        "_is_lost",
        "_mux",
        "_wake",
        "name",
        "number",
        "peer",
    )

    def __init__(
        self, mux: Mux, number: int, name: str, peer: str, wake: Callable[[], None]
    ) -> None:
        """Wrap a live stream.

        Args:
            mux: The session's streams.
            number: This one's id.
            name: What it was opened as.
            peer: The other side's device id.
            wake: Called when there may be something to send.
        """
        self.name = name
        self.number = number
        self.peer = peer
        self._mux = mux
        self._wake = wake
        # At most a window of bytes, since only what is read gives credit.
        self._arrived: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._is_ended = False
        self._is_lost = False

    async def read(self, count_max: int = READ_BYTES) -> bytes:
        """Return what has arrived, at least a byte; nothing at the peer's end of the stream.

        Raises:
            UnavailableError: reset, or the session is lost.
        """
        while not self._arrived:
            if self._is_lost:
                raise UnavailableError(f"the stream {self.name!r} was reset or lost")
            if self._is_ended:
                return b""
            self._changed.clear()
            await self._changed.wait()
        data = self._arrived.popleft()
        if len(data) > count_max:
            self._arrived.appendleft(data[count_max:])
            data = data[:count_max]
        if not self._is_lost:
            self._mux.consume(self.number, len(data))
            self._wake()
        return data

    async def write(self, data: bytes) -> None:
        """Send; returns when all of it is buffered, which is when the peer keeps up.

        Raises:
            UnavailableError: reset, or the session is lost.
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
        if not self._is_lost and self._mux.can_close(self.number):
            self._mux.close(self.number)
            self._wake()

    def reset(self, reason: ResetReason = ResetReason.UNWANTED) -> None:
        """Give the stream up."""
        if not self._is_lost:
            self._mux.reset(self.number, reason)
            self.lose()
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

    def lose(self) -> None:
        """Note that the stream is no more."""
        self._is_lost = True
        self._changed.set()

    def drained(self) -> None:
        """Note that there may be room."""
        self._changed.set()

    def _check(self) -> None:
        if self._is_lost or self._mux.state(self.number) is None:
            raise UnavailableError(f"the stream {self.name!r} was reset or lost")


StreamHandler = Callable[[BusStream], Awaitable[None]]
