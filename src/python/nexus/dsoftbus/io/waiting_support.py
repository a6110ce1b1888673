"""Waiting within a bound: for a scenario, and for what no event announces, such as a counter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

# Far more than any of this takes; a test that waits in vain ends with `TimeoutError`.
BOUND_S: Final = 10.0
_LOOK_S: Final = 0.001


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Play a scenario of a test on an event loop of its own."""

    async def main() -> None:
        async with asyncio.timeout(BOUND_S):
            await scenario()

    asyncio.run(main())


async def until(is_so: Callable[[], bool], bound_s: float = BOUND_S) -> None:
    """Let the loop run until a condition holds."""
    async with asyncio.timeout(bound_s):
        while not is_so():  # noqa: ASYNC110 - a condition of any kind has no event
            await asyncio.sleep(_LOOK_S)
