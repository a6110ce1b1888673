"""A peer to call: many calls in flight, each with its deadline; it outlives its sessions.

A call that may be repeated is sent again when its session is lost and another one comes: reads
always, mutations only to a peer that remembers what it has answered.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from nexus.dsoftbus.io.link import Link
from nexus.dsoftbus.io.settings import (
    DeadlineError,
    FailedError,
    PeerSettings,
    RefusedError,
    SessionLostError,
    UnavailableError,
)
from nexus.dsoftbus.io.stream import BusStream
from nexus.dsoftbus.policy import is_mutation
from nexus.wire import bundle, samgr
from nexus.wire.error import LocalProtocolError, RemoteProtocolError
from nexus.wire.gateway import DEADLINE_MS_MAX, Request, Response, Status

# More calls wait in `call`; what the peer has to hold for us is bounded by it.
IN_FLIGHT_MAX: Final = 128

TIMEOUT_S: Final = 5.0


@dataclass(slots=True)
class _Pending:
    """A call that was not answered yet."""

    service: int
    payload: bytes
    deadline_s: float
    future: asyncio.Future[Response]
    link: Link | None = None  # Where it was sent.


class Peer:
    """One configured peer.  `Node.connect` gives it; its sessions come and go."""

    def __init__(self, settings: PeerSettings, epoch: int) -> None:
        """Have no session yet.

        Args:
            settings: Who it is.
            epoch: 32 bits that no earlier start of this node had.
        """
        self.settings = settings
        self.link: Link | None = None
        # A peer's table of answered mutations goes by epoch and number.
        self._correlation = epoch << 32 if settings.is_deduplicating else 0
        self._pending: dict[int, _Pending] = {}
        self._capacity = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._changed = asyncio.Event()
        self._is_closed = False
        self._turns: dict[str, asyncio.Lock] = {}  # As many as there are names in our code.

    @property
    def device_id(self) -> str:
        """The peer's name."""
        return self.settings.device_id

    @property
    def is_ready(self) -> bool:
        """Whether there is a session now."""
        return self.link is not None

    @property
    def in_flight(self) -> int:
        """How many calls wait for their answers."""
        return len(self._pending)

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait for a session.

        Raises:
            UnavailableError: none came in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self.link is None:
                    self._check_open()
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as exc:
            raise UnavailableError(
                f"no session with {self.device_id} within {timeout_s:g} s: is it announced, and"
                " are the keys of both sides as configured?"
            ) from exc

    async def call(self, service: int, payload: bytes, timeout_s: float = TIMEOUT_S) -> bytes:
        """Call a service of the peer; return its reply's frame.

        Safe to cancel: the answer, if one comes, is dropped.

        Raises:
            RefusedError: the peer does not permit it; asking again changes nothing.
            FailedError: the peer's service did not answer.
            DeadlineError: no answer in time.
            UnavailableError: the session was lost and the call must not be repeated.
        """
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_s
        try:
            async with asyncio.timeout_at(deadline_s), self._capacity:
                response = await self._exchange(service, payload, deadline_s)
        except TimeoutError as exc:
            raise DeadlineError(f"{self.device_id} gave no answer in {timeout_s:g} s") from exc
        if response.status is Status.REFUSED:
            raise RefusedError(f"{self.device_id} refused the call")
        if response.status is Status.FAILED:
            raise FailedError(f"the service of {self.device_id} did not answer")
        return response.payload

    async def resolve(self, name: str, timeout_s: float = TIMEOUT_S) -> bool:
        """Ask whether a service of this name is registered at the peer."""
        request = samgr.Request(samgr.Op.RESOLVE_STATUS, name)
        try:
            reply = samgr.decode_reply(await self.call(1, request.encode(), timeout_s))
        except RemoteProtocolError as exc:
            raise FailedError(f"{self.device_id} answered with {exc}") from exc
        return reply.status is samgr.Status.OK

    async def bundle_count(self, timeout_s: float = TIMEOUT_S) -> int:
        """Ask how many bundles the peer has."""
        request = bundle.Request(bundle.Op.LIST)
        try:
            reply = bundle.decode_reply(await self.call(2, request.encode(), timeout_s))
        except RemoteProtocolError as exc:
            raise FailedError(f"{self.device_id} answered with {exc}") from exc
        if not isinstance(reply, bundle.ListReply) or reply.status is not bundle.Status.OK:
            raise FailedError(f"{self.device_id} cannot list its bundles")
        return reply.count

    async def ping(self, timeout_s: float = TIMEOUT_S) -> float:
        """Ask the peer's session whether it is there; return the round trip in seconds.

        Raises:
            DeadlineError, UnavailableError: it is not, or there is no session.
        """
        await self.wait_ready(timeout_s)
        assert self.link is not None, "ready without a link"
        begun_s = time.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                await self.link.ping()
        except TimeoutError as exc:
            raise DeadlineError(f"{self.device_id} gave no answer in {timeout_s:g} s") from exc
        except LocalProtocolError as exc:
            raise UnavailableError(f"the session with {self.device_id} was lost") from exc
        return time.monotonic() - begun_s

    async def open_stream(
        self, name: str, priority: int = 4, timeout_s: float = TIMEOUT_S
    ) -> BusStream:
        """Open a stream; the peer must have a handler by its name, or it is reset.

        A side has one live stream of a name: hold `turn(name)` where several could want one.

        Raises:
            NoStreamsError: the peer speaks none.
            UnavailableError: no session, a stream of this name, or too many of them.
        """
        await self.wait_ready(timeout_s)
        if self.link is None or self.link.handles is None:
            raise SessionLostError(f"the session with {self.device_id} was lost")
        try:
            async with asyncio.timeout(timeout_s):
                return await self.link.handles.open(name, priority)
        except TimeoutError as exc:
            raise UnavailableError(f"{self.device_id} says nothing in {timeout_s:g} s") from exc

    def turn(self, stream: str) -> asyncio.Lock:
        """Return the lock that who opens a stream of this name holds until it is over."""
        return self._turns.setdefault(stream, asyncio.Lock())

    def next_correlation(self) -> int:
        """Return a new correlation id; to a peer that remembers it names a call for good."""
        self._correlation += 1
        return self._correlation

    def attach(self, link: Link) -> None:
        """Use this session; what is under way on another one stays there."""
        self.link = link
        self._changed.set()
        for correlation, pending in list(self._pending.items()):
            if pending.link is None:
                self._send(correlation, pending)

    def detach(self, link: Link, other: Link | None) -> None:
        """Stop using a session that ended; repeat what was under way on it, if it may be."""
        if self.link is link:
            self.link = other
        lost = [(c, p) for c, p in self._pending.items() if p.link is link and not p.future.done()]
        for correlation, pending in lost:
            pending.link = None
            is_harmless = not is_mutation(pending.service, pending.payload)
            if is_harmless or self.settings.is_deduplicating:
                self._send(correlation, pending)
            else:
                pending.future.set_exception(
                    UnavailableError(f"lost {self.device_id}; the call may have had its effect")
                )

    def answered(self, response: Response) -> None:
        """Take a response; one that nobody waits for is dropped."""
        pending = self._pending.pop(response.correlation, None)
        if pending is not None and not pending.future.done():
            pending.future.set_result(response)

    def close(self) -> None:
        """Give up on everything that waits."""
        self._is_closed = True
        self._changed.set()
        pending, self._pending = self._pending, {}
        for call in pending.values():
            if not call.future.done():
                call.future.set_exception(UnavailableError("this node was closed"))

    async def _exchange(self, service: int, payload: bytes, deadline_s: float) -> Response:
        self._check_open()
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        pending = _Pending(service, payload, deadline_s, future)
        correlation = self.next_correlation()
        # Encoded before it is entered: what cannot be said is the caller's mistake, raised here.
        Request(service, correlation, DEADLINE_MS_MAX, payload).encode()
        self._pending[correlation] = pending
        try:
            self._send(correlation, pending)
            return await future
        finally:
            self._pending.pop(correlation, None)

    def _send(self, correlation: int, pending: _Pending) -> None:
        if self.link is None:
            return  # `attach` sends it.
        left_ms = int((pending.deadline_s - time.monotonic()) * 1000)
        deadline_ms = min(max(left_ms, 1), DEADLINE_MS_MAX)
        request = Request(pending.service, correlation, deadline_ms, pending.payload)
        pending.link = self.link
        self.link.send_request(request.encode())

    def _check_open(self) -> None:
        if self._is_closed:
            raise UnavailableError("this node was closed")
