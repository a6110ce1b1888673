"""Time, in one place: what everything in this folder reads and waits by.

A node takes a clock, and by default that of its event loop.  So a test runs in virtual time, with
a loop of its own or with a clock that it turns by hand.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol

NS_PER_S: Final = 1_000_000_000

# For what is made outside of a loop and counts from its own beginning.
monotonic_ns: Final[Callable[[], int]] = time.monotonic_ns


class Timer(Protocol):
    """A call that waits for its instant."""

    def cancel(self) -> None:
        """Do not make it."""


class Clock(Protocol):
    """Instants in nanoseconds from any beginning, and calls at them."""

    def now_ns(self) -> int:
        """Return the instant."""

    def call_at(self, at_ns: int, callback: Callable[[], object]) -> Timer:
        """Call back when an instant has come, on the event loop's thread."""


class LoopClock:
    """The clock of the running event loop."""

    __slots__ = ()

    def now_ns(self) -> int:
        """Return the instant."""
        return int(asyncio.get_running_loop().time() * NS_PER_S)

    def call_at(self, at_ns: int, callback: Callable[[], object]) -> Timer:
        """Call back when an instant has come."""
        return asyncio.get_running_loop().call_at(at_ns / NS_PER_S, callback)


def after_ns(clock: Clock, seconds: float) -> int:
    """Return the instant so many seconds from now."""
    return clock.now_ns() + int(seconds * NS_PER_S)


@asynccontextmanager
async def deadline(clock: Clock, at_ns: int) -> AsyncIterator[None]:
    """End the block with `TimeoutError` when an instant has come."""
    async with asyncio.timeout(None) as scope:
        timer = clock.call_at(at_ns, lambda: scope.reschedule(0))
        try:
            yield
        finally:
            timer.cancel()


async def sleep(clock: Clock, seconds: float) -> None:
    """Return after so many seconds."""
    woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake() -> None:
        if not woken.done():
            woken.set_result(None)

    timer = clock.call_at(after_ns(clock, seconds), wake)
    try:
        await woken
    finally:
        timer.cancel()
