"""The calls to one peer: many in flight, each with its deadline; they outlive its sessions.

A call that may be repeated is sent again when its session is lost and another one comes: reads
always, mutations only to a peer that remembers what it has answered.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from nexus.contract.message_layout import Struct
from nexus.dsoftbus.ask import Ask
from nexus.dsoftbus.io.clock import NS_PER_S, Clock, deadline
from nexus.dsoftbus.io.counters import Counters
from nexus.dsoftbus.io.errors import (
    ClosedError,
    DeadlineError,
    FailedError,
    MisuseError,
    NoMessagesError,
    UnavailableError,
)
from nexus.dsoftbus.io.misuse import check_call
from nexus.dsoftbus.io.pending import Pending
from nexus.dsoftbus.io.session_table import SessionRecord, SessionTable
from nexus.dsoftbus.io.settings import PeerSettings
from nexus.dsoftbus.policy import is_mutation
from nexus.wire import rpc, rpc_answer
from nexus.wire.error import LocalProtocolError, RemoteProtocolError
from nexus.wire.gateway import DEADLINE_MS_MAX, Request, Response, Status
from nexus.wire.method_frames import Spoken, read_request

# More calls wait in `call`; what the peer has to hold for us is bounded by it.
IN_FLIGHT_MAX: Final = 128

_NS_PER_MS: Final = 1_000_000


class Calls:
    """Everything that waits for one peer."""

    def __init__(
        self,
        settings: PeerSettings,
        epoch: int,
        sessions: SessionTable,
        clock: Clock,
        counters: Counters,
        rpc_mode: rpc.Mode = rpc.Mode.FRAMES,
    ) -> None:
        """Wait for nothing.

        Args:
            settings: The identity of the peer.
            epoch: 32 bits that no earlier start of this node had.
            sessions: Where its sessions are found.
            clock: The node's.
            counters: The node's.
            rpc_mode: Whether calls are made as messages.
        """
        self.settings = settings
        self.clock = clock
        # A peer's table of answered mutations goes by epoch and number.
        self._epoch = epoch << rpc.NUMBER_BITS if settings.is_deduplicating else 0
        self._correlation = self._epoch
        self._sessions = sessions
        self._counters = counters
        self._rpc = rpc_mode
        self._pending: dict[int, Pending] = {}
        self._capacity = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._changed = asyncio.Event()
        self._is_closed = False

    @property
    def session(self) -> SessionRecord | None:
        """The session that is used now."""
        return self._sessions.newest(self.settings.device_id)

    @property
    def in_flight(self) -> int:
        """The number of calls that wait for their answers."""
        return len(self._pending)

    def next_correlation(self) -> int:
        """Return a new correlation id; to a peer that remembers it names a call for good."""
        self._correlation += 1
        return self._correlation

    def check_open(self) -> None:
        """Raise what callers get after the node was closed."""
        if self._is_closed:
            raise ClosedError("this node is closed; make another one")

    async def wait_ready(self) -> SessionRecord:
        """Return a session as soon as there is one."""
        while True:
            self.check_open()
            record = self.session
            if record is not None:
                return record
            self._changed.clear()
            await self._changed.wait()

    async def wait_lost(self) -> None:
        """Return when there is no session."""
        while self.session is not None:
            self._changed.clear()
            await self._changed.wait()

    async def exchange(self, service: int, payload: bytes, timeout_s: float) -> Response:
        """Send a request; return its response.

        Raises:
            DeadlineError: no answer in time.
            UnavailableError: the session was lost and the call must not be repeated.
            MisuseError: what cannot be asked.
        """
        self.check_open()
        check_call(service, payload)
        pending = await self._exchange(service, payload, timeout_s, self._spoken(service, payload))
        return pending.future.result()

    async def invoke(
        self, spoken: Spoken, payload: bytes, timeout_s: float
    ) -> tuple[Response, Struct | None]:
        """Call a method, whose frame is given too; return how it ended, and its results.

        The results are None where the answer is a frame, which the response has.

        Raises:
            As `exchange`.
        """
        self.check_open()
        service = spoken.method.service
        check_call(service, payload)
        pending = await self._exchange(service, payload, timeout_s, spoken, is_typed=True)
        return pending.future.result(), pending.results

    async def _exchange(
        self,
        service: int,
        payload: bytes,
        timeout_s: float,
        spoken: Spoken | None,
        *,
        is_typed: bool = False,
    ) -> Pending:
        at_ns = self.clock.now_ns() + int(timeout_s * NS_PER_S)
        if self._capacity.locked():
            try:
                async with deadline(self.clock, at_ns):
                    await self._capacity.acquire()
            except TimeoutError as exc:
                raise self._late(timeout_s) from exc
        else:
            await self._capacity.acquire()
        try:
            answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
            pending = Pending(service, payload, timeout_s, at_ns, answer, spoken, is_typed)
            await self._wait(pending)
            return pending
        finally:
            self._capacity.release()

    def attach(self, record: SessionRecord) -> None:
        """Use this session; what is under way on another one stays there."""
        self._changed.set()
        for correlation, pending in list(self._pending.items()):
            if pending.number is None:
                self._send(correlation, pending)

    def detach(self, record: SessionRecord) -> None:
        """Stop using a session that ended; repeat what was under way on it, if it may be."""
        self._changed.set()
        number = record.link.number
        lost = [(c, p) for c, p in self._pending.items() if p.number == number]
        for correlation, pending in lost:
            if pending.future.done():
                continue
            pending.number = None
            is_harmless = not is_mutation(pending.service, pending.payload)
            if is_harmless or self.settings.is_deduplicating:
                self._send(correlation, pending)
            else:
                text = f"lost {self.settings.device_id}; the call may have had its effect"
                pending.future.set_exception(UnavailableError(text))

    def answered(self, response: Response) -> None:
        """Take a response; one that no call waits for is dropped."""
        pending = self._pending.pop(response.correlation, None)
        if pending is not None and not pending.future.done():
            self._counters.calls_answered += 1
            pending.future.set_result(response)

    def answered_message(self, message: bytes) -> None:
        """Take an answer that is a message; one that no call waits for is dropped."""
        try:
            answer = rpc_answer.read_answer(message)
        except RemoteProtocolError as exc:
            self._fail(rpc.correlation_of(message), exc)
            return
        correlation = self._epoch | answer.correlation
        pending = self._pending.get(correlation)
        if pending is None or pending.spoken is None:
            return
        if answer.status is not Status.OK:
            self.answered(Response(answer.status, correlation))
            return
        frame = b""
        try:
            if pending.is_typed:
                pending.results = rpc_answer.read_results(pending.spoken.method, answer)
            else:
                frame = rpc_answer.reply_of(pending.spoken, answer)
        except (LocalProtocolError, RemoteProtocolError) as exc:
            self._fail(answer.correlation, exc)
            return
        self.answered(Response(Status.OK, correlation, frame))

    def unsaid(self, names: tuple[int, ...]) -> None:
        """Give up on calls that the peer has no ears for."""
        for name in names:
            self._give_up(name, self._deaf())

    def close(self) -> None:
        """Give up on everything that waits."""
        self._is_closed = True
        self._changed.set()
        pending, self._pending = self._pending, {}
        for call in pending.values():
            if not call.future.done():
                call.future.set_exception(ClosedError("this node was closed"))

    def _spoken(self, service: int, payload: bytes) -> Spoken | None:
        """Find the method that a frame is, if it may be called as a message."""
        if self._rpc is rpc.Mode.FRAMES:
            return None
        spoken = read_request(service, payload)
        if spoken is None and self._rpc is rpc.Mode.MESSAGES:
            raise MisuseError(
                f"service {service}: this frame is not a method of the contract, and `rpc` is"
                ' "schema"; with "auto" it is sent as it is'
            )
        return spoken

    def _fail(self, correlation: int, exc: Exception) -> None:
        text = f"{self.settings.device_id} answered with {exc}"
        self._give_up(self._epoch | correlation, FailedError(text))

    def _give_up(self, name: int, exc: Exception) -> None:
        """End a call that still waits."""
        pending = self._pending.get(name)
        if pending is not None and not pending.future.done():
            pending.future.set_exception(exc)

    def _deaf(self) -> NoMessagesError:
        text = f"{self.settings.device_id} does not take calls as messages, and `rpc` is"
        return NoMessagesError(f'{text} "schema"; with "auto" it is called by frames')

    async def _wait(self, pending: Pending) -> Response:
        self.check_open()
        correlation = self.next_correlation()
        self._pending[correlation] = pending
        timer = self.clock.call_at(pending.deadline_ns, partial(self._expire, correlation))
        try:
            self._counters.calls_sent += 1
            self._send(correlation, pending)
            return await pending.future
        finally:
            timer.cancel()
            self._pending.pop(correlation, None)

    def _expire(self, correlation: int) -> None:
        pending = self._pending.get(correlation)
        if pending is not None and not pending.future.done():
            pending.future.set_exception(self._late(pending.timeout_s))

    def _late(self, timeout_s: float) -> DeadlineError:
        return DeadlineError(f"{self.settings.device_id} gave no answer in {timeout_s:g} s")

    def _send(self, correlation: int, pending: Pending) -> None:
        record = self.session
        if record is None:
            return  # `attach` sends it.
        # Rounded up: our own deadline comes before the peer's, so that it is the one that counts.
        left_ms = -(-(pending.deadline_ns - self.clock.now_ns()) // _NS_PER_MS)
        deadline_ms = min(max(left_ms, 1), DEADLINE_MS_MAX)
        request = Request(pending.service, correlation, deadline_ms, pending.payload)
        pending.number = record.link.number
        spoken = pending.spoken
        ask = Ask(request) if spoken is None else Ask(request, spoken.method, spoken.params)
        try:
            record.link.send_call(ask)
        except LocalProtocolError:
            pending.future.set_exception(self._deaf())
