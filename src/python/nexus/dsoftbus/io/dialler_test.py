"""The wait of a dialler between two rounds, by a clock that only writes down its requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any  # Any: a stand-in, or a value of a wrong type.

import pytest

from nexus.dsoftbus.io.dialler import BACKOFF_FIRST_S, BACKOFF_MAX_S, Dialler
from nexus.dsoftbus.io.node_scene import KEY_B, peer_of

NS = 1_000_000_000


class QuickClock:
    """Whatever is waited for comes at once, and is written down."""

    def __init__(self) -> None:
        self.at_ns = 0
        self.pauses: list[float] = []

    def now_ns(self) -> int:
        return self.at_ns

    def call_at(self, at_ns: int, callback: Callable[[], object]) -> asyncio.Handle:
        self.pauses.append((at_ns - self.at_ns) / NS)
        self.at_ns = at_ns
        return asyncio.get_running_loop().call_soon(callback)


class Lost:
    """Calls whose session is always lost, and how often that was waited for."""

    settings: Any = None

    def __init__(self) -> None:
        self.waited = 0

    async def wait_lost(self) -> None:
        self.waited += 1


class Scripted(Dialler):
    """A dialler whose rounds end as a test says; the last one cancels it."""

    def __init__(self, calls: Any, clock: Any, outcomes: list[bool]) -> None:
        nothing: Any = None
        super().__init__(calls, nothing, nothing, clock, nothing)
        self._outcomes: Iterator[bool] = iter(outcomes)

    async def round(self, *, is_forced: bool = False) -> bool:
        for outcome in self._outcomes:
            return outcome
        raise asyncio.CancelledError


async def pauses_of(outcomes: list[bool]) -> tuple[list[float], int]:
    calls, clock = Lost(), QuickClock()
    with pytest.raises(asyncio.CancelledError):
        await Scripted(calls, clock, outcomes).run()
    return clock.pauses, calls.waited


def test_pauses_double_up_to_the_longest_and_begin_anew_after_a_session() -> None:
    outcomes = [False] * 5 + [True, False, True, True]
    pauses, waited = asyncio.run(pauses_of(outcomes))
    assert pauses == [0.5, 1.0, 2.0, 2.0, 2.0, 0.25, 0.5, 0.25, 0.25]
    assert waited == len(outcomes) + 1
    assert (BACKOFF_FIRST_S, BACKOFF_MAX_S) == (0.25, 2.0)


def test_a_round_in_which_the_peer_dialled_meanwhile_has_a_session() -> None:
    """Or the next pause would be as long as after a round that failed."""

    class Found:
        session = object()
        settings = peer_of(KEY_B)

        def find(self, device_id: str) -> Any:
            return self.settings

        def addresses(self, device_id: str) -> list[tuple[str, int]]:
            return [("127.0.0.1", 1)]

    known, nothing = Found(), None
    made: Any = (known, known, nothing, QuickClock(), nothing)
    assert asyncio.run(Dialler(*made).round())
