"""The serving side of sessions: judged calls go to handlers, answers go back.

A handler that takes longer than the caller's deadline is cancelled.  What it raises costs its
caller an answer of `failed` and nobody else anything.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

from nexus.dsoftbus.audit import AuditRecord
from nexus.dsoftbus.gateway import Answer, Forward, Gateway
from nexus.dsoftbus.io.settings import Call, Handler, Reply

# Calls of one session that are being served.  More wait their turn, and while any wait the
# session's frames wait unread in the kernel.
SERVING_MAX: Final = 128


class Conversation(Protocol):
    """Where answers go, and what can be asked to wait."""

    def send(self, frame: bytes) -> None:
        """Send a frame; without a session it is dropped."""

    def hold(self) -> None:
        """Bring no more frames."""

    def release(self) -> None:
        """Bring frames again."""


class Service:
    """One node's gateway and handlers."""

    def __init__(
        self,
        gateway: Gateway,
        handlers: Mapping[int, Handler],
        audit: Callable[[AuditRecord], None],
    ) -> None:
        """Serve with these handlers, by number of service."""
        self._gateway = gateway
        self._handlers = dict(handlers)
        self._audit = audit

    def session(self, peer: str, number: int, to: Conversation) -> ServedSession:
        """Begin to serve one session."""
        return ServedSession(self, peer, number, to)

    def judge(self, peer: str, frame: bytes) -> Forward | Answer:
        """Judge one frame."""
        return self._gateway.receive(peer, frame, time.monotonic_ns())

    def run(self, forward: Forward, session: int) -> Reply | Awaitable[Reply]:
        """Call the handler; a service without one gives no reply."""
        handler = self._handlers.get(forward.service.number)
        if handler is None:
            return None
        number, payload = forward.service.number, forward.request.payload
        return handler(Call(forward.peer, session, number, payload))

    def complete(self, forward: Forward, reply: Reply) -> Answer:
        """Turn a reply into an answer."""
        return self._gateway.complete(forward, reply, time.monotonic_ns())

    def record(self, answer: Answer) -> None:
        """Audit a decision."""
        self._audit(answer.audit)


class ServedSession:
    """The calls of one session."""

    __slots__ = ("_number", "_peer", "_service", "_tasks", "_to", "_waiting")

    def __init__(self, service: Service, peer: str, number: int, to: Conversation) -> None:
        """Serve nothing yet."""
        self._service = service
        self._peer = peer
        self._number = number
        self._to: Conversation | None = to
        self._tasks: set[asyncio.Task[None]] = set()
        # Bounded by what one read of the socket holds: there is no next one until it is empty.
        self._waiting: deque[Forward] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether every call was answered."""
        return not self._tasks and not self._waiting

    def take(self, frame: bytes) -> None:
        """Judge a frame; answer it now or when its handler is done."""
        decision = self._service.judge(self._peer, frame)
        if isinstance(decision, Answer):
            self._answer(decision)
        elif len(self._tasks) < SERVING_MAX:
            self._start(decision)
        else:
            self._waiting.append(decision)
            if self._to is not None:
                self._to.hold()

    def end(self) -> None:
        """Cancel what is being served: there is nobody to answer."""
        self._to = None
        self._waiting.clear()
        for task in list(self._tasks):
            task.cancel()

    def _start(self, forward: Forward) -> None:
        try:
            reply = self._service.run(forward, self._number)
        except Exception as exc:
            # Whatever a handler does wrong: its caller is answered and the node lives on.
            _report(exc)
            reply = None
        if reply is None or isinstance(reply, bytes):
            self._answer(self._service.complete(forward, reply))
            return
        task = asyncio.ensure_future(self._await(forward, reply))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def _await(self, forward: Forward, pending: Awaitable[Reply]) -> None:
        reply: Reply = None
        try:
            left_s = (forward.deadline_ns - time.monotonic_ns()) / 1e9
            async with asyncio.timeout(left_s):
                reply = await pending
        except TimeoutError:
            pass
        except Exception as exc:
            _report(exc)
        self._answer(self._service.complete(forward, reply))

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        while self._waiting and len(self._tasks) < SERVING_MAX:
            self._start(self._waiting.popleft())
            if not self._waiting and self._to is not None:
                self._to.release()

    def _answer(self, answer: Answer) -> None:
        self._service.record(answer)
        if self._to is not None and answer.response is not None:
            self._to.send(answer.response.encode())


def _report(exc: Exception) -> None:
    asyncio.get_running_loop().call_exception_handler(
        {"message": "a service handler failed", "exception": exc}
    )
