"""A peer on an event loop's thread, for a client that waits on another one.

    PackageClient(ThreadChannel(peer, loop))

Answers come by a queue; what is outstanding, and therefore the queue, is bounded by the client.
On the loop's own thread, where no answer could come, every use raises `WrongThreadError`.
"""

from __future__ import annotations

import asyncio
import queue
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Final

from nexus.core.duration import check_timeout_s
from nexus.dsoftbus.io.bridge import check_loop
from nexus.dsoftbus.io.settings import DeadlineError, RefusedError
from nexus.remotefs.package.io.client import TIMEOUT_S, Caller
from nexus.remotefs.package.replies import SERVICE
from nexus.wire.gateway import Response, Status

# Every call ends within its timeout by itself.  This much later its loop is taken for stopped.
_GRACE_S: Final = 5.0


class ThreadChannel:
    """`nexus.remotefs.package.client.Channel` over a peer of another thread."""

    def __init__(
        self, peer: Caller, loop: asyncio.AbstractEventLoop, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Call a peer that lives on `loop`; every request has so long for its answer."""
        self._peer = peer
        self._loop = loop
        self._timeout_s = check_timeout_s(timeout_s)
        self._count = 0
        self._answers: queue.SimpleQueue[Response] = queue.SimpleQueue()

    @property
    def session(self) -> int | None:
        """The number of the present session."""
        link = self._peer.link
        return None if link is None else link.number

    def send(self, payload: bytes) -> int:
        """Send a request; return the number that its response will have.

        Raises:
            WrongThreadError: this is the loop's own thread.
            UnavailableError: the loop does not run.
        """
        check_loop(self._loop)
        self._count += 1
        call = self._peer.call(SERVICE, payload, self._timeout_s)
        future = asyncio.run_coroutine_threadsafe(call, self._loop)
        future.add_done_callback(partial(self._answered, self._count))
        return self._count

    def receive(self) -> Response:
        """Wait for the next response.

        Raises:
            DeadlineError: none came, although every call has its deadline: the loop stands still.
        """
        try:
            return self._answers.get(timeout=self._timeout_s + _GRACE_S)
        except queue.Empty as exc:
            text = f"the node's event loop gave no answer in {self._timeout_s:g} s"
            raise DeadlineError(text) from exc

    def _answered(self, number: int, future: Future[bytes]) -> None:
        """Keep an answer; whatever a call ends with, a thread waits for it."""
        try:
            response = Response(Status.OK, number, future.result())
        except RefusedError:
            response = Response(Status.REFUSED, number)
        except (Exception, CancelledError):
            response = Response(Status.FAILED, number)
        self._answers.put(response)
