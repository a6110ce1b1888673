"""Pings of one session that were not answered yet."""

from __future__ import annotations

import asyncio


class Pings:
    """As many as there are callers that wait."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        """Wait for none."""
        self._waiting: dict[int, asyncio.Future[None]] = {}

    async def wait(self, nonce: int) -> None:
        """Return when the ping of a nonce was answered.

        Raises:
            ConnectionError: the session ended before.
        """
        self._waiting[nonce] = answered = asyncio.get_running_loop().create_future()
        try:
            await answered
        finally:
            self._waiting.pop(nonce, None)

    def answer(self, nonce: int) -> None:
        """Answer all up to a nonce: pongs come in order, and a late one answers those before."""
        for asked, answered in self._waiting.items():
            if asked <= nonce and not answered.done():
                answered.set_result(None)

    def end(self) -> None:
        """Fail all: the session ended."""
        for answered in self._waiting.values():
            if not answered.done():
                answered.set_exception(ConnectionError("the session ended"))
