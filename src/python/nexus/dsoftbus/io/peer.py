"""A peer to call and to open streams with: what `Node.connect` gives.

It outlives its sessions.  Everything that it raises is of `nexus.dsoftbus.io.errors`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final  # Any: what a method answers with is of its own kind.

from nexus.contract.gateway import Service
from nexus.core.duration import check_timeout_s
from nexus.core.errors import did_you_mean
from nexus.dsoftbus.carrier import Offer
from nexus.dsoftbus.io.calls import Calls
from nexus.dsoftbus.io.clock import NS_PER_S, LoopClock, after_ns, deadline
from nexus.dsoftbus.io.counters import Counters
from nexus.dsoftbus.io.errors import (
    BusyError,
    DeadlineError,
    FailedError,
    MisuseError,
    NoStreamsError,
    RefusedError,
    SessionLostError,
    UnavailableError,
)
from nexus.dsoftbus.io.interceptor import Interceptor, OutgoingCall, wrap_outgoing
from nexus.dsoftbus.io.link import Link
from nexus.dsoftbus.io.misuse import check_stream
from nexus.dsoftbus.io.peer_clients import Clients
from nexus.dsoftbus.io.session_table import SessionRecord, SessionTable
from nexus.dsoftbus.io.settings import PeerSettings
from nexus.dsoftbus.io.stream import BusStream
from nexus.wire import bundle, samgr
from nexus.wire.error import LocalProtocolError, RemoteProtocolError
from nexus.wire.gateway import Response, Status
from nexus.wire.method_frames import Spoken
from nexus.wire.methods import BY_NAME, METHODS, read_results

TIMEOUT_S: Final = 5.0


class Peer(Clients):
    """One configured peer; its sessions come and go."""

    def __init__(
        self,
        settings: PeerSettings,
        epoch: int,
        calls: Calls | None = None,
        interceptors: Sequence[Interceptor] = (),
    ) -> None:
        """Stand for a configured peer; `Node` makes one for each.

        Args:
            settings: Its identity.
            epoch: 32 bits that no earlier start of this node had.
            calls: The node's calls to it; without them it never has a session.
            interceptors: Stand around every call.
        """
        if calls is None:
            calls = Calls(settings, epoch, SessionTable(), LoopClock(), Counters())
        self._calls = calls
        self._clock = calls.clock
        self._intercepted = wrap_outgoing(interceptors, self._exchange) if interceptors else None
        self._turns: dict[str, asyncio.Lock] = {}  # As many as there are names in our code.

    @property
    def settings(self) -> PeerSettings:
        """The peer's entry in the configuration."""
        return self._calls.settings

    @property
    def device_id(self) -> str:
        """The peer's name."""
        return self._calls.settings.device_id

    @property
    def is_ready(self) -> bool:
        """Whether there is a session now."""
        return self._calls.session is not None

    @property
    def link(self) -> Link | None:
        """The connection of the session that is used now; its `number` names the session."""
        record = self._calls.session
        return None if record is None else record.link

    @property
    def encoding(self) -> str:
        """The encoding of calls to it in the present session: `messages` or `frames`."""
        carrier = None if self.link is None else self.link.carrier
        is_taken = carrier is not None and carrier.offer is Offer.TAKEN
        return "messages" if is_taken else "frames"

    @property
    def in_flight(self) -> int:
        """The number of calls that wait for their answers."""
        return self._calls.in_flight

    async def wait_ready(self, timeout_s: float = TIMEOUT_S) -> None:
        """Wait for a session.

        Raises:
            UnavailableError: none came in time, or the node was closed.
        """
        await self._ready(check_timeout_s(timeout_s))

    async def call(self, service: int, payload: bytes, timeout_s: float = TIMEOUT_S) -> bytes:
        """Call a service of the peer; return its reply's frame.

        Safe to cancel: the answer, if one comes, is dropped.

        Args:
            service: Its number at the peer's gateway, 0..255.
            payload: The request's inner frame, at most 256 bytes.
            timeout_s: Seconds in all.

        Raises:
            RefusedError: the peer does not permit it; asking again changes nothing.
            FailedError: the peer's service did not answer.
            BusyError: it takes no more calls now; the call may be made again.
            DeadlineError: no answer in time.
            UnavailableError: the session was lost and the call must not be repeated.
            MisuseError, TimeoutValueError: an argument that cannot be.
        """
        call = OutgoingCall(self.device_id, service, payload, check_timeout_s(timeout_s))
        if self._intercepted is not None:
            return await self._intercepted(call)
        return await self._exchange(call)

    async def resolve(self, name: str, timeout_s: float = TIMEOUT_S) -> bool:
        """Ask whether a service of this name is registered at the peer.

        Raises:
            As `call`.
        """
        try:
            request = samgr.Request(samgr.Op.RESOLVE_STATUS, name).encode()
        except (LocalProtocolError, UnicodeError, AttributeError) as exc:
            raise MisuseError(f"name: {name!r}; expected the name of a service") from exc
        try:
            reply = samgr.decode_reply(await self.call(Service.SAMGRD, request, timeout_s))
        except RemoteProtocolError as exc:
            raise FailedError(f"{self.device_id} answered with {exc}") from exc
        return reply.status is samgr.Status.OK

    async def bundle_count(self, timeout_s: float = TIMEOUT_S) -> int:
        """Ask how many bundles the peer has.

        Raises:
            As `call`.
        """
        request = bundle.Request(bundle.Op.LIST)
        try:
            reply = bundle.decode_reply(
                await self.call(Service.BUNDLEMGRD, request.encode(), timeout_s)
            )
        except RemoteProtocolError as exc:
            raise FailedError(f"{self.device_id} answered with {exc}") from exc
        if not isinstance(reply, bundle.ListReply) or reply.status is not bundle.Status.OK:
            raise FailedError(f"{self.device_id} cannot list its bundles")
        return reply.count

    async def invoke(self, service: str, method: str, params: Any, timeout_s: float) -> Any:
        """Call a method of the contract; `nexus.contract.clients` calls by way of this.

        Args:
            service: The service's name, such as `statefsd`.
            method: The operation's name, as a configuration has it.
            params: The method's parameters.
            timeout_s: Seconds in all.

        Raises:
            As `call`; also FailedError for an answer that is not this method's.
        """
        found = BY_NAME.get((service, method))
        if found is None:
            near = did_you_mean(method, (m.name for m in METHODS if m.service_name == service))
            raise MisuseError(f"method: {service} has no {method!r}{near}")
        try:
            request = found.request(params)
        except (LocalProtocolError, UnicodeError, AttributeError) as exc:
            raise MisuseError(f"{service} {method}: {exc}") from exc
        results = None
        if self._intercepted is None:
            spoken, timeout_s = Spoken(found, params), check_timeout_s(timeout_s)
            response, results = await self._calls.invoke(spoken, request, timeout_s)
            self._check(response)
            reply = response.payload
        else:
            reply = await self.call(found.service, request, timeout_s)
        try:
            return read_results(found, reply) if results is None else results
        except RemoteProtocolError as exc:
            raise FailedError(f"{self.device_id} answered with {exc}") from exc

    async def ping(self, timeout_s: float = TIMEOUT_S) -> float:
        """Ask the peer's session whether it is there; return the round trip in seconds.

        Raises:
            DeadlineError, UnavailableError: it is not, or there is no session.
        """
        record = await self._ready(check_timeout_s(timeout_s))
        begun_ns = self._clock.now_ns()
        try:
            async with deadline(self._clock, after_ns(self._clock, timeout_s)):
                await record.link.ping()
        except TimeoutError as exc:
            raise DeadlineError(f"{self.device_id} gave no answer in {timeout_s:g} s") from exc
        except ConnectionError as exc:
            raise SessionLostError(f"the session with {self.device_id} was lost") from exc
        return (self._clock.now_ns() - begun_ns) / NS_PER_S

    async def open_stream(
        self, name: str, priority: int = 4, timeout_s: float = TIMEOUT_S
    ) -> BusStream:
        """Open a stream; the peer must have a handler by its name, or it is reset.

        Several of one name may be open.  A peer of an earlier version, or a guest, takes one of a
        name at a time: hold `turn(name)` where several could want one of such a peer.

        Args:
            name: 1 to 64 bytes of UTF-8, less 6 for several of one name; not `gateway`.
            priority: 0 (first) to 7.
            timeout_s: Seconds to wait for a session and for the peer's first word.

        Raises:
            NoStreamsError: the peer speaks none.
            UnavailableError: no session, or too many streams.
            MisuseError, TimeoutValueError: an argument that cannot be.
        """
        check_stream(name, priority)
        record = await self._ready(check_timeout_s(timeout_s))
        link = record.link
        try:
            async with deadline(self._clock, after_ns(self._clock, timeout_s)):
                await link.settled.wait()
        except TimeoutError as exc:
            raise UnavailableError(f"{self.device_id} said nothing for {timeout_s:g} s") from exc
        if link.carrier is None:
            raise SessionLostError(f"the session with {self.device_id} was lost")
        if link.carrier.streams is None or record.streams is None:
            raise NoStreamsError(f"{self.device_id} does not support streams")
        try:
            number = link.carrier.open(name, priority)
        except LocalProtocolError as exc:
            raise UnavailableError(f"stream {name!r}: {exc.detail}") from exc
        link.wake()
        return record.streams.add(number, name)

    def turn(self, stream: str) -> asyncio.Lock:
        """Return a lock for streams of this name, for peers that take one at a time."""
        return self._turns.setdefault(stream, asyncio.Lock())

    def next_correlation(self) -> int:
        """Return a new correlation id; to a peer that remembers it names a call for good."""
        return self._calls.next_correlation()

    async def _ready(self, timeout_s: float) -> SessionRecord:
        try:
            async with deadline(self._clock, after_ns(self._clock, timeout_s)):
                return await self._calls.wait_ready()
        except TimeoutError as exc:
            raise UnavailableError(
                f"no session with {self.device_id} within {timeout_s:g} s: is it announced, and"
                " are the keys of both sides as configured?"
            ) from exc

    async def _exchange(self, call: OutgoingCall) -> bytes:
        response = await self._calls.exchange(call.service, call.payload, call.timeout_s)
        self._check(response)
        return response.payload

    def _check(self, response: Response) -> None:
        if response.status is Status.REFUSED:
            raise RefusedError(f"{self.device_id} refused the call")
        if response.status is Status.BUSY:
            raise BusyError(
                f"the service of {self.device_id} takes no more calls now; try again later"
            )
        if response.status is Status.FAILED:
            raise FailedError(f"the service of {self.device_id} did not answer")
