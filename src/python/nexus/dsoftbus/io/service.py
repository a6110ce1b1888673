"""The serving side of sessions: judged calls go to handlers, answers go back.

A handler that takes longer than the caller's deadline is cancelled.  What it raises costs its
caller an answer of `failed` and nobody else anything.  A mutation that its caller may repeat after
a reconnect outlives its session, so that the repetition finds its answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

from nexus.dsoftbus.audit import Record, record_of
from nexus.dsoftbus.carrier import Nonsense, Pulled
from nexus.dsoftbus.gateway import Answer, Forward, Gateway
from nexus.dsoftbus.io.gate import PeerGate
from nexus.dsoftbus.io.settings import Call, Handler, Reply
from nexus.dsoftbus.policy import is_mutation
from nexus.dsoftbus.replay import ReplayTable, Verdict, has_epoch

# Calls of one session that are being served; more are not taken before one of these is done.
SERVING_MAX: Final = 128


class Conversation(Protocol):
    """Where requests come from and answers go."""

    @property
    def has_bare_requests(self) -> bool:
        """Whether requests wait that nothing but `hold` keeps from growing."""

    def take_request(self) -> Pulled | Nonsense | None:
        """Take the next request."""

    def send_response(self, frame: bytes, stream: int | None) -> None:
        """Answer one."""

    def hold(self) -> None:
        """Bring no more."""

    def release(self) -> None:
        """Go on."""


class Service:
    """One node's gateway and handlers."""

    def __init__(
        self, gateway: Gateway, handlers: Mapping[int, Handler], audit: Callable[[Record], None]
    ) -> None:
        """Serve with these handlers, by number of service."""
        self._gateway = gateway
        self._handlers = dict(handlers)
        self._replay = ReplayTable()
        self._mutations: dict[tuple[str, int], asyncio.Task[Reply]] = {}
        self.audit = audit

    def gate(self, peer: str) -> PeerGate:
        """Return what handlers of this peer's streams ask."""
        return PeerGate(self._gateway, self._replay, self.audit, peer)

    def judge(self, peer: str, frame: bytes) -> Forward | Answer:
        """Judge one frame."""
        return self._gateway.receive(peer, frame, time.monotonic_ns())

    def run(self, forward: Forward, session: int) -> Reply | Awaitable[Reply]:
        """Let the handler begin, or find the answer of a call that is repeated."""
        correlation = forward.request.correlation
        number, payload = forward.service.number, forward.request.payload
        if not has_epoch(correlation) or not is_mutation(number, payload):
            return self._call(forward, session)
        key = (forward.peer, correlation)
        verdict, reply = self._replay.begin(forward.peer, correlation, number, payload)
        if verdict is Verdict.RUN:
            task = asyncio.ensure_future(self._mutate(forward, session))
            self._mutations[key] = task
            task.add_done_callback(lambda _: self._mutations.pop(key, None))
        if verdict in (Verdict.RUN, Verdict.RUNNING):
            # The session may end; the mutation does not.
            return asyncio.shield(self._mutations[key])
        return reply

    def complete(self, forward: Forward, reply: Reply) -> Answer:
        """Turn a reply into an answer."""
        return self._gateway.complete(forward, reply, time.monotonic_ns())

    async def close(self) -> None:
        """Cancel the mutations that outlived their sessions."""
        for task in self._mutations.values():
            task.cancel()
        await asyncio.gather(*self._mutations.values(), return_exceptions=True)

    async def _mutate(self, forward: Forward, session: int) -> Reply:
        reply: Reply = None
        try:
            reply = await within_deadline(forward, self._call(forward, session))
        finally:
            self._replay.finish(forward.peer, forward.request.correlation, reply)
        return reply

    def _call(self, forward: Forward, session: int) -> Reply | Awaitable[Reply]:
        handler = self._handlers.get(forward.service.number)
        if handler is None:
            return None
        number, payload = forward.service.number, forward.request.payload
        try:
            return handler(Call(forward.peer, session, number, payload))
        except Exception as exc:
            # Whatever a handler does wrong: its caller is answered and the node lives on.
            _report(exc)
            return None


async def within_deadline(forward: Forward, pending: Reply | Awaitable[Reply]) -> Reply:
    """Await a handler for as long as its caller does; None if that was too short."""
    if pending is None or isinstance(pending, bytes):
        return pending
    left_s = (forward.deadline_ns - time.monotonic_ns()) / 1e9
    try:
        async with asyncio.timeout(left_s):
            return await pending
    except TimeoutError:
        return None
    except Exception as exc:
        _report(exc)
        return None


class ServedSession:
    """The calls of one session."""

    __slots__ = ("_number", "_peer", "_service", "_tasks", "_to")

    def __init__(self, service: Service, peer: str, number: int, to: Conversation) -> None:
        """Serve nothing yet."""
        self._service = service
        self._peer = peer
        self._number = number
        self._to: Conversation | None = to
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_idle(self) -> bool:
        """Whether every call was answered."""
        return not self._tasks

    def pull(self) -> None:
        """Take requests, as many as may be served at once."""
        to = self._to
        while to is not None and len(self._tasks) < SERVING_MAX:
            request = to.take_request()
            if request is None:
                to.release()
                return
            if isinstance(request, Nonsense):
                self._service.audit(record_of(request.outcome, self._peer, request.frame))
            else:
                self._take(request)
        if to is not None and to.has_bare_requests:
            to.hold()

    def end(self) -> None:
        """Cancel what is being served: there is nobody to answer."""
        self._to = None
        for task in list(self._tasks):
            task.cancel()

    def _take(self, request: Pulled) -> None:
        decision = self._service.judge(self._peer, request.frame)
        if isinstance(decision, Answer):
            self._answer(decision, request.stream)
            return
        reply = self._service.run(decision, self._number)
        if reply is None or isinstance(reply, bytes):
            self._answer(self._service.complete(decision, reply), request.stream)
            return
        task = asyncio.ensure_future(self._await(decision, reply, request.stream))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def _await(self, forward: Forward, pending: Awaitable[Reply], stream: int | None) -> None:
        reply = await within_deadline(forward, pending)
        self._answer(self._service.complete(forward, reply), stream)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.pull()

    def _answer(self, answer: Answer, stream: int | None) -> None:
        self._service.audit(answer.audit)
        if self._to is not None and answer.response is not None:
            self._to.send_response(answer.response.encode(), stream)


def _report(exc: Exception) -> None:
    asyncio.get_running_loop().call_exception_handler(
        {"message": "a service handler failed", "exception": exc}
    )
