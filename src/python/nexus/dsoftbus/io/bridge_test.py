"""Blocking calls from a thread to a loop: results, errors, and every way in which there is none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from itertools import chain, repeat

import pytest

from nexus.core.duration import TimeoutValueError
from nexus.dsoftbus.io.bridge import WrongThreadError, wait_from_thread
from nexus.dsoftbus.io.looping_support import looping
from nexus.dsoftbus.io.settings import DeadlineError, UnavailableError


async def answer(value: int = 7) -> int:
    return value


def test_the_result_and_the_error_of_a_call() -> None:
    async def fail(error: Exception) -> int:
        raise error

    with looping() as loop:
        assert wait_from_thread(answer(), loop, 5) == 7
        for error in (KeyError("k"), DeadlineError("late"), TimeoutError("its own")):
            with pytest.raises(type(error)) as caught:
                wait_from_thread(fail(error), loop, 5)
            assert str(caught.value) == str(error)


def test_on_the_loops_own_thread_it_raises_instead_of_waiting() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(WrongThreadError, match="await the client there"):
            wait_from_thread(answer(), loop, 5)
        # A loop's callbacks are on its thread too; another loop's are not.
        with looping() as other:
            assert wait_from_thread(answer(), other, 5) == 7

    asyncio.run(run())


@pytest.mark.parametrize(
    "prepare", [lambda loop: None, lambda loop: loop.close()], ids=["new", "closed"]
)
def test_a_loop_that_does_not_run(prepare: Callable[[asyncio.AbstractEventLoop], None]) -> None:
    loop = asyncio.new_event_loop()
    prepare(loop)
    with pytest.raises(UnavailableError, match="does not run"):
        wait_from_thread(answer(), loop, 5)
    loop.close()


def test_a_call_that_is_cancelled_with_its_loop() -> None:
    async def cancel_all() -> None:
        for task in asyncio.all_tasks():
            task.cancel()

    with (
        looping() as loop,
        pytest.raises(UnavailableError, match="was stopped during the call"),
    ):
        wait_from_thread(cancel_all(), loop, 5)


def test_a_loop_that_stops_before_the_call_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexus.dsoftbus.io.bridge._GRACE_S", 0.0)
    loop = asyncio.new_event_loop()
    # It says that it runs, and never runs what it is given.
    monkeypatch.setattr(loop, "is_running", chain([True], repeat(False)).__next__)
    with pytest.raises(UnavailableError, match="was stopped during the call"):
        wait_from_thread(answer(), loop, 0.01)
    loop.close()


def test_a_loop_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexus.dsoftbus.io.bridge._GRACE_S", 0.0)
    go_on = threading.Event()
    with looping() as loop:
        loop.call_soon_threadsafe(go_on.wait)
        try:
            with pytest.raises(DeadlineError, match=r"gave no answer in 0\.01 s"):
                wait_from_thread(answer(), loop, 0.01)
        finally:
            go_on.set()


@pytest.mark.parametrize("timeout_s", [0, -1, float("inf"), None])
def test_a_timeout_that_is_not_one(timeout_s: float) -> None:
    with looping() as loop, pytest.raises(TimeoutValueError):
        wait_from_thread(answer(), loop, timeout_s)


def test_many_threads_at_once() -> None:
    async def slow(value: int) -> int:
        await asyncio.sleep(0)
        return value

    results: list[int] = []
    with looping() as loop:

        def use(value: int) -> None:
            call: Coroutine[object, None, int] = slow(value)
            results.append(wait_from_thread(call, loop, 5))

        threads = [threading.Thread(target=use, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == list(range(20))
