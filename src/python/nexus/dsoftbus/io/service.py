"""The serving side of sessions: judged calls go to handlers, answers go back.

A handler that takes longer than the caller's deadline is cancelled.  What it raises costs its
caller an answer of `failed` and no other caller anything.  A mutation that its caller may repeat
after a reconnect outlives its session, so that the repetition finds its answer; it is recorded
once, by itself, however often it is asked for.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from nexus.dsoftbus.audit import AuditRecord, Outcome, Record, record_of
from nexus.dsoftbus.carrier import Nonsense, Pulled
from nexus.dsoftbus.gateway import Answer, Forward, Gateway
from nexus.dsoftbus.io.clock import Clock, deadline
from nexus.dsoftbus.io.counters import LOGGER, Counters
from nexus.dsoftbus.io.gate import PeerGate
from nexus.dsoftbus.io.interceptor import Interceptor, wrap_incoming
from nexus.dsoftbus.io.settings import Call, Handler, Reply
from nexus.dsoftbus.policy import MUTATIONS
from nexus.dsoftbus.replay import ReplayTable, Verdict, has_epoch

# Calls of one session that are being served; more are not taken before one of these is done.
SERVING_MAX: Final = 128


class Conversation(Protocol):
    """The source of requests, and the way of answers."""

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
        self,
        gateway: Gateway,
        handlers: Mapping[int, Handler],
        audit: Callable[[Record], None],
        clock: Clock,
        counters: Counters,
        interceptors: Sequence[Interceptor] = (),
    ) -> None:
        """Serve with these handlers, by number of service."""
        self._gateway = gateway
        self._handlers = dict(handlers)
        self._interceptors = tuple(interceptors)
        self._replay = ReplayTable()
        self._mutations: dict[tuple[str, int], asyncio.Task[Reply]] = {}
        self.audit = audit
        self.clock = clock
        self.counters = counters

    def gate(self, peer: str) -> PeerGate:
        """Return what handlers of this peer's streams ask."""
        return PeerGate(self._gateway, self._replay, self.audit, peer, self.clock)

    def judge(self, peer: str, pulled: Pulled) -> Forward | Answer:
        """Judge one call, in whichever encoding it came."""
        receive = self._gateway.receive_message if pulled.is_message else self._gateway.receive
        return receive(peer, pulled.frame, self.clock.now_ns())

    def charge(self, peer: str) -> None:
        """Take a token for what is not even a frame."""
        self._gateway.charge(peer, self.clock.now_ns())

    def run(self, forward: Forward, session: int) -> tuple[Reply | Awaitable[Reply], bool]:
        """Let the handler begin, or find the answer of a call that is repeated.

        Returns:
            The reply or what gives it, and whether its end is recorded elsewhere.
        """
        request = forward.request
        number = request.service
        is_mutation = forward.opcode in MUTATIONS.get(number, ())
        if not is_mutation or not has_epoch(request.correlation):
            return self._call(forward, session), False
        key = (forward.peer, request.correlation)
        verdict, reply = self._replay.begin(*key, number, request.payload)
        if verdict is Verdict.RUN:
            task = asyncio.ensure_future(self._mutate(forward, session))
            self._mutations[key] = task
            task.add_done_callback(lambda _: self._mutations.pop(key, None))
        if verdict in (Verdict.RUN, Verdict.RUNNING):
            # The session may end; the mutation does not.
            return asyncio.shield(self._mutations[key]), True
        return reply, verdict is Verdict.DONE

    def complete(self, forward: Forward, reply: Reply) -> Answer:
        """Turn a reply into an answer."""
        return self._gateway.complete(forward, reply, self.clock.now_ns())

    async def within_deadline(self, forward: Forward, pending: Awaitable[Reply]) -> Reply:
        """Await a handler for as long as its caller does; None if that was too short."""
        try:
            async with deadline(self.clock, forward.deadline_ns):
                return self._checked(await pending, forward)
        except TimeoutError:
            return None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._report("was cancelled by itself", forward, None)
            return None
        except Exception as exc:
            self._report("raised", forward, exc)
            return None

    async def close(self) -> None:
        """Cancel the mutations that outlived their sessions."""
        for task in self._mutations.values():
            task.cancel()
        await asyncio.gather(*self._mutations.values(), return_exceptions=True)

    async def _mutate(self, forward: Forward, session: int) -> Reply:
        reply: Reply = None
        try:
            pending = self._call(forward, session)
            if isinstance(pending, bytes) or pending is None:
                reply = pending
            else:
                reply = await self.within_deadline(forward, pending)
        finally:
            self._replay.finish(forward.peer, forward.request.correlation, reply)
            self.audit(self.complete(forward, reply).audit)
        return reply

    def _call(self, forward: Forward, session: int) -> Reply | Awaitable[Reply]:
        number = forward.request.service
        handler = self._handlers.get(number)
        if handler is None:
            return None
        request = forward.request
        call = Call(forward.peer, session, number, request.payload, request.correlation)
        if self._interceptors:
            return wrap_incoming(self._interceptors, _as_coroutine(handler))(call)
        try:
            reply = handler(call)
        except (Exception, asyncio.CancelledError) as exc:
            # Whatever a handler does wrong: its caller is answered and the node lives on.
            self._report("raised", forward, exc)
            return None
        if isinstance(reply, bytes):
            return reply
        return reply if inspect.isawaitable(reply) else self._checked(reply, forward)

    def _checked(self, reply: object, forward: Forward) -> Reply:
        """Return a reply that is one."""
        if reply is None or isinstance(reply, bytes):
            return reply
        if isinstance(reply, bytearray | memoryview):
            return bytes(reply)
        name = type(reply).__name__
        self._report(f"returned {name}; expected bytes or None", forward, None)
        return None

    def _report(self, what: str, forward: Forward, exc: BaseException | None) -> None:
        self.counters.handlers_failed += 1
        number = forward.request.service
        LOGGER.error("the handler of service %d %s", number, what, exc_info=exc)


