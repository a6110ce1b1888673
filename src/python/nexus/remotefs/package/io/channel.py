"""A peer on an event loop's thread, for a client that waits on another one.

    PackageClient(ThreadChannel(peer, loop))

Answers come by a queue; what is outstanding, and therefore the queue, is bounded by the client.
"""

from __future__ import annotations

import asyncio
import queue
from concurrent.futures import Future
from functools import partial

from nexus.core.errors import NexusError
from nexus.dsoftbus.io.settings import RefusedError
from nexus.remotefs.package.io.client import TIMEOUT_S, Caller
from nexus.remotefs.package.replies import SERVICE
from nexus.wire.gateway import Response, Status


class ThreadChannel:
    """`nexus.remotefs.package.client.Channel` over a peer of another thread."""

    def __init__(
        self, peer: Caller, loop: asyncio.AbstractEventLoop, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Call a peer that lives on `loop`; every request has so long for its answer."""
        self._peer = peer
        self._loop = loop
        self._timeout_s = timeout_s
        self._count = 0
        self._answers: queue.SimpleQueue[Response] = queue.SimpleQueue()

    @property
    def session(self) -> int | None:
        """Which session it is now."""
        link = self._peer.link
        return None if link is None else link.number

    def send(self, payload: bytes) -> int:
        """Send a request; return the number that its response will have."""
        self._count += 1
        call = self._peer.call(SERVICE, payload, self._timeout_s)
        future = asyncio.run_coroutine_threadsafe(call, self._loop)
        future.add_done_callback(partial(self._answered, self._count))
        return self._count

    def receive(self) -> Response:
        """Wait for the next response."""
        return self._answers.get()

    def _answered(self, number: int, future: Future[bytes]) -> None:
        try:
            response = Response(Status.OK, number, future.result())
        except RefusedError:
            response = Response(Status.REFUSED, number)
        except (NexusError, asyncio.CancelledError):
            response = Response(Status.FAILED, number)
        self._answers.put(response)
