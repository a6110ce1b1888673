"""Calls from threads without an event loop to what lives on one.

    value = wait_from_thread(client.get(key), loop, timeout_s)

The thread waits, the loop works.  On the loop's own thread nothing would be left to do the work:
there it raises instead of waiting for ever.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from collections.abc import Coroutine
from typing import Final, TypeVar

from nexus.core.duration import check_timeout_s
from nexus.core.errors import NexusError
from nexus.dsoftbus.io.settings import DeadlineError, UnavailableError

# The coroutine has the caller's timeout; the thread that waits for it waits longer, so that its own
# error comes through.  More than this much later the loop is taken for stopped.
_GRACE_S: Final = 5.0

Result = TypeVar("Result")


class WrongThreadError(NexusError, RuntimeError):
    """A blocking call on the thread of the event loop that would have to serve it."""


def wait_from_thread(
    call: Coroutine[object, None, Result], loop: asyncio.AbstractEventLoop, timeout_s: float
) -> Result:
    """Run a coroutine on another thread's loop and wait for its result.

    Args:
        call: What to run; it ends within `timeout_s` by itself.
        loop: Where the node lives.
        timeout_s: How long the call may take.

    Raises:
        WrongThreadError: this is the loop's own thread.
        UnavailableError: the loop does not run, or was stopped meanwhile.
        DeadlineError: the loop was too busy to answer.
        Other errors: those of the call.
    """
    try:
        check_timeout_s(timeout_s)
        check_loop(loop)
        future = asyncio.run_coroutine_threadsafe(call, loop)
    except BaseException:
        call.close()  # It will not run, and Python would warn of that.
        raise
    try:
        return future.result(timeout_s + _GRACE_S)
    except concurrent.futures.CancelledError as exc:
        raise UnavailableError("the node's event loop was stopped during the call") from exc
    except TimeoutError as exc:
        if future.done():
            raise  # It is the call's own.
        if not loop.is_running():
            if inspect.getcoroutinestate(call) == inspect.CORO_CREATED:
                call.close()  # It stood in the queue of a loop that was stopped before its turn.
            raise UnavailableError("the node's event loop was stopped during the call") from exc
        raise DeadlineError(f"the node's event loop gave no answer in {timeout_s:g} s") from exc
    finally:
        future.cancel()  # Where the wait was interrupted no caller takes the result.


def check_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Say that this thread may wait for another one's loop.

    Raises:
        WrongThreadError, UnavailableError: it may not; see `wait_from_thread`.
    """
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    if here is loop:
        raise WrongThreadError(
            "a blocking call on the thread of the node's own event loop would wait for itself:"
            " await the client there, or use it as `await asyncio.to_thread(...)`"
        )
    if loop.is_closed() or not loop.is_running():
        raise UnavailableError("the node's event loop does not run; start it before the call")