class ServedSession:
    """The calls of one session."""

    __slots__ = ("_number", "_on_idle", "_peer", "_service", "_tasks", "_to")

    def __init__(
        self,
        service: Service,
        peer: str,
        number: int,
        to: Conversation,
        on_idle: Callable[[], None],
    ) -> None:
        """Serve nothing yet.

        Args:
            service: The node's.
            peer: Whose session it is.
            number: The session's.
            to: Where requests come from.
            on_idle: Called when the last call that was being served is done.
        """
        self._service = service
        self._peer = peer
        self._number = number
        self._to: Conversation | None = to
        self._on_idle = on_idle
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
                self._service.charge(self._peer)
                self._service.audit(record_of(request.outcome, self._peer, request.frame))
            else:
                self._take(request)
            to = self._to  # A handler may have ended the session.
        if to is not None and to.has_bare_requests:
            to.hold()

    def end(self) -> None:
        """Cancel the calls being served: there is no peer to answer."""
        self._to = None
        for task in list(self._tasks):
            task.cancel()

    def _take(self, request: Pulled) -> None:
        service = self._service
        decision = service.judge(self._peer, request)
        if isinstance(decision, Answer):
            service.counters.calls_denied += 1
            self._answer(decision, request.stream)
            return
        service.counters.calls_served += 1
        reply, is_recorded = service.run(decision, self._number)
        if isinstance(reply, bytes) or reply is None:
            answer = service.complete(decision, reply)
            self._answer(answer, request.stream, is_recorded=is_recorded)
            return
        waiting = self._await(decision, reply, request.stream, is_recorded=is_recorded)
        task = asyncio.ensure_future(waiting)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def _await(
        self, forward: Forward, pending: Awaitable[Reply], stream: int | None, *, is_recorded: bool
    ) -> None:
        service = self._service
        try:
            reply = await service.within_deadline(forward, pending)
        except asyncio.CancelledError:
            if not is_recorded:  # It may have had its effect.
                number = forward.request.service
                record = AuditRecord(Outcome.FAILED, forward.peer, number, forward.opcode)
                service.audit(record)
            raise
        answer = service.complete(forward, reply)
        self._answer(answer, stream, is_recorded=is_recorded)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            LOGGER.error("a call of %s was not answered", self._peer, exc_info=exc)
        if not self._tasks:
            self._on_idle()
        self.pull()

    def _answer(self, answer: Answer, stream: int | None, *, is_recorded: bool = False) -> None:
        if not is_recorded:
            self._service.audit(answer.audit)
        if self._to is not None and (encoded := answer.encode()) is not None:
            self._to.send_response(encoded, stream)


def _as_coroutine(handler: Handler) -> Callable[[Call], Awaitable[Reply]]:
    async def run(call: Call) -> Reply:
        reply = handler(call)
        if inspect.isawaitable(reply):
            return await reply
        return reply

    return run
