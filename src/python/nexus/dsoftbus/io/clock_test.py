"""Deadlines and pauses, to the nanosecond, and that no timer is left behind."""

from __future__ import annotations

import asyncio

import pytest

from nexus.dsoftbus.io.clock import LoopClock, after_ns, deadline, sleep
from nexus.dsoftbus.io.hand_clock_fake import HandClock
from nexus.dsoftbus.io.virtual_fake import run_virtual

SECOND = 1_000_000_000


async def turns(count: int = 3) -> None:
    """Let what is ready run."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_an_instant_is_as_many_nanoseconds_away_as_a_second_has() -> None:
    clock = HandClock(at_ns=5)
    assert after_ns(clock, 1.0) == 5 + SECOND
    assert after_ns(clock, 0.25) == 5 + 250_000_000
    assert after_ns(clock, 0) == 5
    assert clock.waiting == []


def test_the_loops_clock_is_that_of_the_loop_in_nanoseconds() -> None:
    async def main() -> None:
        loop, clock = asyncio.get_running_loop(), LoopClock()
        await asyncio.sleep(1.5)
        assert (loop.time(), clock.now_ns()) == (1.5, 1_500_000_000)
        called: list[float] = []
        clock.call_at(2 * SECOND, lambda: called.append(loop.time()))
        never = clock.call_at(2 * SECOND, lambda: called.append(-1.0))
        never.cancel()
        await asyncio.sleep(5)
        assert called == [2.0]

    run_virtual(main())


def test_a_block_ends_when_its_instant_has_come_and_not_before() -> None:
    async def main() -> None:
        clock = HandClock()

        async def wait() -> None:
            async with deadline(clock, 100):
                await asyncio.Event().wait()

        waiting = asyncio.ensure_future(wait())
        await turns()
        clock.turn_to(99)
        await turns()
        assert not waiting.done()
        clock.turn_to(100)
        with pytest.raises(TimeoutError):
            await waiting
        assert clock.waiting == []

    asyncio.run(main())


def test_a_block_of_the_first_second_of_a_loop_ends_at_its_instant() -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with deadline(LoopClock(), 250_000_000):
                await asyncio.Event().wait()
        assert asyncio.get_running_loop().time() == 0.25

    run_virtual(main())


def test_a_block_that_ends_by_itself_leaves_no_timer() -> None:
    async def main() -> None:
        clock = HandClock()
        async with deadline(clock, 100):
            assert [at_ns for at_ns, _ in clock.waiting] == [100]
        assert clock.waiting == []
        with pytest.raises(ValueError, match="mine"):
            async with deadline(clock, 100):
                raise ValueError("mine")
        assert clock.waiting == []

    asyncio.run(main())


def test_a_pause_is_as_long_as_it_was_said_to_be() -> None:
    async def main() -> None:
        clock = HandClock(at_ns=7)
        pause = asyncio.ensure_future(sleep(clock, 0.5))
        await turns()
        clock.turn_to(7 + SECOND // 2 - 1)
        await turns()
        assert not pause.done()
        clock.turn_to(7 + SECOND // 2)
        await pause
        assert clock.waiting == []

    asyncio.run(main())


def test_a_pause_that_is_cancelled_leaves_no_timer() -> None:
    async def main() -> None:
        clock = HandClock()
        pause = asyncio.ensure_future(sleep(clock, 0.5))
        await turns()
        pause.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pause
        assert clock.waiting == []

    asyncio.run(main())


def test_a_pause_that_is_cancelled_at_its_very_end_is_cancelled() -> None:
    async def main() -> None:
        clock = HandClock()
        pause = asyncio.ensure_future(sleep(clock, 0.5))
        await turns()
        pause.cancel()
        clock.turn_to(SECOND)  # The timer comes before the task has its turn.
        with pytest.raises(asyncio.CancelledError):
            await pause

    asyncio.run(main())
