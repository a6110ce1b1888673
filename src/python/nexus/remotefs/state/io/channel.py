"""A peer on an event loop's thread, for a mapping that is used on another one.

shared = map_from_thread(peer, loop)
shared["colour"] = b"green"
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from nexus.remotefs.state.client import StateMap
from nexus.remotefs.state.io.client import TIMEOUT_S, Caller, StateClient
from nexus.remotefs.state.replies import SERVICE

Result = TypeVar("Result")


def map_from_thread(
    peer: Caller, loop: asyncio.AbstractEventLoop, timeout_s: float = TIMEOUT_S
) -> StateMap:
    """Return the shared state of a peer that lives on `loop`, values above a frame included."""
    large = ThreadedClient(StateClient(peer, timeout_s), loop)
    return StateMap(call_from_thread(peer, loop, timeout_s), large)


def call_from_thread(
    peer: Caller, loop: asyncio.AbstractEventLoop, timeout_s: float = TIMEOUT_S
) -> Callable[[bytes], bytes]:
    """Return what sends a frame to a peer that lives on `loop` and waits for the answer."""

    def call(frame: bytes) -> bytes:
        return _wait(peer.call(SERVICE, frame, timeout_s), loop)

    return call


class ThreadedClient:
    """A `StateClient` of a loop on another thread."""

    def __init__(self, client: StateClient, loop: asyncio.AbstractEventLoop) -> None:
        """Use a client that lives on `loop`."""
        self._client = client
        self._loop = loop

    def get(self, key: str) -> bytes:
        """Return a value.  Raises StateError."""
        return _wait(self._client.get(key), self._loop)

    def put(self, key: str, value: bytes) -> None:
        """Set a value.  Raises StateError."""
        _wait(self._client.put(key, value), self._loop)


def _wait(call: Coroutine[Any, Any, Result], loop: asyncio.AbstractEventLoop) -> Result:
    return asyncio.run_coroutine_threadsafe(call, loop).result()
