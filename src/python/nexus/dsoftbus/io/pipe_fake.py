"""Streams of a session that are a stand-in with one live stream, and the pipe over it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, cast  # Any: a stand-in for the streams of a session.

from nexus.dsoftbus.io.hand_clock_fake import HandClock
from nexus.dsoftbus.io.pipe import Pipe
from nexus.dsoftbus.io.stream import BusStream
from nexus.dsoftbus.mux_transitions import ResetReason, StreamState

T = TypeVar("T")

NUMBER: Final = 7


class FakeMux:
    """The streams of a session with one live stream, which has some room."""

    def __init__(self) -> None:
        """Be open, with room for ten bytes."""
        self.live: StreamState | None = StreamState.OPEN
        self.free = 10
        self.is_closable = True
        self.is_due = False  # Whether a grant makes a credit.
        self.sent = b""
        self.granted: list[int] = []
        self.asked: list[object] = []

    def send(self, number: int, data: bytes | memoryview) -> int:
        """Take what there is room for."""
        assert number == NUMBER
        taken = bytes(data[: self.free])
        self.sent += taken
        self.free -= len(taken)
        return len(taken)

    def room(self, number: int) -> int:
        """Say how much that is."""
        return self.free

    def is_live(self, number: int) -> bool:
        """Say whether it is."""
        return self.live is not None

    def state(self, number: int) -> StreamState | None:
        """Say where it stands."""
        return self.live

    def can_close(self, number: int) -> bool:
        """Say what a test says."""
        return self.is_closable

    def close(self, number: int) -> None:
        """Keep that it was asked."""
        self.asked.append("close")

    def reset(self, number: int, reason: ResetReason) -> None:
        """Keep the reason."""
        self.asked.append(reason)

    def grant(self, number: int, count: int) -> bool:
        """Keep the count; a credit is due if a test says so."""
        self.granted.append(count)
        return self.is_due


class World:
    """A pipe, and how often its session was to send soon or now."""

    def __init__(self) -> None:
        """Have nothing sent or arrived."""
        self.mux, self.clock, self.told = FakeMux(), HandClock(), list[str]()
        self.pipe = Pipe(
            cast("Any", self.mux),
            NUMBER,
            "bulk",
            lambda: self.told.append("wake"),
            lambda: self.told.append("flush"),
            self.clock,
        )
        gate: Any = type("Gate", (), {"peer": "node-b"})()
        self.stream = BusStream(self.pipe, "bulk", gate)


def run_piped(scenario: Callable[[World], Awaitable[None]]) -> None:
    """Play a scenario in a world of its own."""

    async def main() -> None:
        async with asyncio.timeout(10):
            await scenario(World())

    asyncio.run(main())


async def begun(doing: Awaitable[T]) -> asyncio.Future[T]:
    """Begin something and let it go as far as it comes."""
    task = asyncio.ensure_future(doing)
    for _ in range(5):
        await asyncio.sleep(0)
    return task
