"""The traces of a blocking call, whichever way it ends: a coroutine that is closed, a loop that
works on nothing of it, and the time that was waited."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import Any  # Any: a stand-in for a future.

import pytest

from nexus.core.duration import TimeoutValueError
from nexus.dsoftbus.io import bridge
from nexus.dsoftbus.io.bridge import WrongThreadError, check_loop, wait_from_thread
from nexus.dsoftbus.io.looping_support import looping
from nexus.dsoftbus.io.settings import DeadlineError, UnavailableError


async def answer() -> int:
    return 7


class Waited:
    """A future that says how long it was waited for."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.cancelled = 0

    def result(self, timeout: float) -> int:
        self.seconds.append(timeout)
        return 7

    def cancel(self) -> None:
        self.cancelled += 1


def test_a_thread_waits_five_seconds_longer_than_the_call() -> None:
    future: Any = Waited()
    call = answer()
    with looping() as loop, pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "run_coroutine_threadsafe", lambda call, loop: future)
        assert wait_from_thread(call, loop, 2.5) == 7
    call.close()
    assert (future.seconds, future.cancelled) == ([7.5], 1)


def test_a_call_that_cannot_be_made_is_closed_and_not_left_for_the_collector() -> None:
    stopped = asyncio.new_event_loop()
    call = answer()
    with pytest.raises(UnavailableError) as caught:
        wait_from_thread(call, stopped, 5)
    assert str(caught.value) == "the node's event loop does not run; start it before the call"
    assert inspect.getcoroutinestate(call) == inspect.CORO_CLOSED
    call = answer()
    with pytest.raises(TimeoutValueError):
        wait_from_thread(call, stopped, 0)
    assert inspect.getcoroutinestate(call) == inspect.CORO_CLOSED
    stopped.close()

    async def main() -> None:
        own = answer()
        with pytest.raises(WrongThreadError) as refused:
            wait_from_thread(own, asyncio.get_running_loop(), 5)
        assert str(refused.value) == (
            "a blocking call on the thread of the node's own event loop would wait for itself:"
            " await the client there, or use it as `await asyncio.to_thread(...)`"
        )
        assert inspect.getcoroutinestate(own) == inspect.CORO_CLOSED

    asyncio.run(main())


def test_a_call_that_was_given_up_is_not_made_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "_GRACE_S", 0.0)
    made: list[str] = []
    go_on = threading.Event()

    async def change() -> None:
        await asyncio.sleep(0)
        made.append("changed")

    with looping() as loop:
        loop.call_soon_threadsafe(go_on.wait)
        try:
            with pytest.raises(DeadlineError):
                wait_from_thread(change(), loop, 0.01)
        finally:
            go_on.set()
        assert wait_from_thread(answer(), loop, 5) == 7
    assert made == []


def test_a_loop_that_was_stopped_before_the_call_began_leaves_it_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bridge, "_GRACE_S", 0.0)
    loop = asyncio.new_event_loop()
    states = iter([True])
    monkeypatch.setattr(loop, "is_running", lambda: next(states, False))
    call = answer()
    with pytest.raises(UnavailableError) as caught:
        wait_from_thread(call, loop, 0.01)
    assert str(caught.value) == "the node's event loop was stopped during the call"
    assert inspect.getcoroutinestate(call) == inspect.CORO_CLOSED
    loop.close()


def test_another_threads_loop_may_be_waited_for_and_ones_own_may_not() -> None:
    async def main() -> None:
        with looping() as other:
            check_loop(other)
        with pytest.raises(WrongThreadError):
            check_loop(asyncio.get_running_loop())

    asyncio.run(main())
    with looping() as loop:
        check_loop(loop)
    with pytest.raises(UnavailableError):
        check_loop(loop)
