"""A peer on an event loop's thread, for a mapping that is used on another one.

shared = StateMap(call_from_thread(peer, loop))
shared["colour"] = b"green"
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nexus.remotefs.state.io.client import TIMEOUT_S, Caller
from nexus.remotefs.state.replies import SERVICE


def call_from_thread(
    peer: Caller, loop: asyncio.AbstractEventLoop, timeout_s: float = TIMEOUT_S
) -> Callable[[bytes], bytes]:
    """Return what sends a frame to a peer that lives on `loop` and waits for the answer."""

    def call(frame: bytes) -> bytes:
        asked = asyncio.run_coroutine_threadsafe(peer.call(SERVICE, frame, timeout_s), loop)
        return asked.result()

    return call
