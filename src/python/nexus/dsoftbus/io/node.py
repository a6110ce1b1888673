"""A node of the bus: announces itself, listens, dials, serves, and calls.

    async with Node(settings, {1: my_samgrd}) as node:
        peer = await node.connect("node-b")
        await peer.resolve("bundlemgrd")

A node is entered once and closed once.  `close` may be cancelled: it then does not wait
any more, and is over as soon as the sockets are.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from types import TracebackType
from typing import Final, Self

from nexus.core.duration import check_timeout_s
from nexus.dsoftbus.audit import Record
from nexus.dsoftbus.discovery import Entry
from nexus.dsoftbus.gateway import Gateway
from nexus.dsoftbus.io.audit_trail import AuditTrail
from nexus.dsoftbus.io.calls import Calls
from nexus.dsoftbus.io.clock import Clock, LoopClock, after_ns, deadline
from nexus.dsoftbus.io.counters import Counters
from nexus.dsoftbus.io.dialler import Dialler
from nexus.dsoftbus.io.discovery import Discovery
from nexus.dsoftbus.io.errors import ClosedError, MisuseError, UnavailableError
from nexus.dsoftbus.io.interceptor import Interceptor
from nexus.dsoftbus.io.keyfile import NodeKey
from nexus.dsoftbus.io.link_maker import LinkMaker
from nexus.dsoftbus.io.peer import TIMEOUT_S, Peer
from nexus.dsoftbus.io.service import Service
from nexus.dsoftbus.io.session_table import SessionTable
from nexus.dsoftbus.io.sessions import Sessions
from nexus.dsoftbus.io.settings import AuditSink, Handler, Settings
from nexus.dsoftbus.io.stream import StreamHandler
from nexus.dsoftbus.policy import Policy
from nexus.dsoftbus.rooms import Rooms
from nexus.wire.announce import Announce

# A peer needs one session each way; a restarted one leaves its old ones behind for 3 s.
SESSIONS_PER_PEER_MAX: Final = 4


class _Phase(Enum):
    NEW = "not entered"
    OPENING = "being entered"
    OPEN = "open"
    CLOSING = "being closed"
    CLOSED = "closed"


class Node:
    """One node of the bus."""

    def __init__(
        self,
        settings: Settings,
        handlers: Mapping[int, Handler] | None = None,
        audit: AuditSink | None = None,
        streams: Mapping[str, StreamHandler] | None = None,
        session_ended: Callable[[int], None] | None = None,
        sessions_per_peer_max: int = SESSIONS_PER_PEER_MAX,
        *,
        interceptors: Sequence[Interceptor] = (),
        clock: Clock | None = None,
    ) -> None:
        """Prepare a node; entering it opens its sockets.

        Args:
            settings: Its identity and its peers.
            handlers: What serves permitted calls, by number of service.
            audit: Gets every record of the audit.
            streams: What serves the streams that peers open, by name.
            session_ended: Told the number of a session that is over; what handlers keep for it
                can be dropped.
            sessions_per_peer_max: Beyond it a peer's oldest session is dropped.
            interceptors: Stand around every call, made and served; the first is the outermost.
            clock: Time; by default that of the event loop.
        """
        self.settings = settings
        self.counters = Counters()
        self.port = 0
        self.discovery_port = 0
        self._clock = clock = LoopClock() if clock is None else clock
        self._phase = _Phase.NEW
        self._public = NodeKey(settings.device_id, settings.secret).public
        self._trail = AuditTrail(audit, clock, self.counters)
        self._table = SessionTable()
        epoch = int.from_bytes(os.urandom(4), "little") | 1
        self._calls = {
            peer.device_id: Calls(peer, epoch, self._table, clock, self.counters, settings.rpc_mode)
            for peer in settings.peers
        }
        self.peers = {
            peer.device_id: Peer(peer, epoch, self._calls[peer.device_id], interceptors)
            for peer in settings.peers
        }
        gateway = Gateway(Policy(settings.rules), settings.rate, tuple(self.peers), 0)
        self._service = Service(
            gateway, handlers or {}, self._trail.record, clock, self.counters, interceptors
        )
        self.discovery = Discovery(settings, self._heard, clock)
        self._sessions = Sessions(
            self._service,
            self._calls,
            {peer.device_id: peer.pin for peer in settings.peers},
            self.discovery.find,
            self._trail,
            handlers=dict(streams or {}),
            session_ended=session_ended,
            per_peer_max=sessions_per_peer_max,
            table=self._table,
        )
        self.links = LinkMaker(settings, self._sessions, clock, self.counters)
        self._dialling: dict[str, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Bind, listen, announce.

        Raises:
            OSError: an address or a port cannot be had; the text says which.
            MisuseError: the node was entered before.
        """
        if self._phase is not _Phase.NEW:
            text = f"this node is {self._phase.value}; a node is entered once"
            raise MisuseError(f"{text}, make another one")
        self._phase = _Phase.OPENING
        try:
            if self.settings.is_listening:
                await self._listen()
            self.discovery_port = await self.discovery.open()
        except BaseException:
            self._release()
            self._phase = _Phase.CLOSED
            raise
        names = self.settings.announce
        self.discovery.start(Announce(self.settings.device_id, self.port, self._public, names))
        self._phase = _Phase.OPEN
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Close; calls that are being served get their grace."""
        await self.close()

    async def connect(self, device_id: str, timeout_s: float = TIMEOUT_S) -> Peer:
        """Return a peer that has a session, dialling it if need be, and keep it dialled.

        Raises:
            UnavailableError: unknown, or no session in time.
            ClosedError: this node is closed.
            MisuseError, TimeoutValueError: not entered yet; a timeout that cannot be.
        """
        check_timeout_s(timeout_s)
        if self._phase in (_Phase.NEW, _Phase.OPENING):
            raise MisuseError(f"this node is {self._phase.value}; use `async with`")
        if self._phase is not _Phase.OPEN:
            raise ClosedError(f"this node is {self._phase.value}; make another one")
        peer = self.peers.get(device_id) if isinstance(device_id, str) else None
        if peer is None:
            known = ", ".join(self.peers) or "none"
            raise UnavailableError(f"{device_id!r} is not a configured peer; these are: {known}")
        if device_id not in self._dialling:
            dialler = self._make_dialler(device_id)
            task = asyncio.create_task(dialler.run(), name=f"dial {device_id}")
            self._dialling[device_id] = task
        await peer.wait_ready(timeout_s)
        return peer

    def live(self) -> list[Entry]:
        """Return the nodes that were heard lately.  That proves nothing; `peers` are proven."""
        return self.discovery.entries()

    @property
    def public_key(self) -> bytes:
        """The public key of this node, which peers pin."""
        return self._public

    @property
    def session_count(self) -> int:
        """The number of sessions."""
        return self._table.ready_count

    @property
    def audit_log(self) -> Rooms[Record]:
        """The last records, in order; what strangers do displaces nothing of peers."""
        return self._trail.log

    async def close(self) -> None:
        """Stop: no new work, a grace for what is being served, then every connection ends.

        Cancelled, it does not wait any more; the node is closed all the same.
        """
        if self._phase is _Phase.NEW:
            self._phase = _Phase.CLOSED
        if self._phase is _Phase.CLOSED:
            return
        if self._closing is None:
            self._phase = _Phase.CLOSING
            self._closing = asyncio.ensure_future(self._close())
        try:
            await asyncio.shield(self._closing)
        except asyncio.CancelledError:
            self._closing.cancel()  # Its graces end; what must be done is done.
            await asyncio.wait([self._closing])
            raise

    async def _close(self) -> None:
        grace_s = self.settings.grace_ms / 1000
        self._release()
        for task in self._dialling.values():
            task.cancel()
        try:
            await asyncio.gather(*self._dialling.values(), return_exceptions=True)
            await self._within(grace_s, self._sessions.wait_idle)
            for calls in self._calls.values():
                calls.close()
            self._sessions.close()
            await self._within(grace_s, self._sessions.wait_closed)
            await self._service.close()
        finally:
            for calls in self._calls.values():
                calls.close()
            self._sessions.abort()  # A peer that takes nothing does not keep us.
            self._trail.close()
            self._phase = _Phase.CLOSED

    async def _within(self, seconds: float, wait: Callable[[], Awaitable[None]]) -> None:
        try:
            async with deadline(self._clock, after_ns(self._clock, seconds)):
                await wait()
        except TimeoutError:
            return

    def _release(self) -> None:
        """Give back what was bound; no connection comes any more."""
        self._sessions.is_closing = True
        if self._server is not None:
            self._server.close()
        self.discovery.close()

    async def _listen(self) -> None:
        """Listen; at any await the sockets are where `_release` finds them."""
        address, port = self.settings.address, self.settings.port
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(
                self.links.accept, sock=sock, start_serving=False
            )
        except OSError as exc:
            sock.close()
            text = f"cannot listen on {address}:{port} (TCP): {exc.strerror}; another program may"
            raise OSError(exc.errno, f"{text} be this node already, or set another port") from exc
        except BaseException:
            sock.close()
            raise
        self.port = int(sock.getsockname()[1])
        await self._server.start_serving()

    def _heard(self, device_id: str) -> None:
        self._sessions.heard(device_id)

    def _make_dialler(self, device_id: str) -> Dialler:
        calls = self._calls[device_id]
        return Dialler(calls, self.discovery, self._trail, self._clock, self.links.dial)

    async def _dial_once(self, device_id: str) -> bool:
        """Dial once, whether there is a session or not: for tests of what two do."""
        return await self._make_dialler(device_id).round(is_forced=True)
