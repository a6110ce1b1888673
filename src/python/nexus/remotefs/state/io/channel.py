"""A peer on an event loop's thread, for a mapping that is used on another one.

    shared = map_from_thread(peer, loop)
    shared["colour"] = b"green"

On the loop's own thread every use raises `WrongThreadError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nexus.core.duration import check_timeout_s
from nexus.dsoftbus.io.bridge import wait_from_thread
from nexus.remotefs.state.client import StateMap
from nexus.remotefs.state.io.client import TIMEOUT_S, Caller, StateClient
from nexus.remotefs.state.replies import SERVICE


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
    check_timeout_s(timeout_s)

    def call(frame: bytes) -> bytes:
        return wait_from_thread(peer.call(SERVICE, frame, timeout_s), loop, timeout_s)

    return call


class ThreadedClient:
    """A `StateClient` of a loop on another thread."""

    def __init__(self, client: StateClient, loop: asyncio.AbstractEventLoop) -> None:
        """Use a client that lives on `loop`."""
        self._client = client
        self._loop = loop

    def get(self, key: str) -> bytes:
        """Return a value.  Raises StateError."""
        return wait_from_thread(self._client.get(key), self._loop, self._client.longest_s)

    def put(self, key: str, value: bytes) -> None:
        """Set a value.  Raises StateError."""
        wait_from_thread(self._client.put(key, value), self._loop, self._client.longest_s)
