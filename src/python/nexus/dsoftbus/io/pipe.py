"""One stream inside its session: what arrived and was not read, and what each task waits for.

`StreamTable` drives it from below, `BusStream` is what users see of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from nexus.dsoftbus.io.clock import Clock
from nexus.dsoftbus.io.errors import (
    MisuseError,
    SessionLostError,
    StreamResetError,
    UnavailableError,
)
from nexus.dsoftbus.mux import Mux
from nexus.dsoftbus.mux_transitions import ResetReason

Waiter = asyncio.Future[None]


class Pipe:
    """Both directions of one live stream."""

    __slots__ = (
        "_arrived",
        "_failure",
        "_flush",
        "_is_closed",
        "_is_ended",
        "_mux",
        "_name",
        "_readers",
        "_wake",
        "_writers",
        "clock",
        "number",
    )

    def __init__(
        self,
        mux: Mux,
        number: int,
        name: str,
        wake: Callable[[], None],
        flush: Callable[[], None],
        clock: Clock,
    ) -> None:
        """Wrap a live stream.

        Args:
            mux: The session's streams.
            number: This one's id.
            name: What messages call it.
            wake: Called when there may be something to send, soon.
            flush: Called when the peer waits for it, or we do: it is sent now.
            clock: The node's.
        """
        self.number = number
        self.clock = clock
        self._name = name
        self._mux = mux
        self._wake = wake
        self._flush = flush
        # At most a window of bytes, since only what is read gives credit.
        self._arrived: deque[bytes] = deque()
        self._is_ended = False
        self._is_closed = False
        self._failure: UnavailableError | None = None
        # One of each in good use; more than that wake together.
        self._readers: list[Waiter] = []
        self._writers: list[Waiter] = []

    # Calls of users.

    async def read(self, count_max: int) -> bytes:
        """Return up to so many bytes, at least one; nothing at the peer's end."""
        while not self._arrived:
            if self._failure is not None:
                raise self._failure
            if self._is_ended:
                return b""
            await _wait(self._readers)
        data = self._arrived.popleft()
        if len(data) > count_max:
            self._arrived.appendleft(data[count_max:])
            data = data[:count_max]
        if self._failure is None and self._mux.grant(self.number, len(data)):
            self._flush()  # A credit: half a window, which the peer may be waiting for.
        return data

    async def write(self, data: bytes) -> None:
        """Buffer all of it, waiting for room as often as need be."""
        rest: bytes | memoryview = data
        while True:
            if self._failure is not None or self._is_closed or not self._mux.is_live(self.number):
                self._check_writable()
            taken = self._mux.send(self.number, rest)
            if taken:
                self._wake()
            if taken == len(rest):
                return
            rest = memoryview(rest)[taken:]  # The view is of bytes, which do not change.
            self._flush()
            if not self._mux.room(self.number):
                await _wait(self._writers)

    def close(self) -> None:
        """Send no more after what is buffered."""
        self._is_closed = True
        if self._failure is None and self._mux.can_close(self.number):
            self._mux.close(self.number)
            self._wake()

    async def over(self) -> None:
        """Return when nothing can happen any more."""
        while self._failure is None and self._mux.state(self.number) is not None:
            await _wait(self._writers)

    def reset(self, reason: ResetReason) -> None:
        """Give the stream up, if it is live."""
        if self._failure is None and self._mux.state(self.number) is not None:
            self._mux.reset(self.number, reason)
            self.fail_reset(None)
            self._wake()

    # The events from the table.

    @property
    def is_waiting_for_room(self) -> bool:
        """Whether `drained` would wake a writer."""
        return bool(self._writers)

    def arrive(self, data: bytes) -> None:
        """Keep what arrived."""
        self._arrived.append(data)
        if self._readers:
            _release(self._readers)

    def end(self) -> None:
        """Note that the peer sends no more."""
        self._is_ended = True
        _release(self._readers)
        _release(self._writers)

    def drained(self) -> None:
        """Note that there may be room, or that all is over."""
        _release(self._writers)

    def fail_reset(self, reason: int | None) -> None:
        """Note that the stream was given up."""
        why = "" if reason is None else f", reason {reason}"
        self._fail(StreamResetError(f"the stream {self._name!r} was reset{why}", reason))

    def fail_lost(self) -> None:
        """Note that the session is no more."""
        self._fail(SessionLostError(f"the stream {self._name!r} was lost with its session"))

    def _fail(self, failure: UnavailableError) -> None:
        if self._failure is None:
            self._failure = failure
        _release(self._readers)
        _release(self._writers)

    def _check_writable(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._is_closed:
            raise MisuseError(f"the stream {self._name!r} is closed for writing")
        if self._mux.state(self.number) is None:
            raise StreamResetError(f"the stream {self._name!r} is over", None)


async def _wait(waiters: list[Waiter]) -> None:
    waiter: Waiter = asyncio.get_running_loop().create_future()
    waiters.append(waiter)
    try:
        await waiter
    finally:
        if waiter in waiters:
            waiters.remove(waiter)


def _release(waiters: list[Waiter]) -> None:
    released, waiters[:] = waiters[:], []
    for waiter in released:
        if not waiter.done():
            waiter.set_result(None)
