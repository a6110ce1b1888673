"""A node of the bus: announces itself, listens, dials, serves, and calls.

    async with Node(settings, {1: my_samgrd}) as node:
        peer = await node.connect("node-b")
        await peer.resolve("bundlemgrd")

Every bound of this file is on what a stranger can make us hold: connections that are not
sessions yet, and sessions of one peer.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

from nexus.dsoftbus.audit import MuxRecord, Outcome, Record, record_of
from nexus.dsoftbus.binding import Verdict, bind, may_dial
from nexus.dsoftbus.carrier import Answered, Event, Nonsense
from nexus.dsoftbus.discovery import Entry
from nexus.dsoftbus.gateway import Gateway
from nexus.dsoftbus.io.discovery import Discovery
from nexus.dsoftbus.io.handles import Handles
from nexus.dsoftbus.io.keyfile import NodeKey
from nexus.dsoftbus.io.link import READ_BYTES, Link
from nexus.dsoftbus.io.peer import TIMEOUT_S, Peer
from nexus.dsoftbus.io.service import ServedSession, Service
from nexus.dsoftbus.io.settings import AuditSink, Handler, Settings, UnavailableError
from nexus.dsoftbus.io.stream import StreamHandler
from nexus.dsoftbus.mux_transitions import Reject
from nexus.dsoftbus.policy import Policy
from nexus.dsoftbus.session import Session
from nexus.dsoftbus.session_events import Identity, Proven, Refusal
from nexus.wire.announce import Announce
from nexus.wire.error import RemoteProtocolError
from nexus.wire.gateway import FRAME_BYTES_MAX, Response, decode_frame

# Connections whose peer is not admitted yet.  A handshake may take 2 s, and a real peer needs
# milliseconds; beyond this the newest is dropped unread.
HANDSHAKES_MAX: Final = 64

# A peer needs one session each way; a restarted one leaves its old ones behind for 3 s.
SESSIONS_PER_PEER_MAX: Final = 4

BACKOFF_FIRST_S: Final = 0.25
BACKOFF_MAX_S: Final = 2.0

# Decisions kept for who asks; a sink of the caller's own sees all of them.
AUDIT_MAX: Final = 256

_AUDITED: Final = {
    Refusal.UNAUTHENTICATED: Outcome.UNAUTHENTICATED,
    Refusal.OVERSIZED: Outcome.OVERSIZED,
    Refusal.DECRYPT: Outcome.DECRYPT,
}


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
    ) -> None:
        """Prepare a node; entering it opens its sockets.

        Args:
            settings: Who it is and whom it knows.
            handlers: What serves permitted calls, by number of service.
            audit: Gets every decision about a remote call.
            streams: What serves the streams that peers open, by name.
            session_ended: Told the number of a session that is over; what handlers keep for it
                can be dropped.
            sessions_per_peer_max: Beyond it a peer's oldest session is dropped.
        """
        self.settings = settings
        self.audit_log: deque[Record] = deque(maxlen=AUDIT_MAX)
        self._sink = audit
        self._stream_handlers = dict(streams or {})
        self._session_ended = session_ended
        self._settings_of = {peer.device_id: peer for peer in settings.peers}
        gateway = Gateway(
            Policy(settings.rules), settings.rate, tuple(self._settings_of), time.monotonic_ns()
        )
        self._service = Service(gateway, handlers or {}, self._record)
        self._public = NodeKey(settings.device_id, settings.secret).public
        epoch = int.from_bytes(os.urandom(4), "little") | 1
        self.peers = {peer.device_id: Peer(peer, epoch) for peer in settings.peers}
        self.discovery = Discovery(settings, self._heard)
        self._sessions_per_peer_max = sessions_per_peer_max
        self.read_buffer = bytearray(READ_BYTES)
        self._links: dict[Link, ServedSession | None] = {}
        self._ready: dict[str, list[Link]] = {peer: [] for peer in self.peers}
        self._unbound: dict[Link, Proven] = {}
        self._dialling: dict[str, asyncio.Task[None]] = {}
        self._heard_events = {peer: asyncio.Event() for peer in self.peers}
        self._server: asyncio.Server | None = None
        self._all_closed = asyncio.Event()
        self._is_closing = False
        self._link_count = 0
        streams_own = settings.streams
        self.frame_bytes_max = (
            FRAME_BYTES_MAX if streams_own is None else streams_own.message_bytes_max
        )
        self.port = 0
        self.discovery_port = 0

    async def __aenter__(self) -> Self:
        """Bind, listen, announce."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._accept, self.settings.address, self.settings.port
        )
        self.port = int(self._server.sockets[0].getsockname()[1])
        try:
            self.discovery_port = await self.discovery.open()
        except OSError:
            self._server.close()
            raise
        self.discovery.start(
            Announce(self.settings.device_id, self.port, self._public, self.settings.announce)
        )
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
        """
        peer = self.peers.get(device_id)
        if peer is None or self._is_closing:
            known = ", ".join(self.peers) or "none"
            raise UnavailableError(f"{device_id!r} is no configured peer; these are: {known}")
        if not peer.is_ready and device_id not in self._dialling:
            task = asyncio.create_task(self._keep_dialled(device_id), name=f"dial {device_id}")
            self._dialling[device_id] = task
        await peer.wait_ready(timeout_s)
        return peer

    def live(self) -> list[Entry]:
        """Return who was heard lately."""
        return self.discovery.entries()

    @property
    def public_key(self) -> bytes:
        """What peers pin."""
        return self._public

    @property
    def session_count(self) -> int:
        """How many sessions there are."""
        return sum(len(links) for links in self._ready.values())

    async def close(self) -> None:
        """Stop: no new work, a grace for what is being served, then every connection ends."""
        if self._is_closing:
            return
        self._is_closing = True
        if self._server is not None:
            self._server.close()
        self.discovery.close()
        for task in self._dialling.values():
            task.cancel()
        await asyncio.gather(*self._dialling.values(), return_exceptions=True)
        try:
            async with asyncio.timeout(self.settings.grace_ms / 1000):
                while any(served and not served.is_idle for served in self._links.values()):
                    await asyncio.sleep(0.005)
        except TimeoutError:
            pass
        for peer in self.peers.values():
            peer.close()
        await self._close_links()
        await self._service.close()

    async def _close_links(self) -> None:
        for link in list(self._links):
            link.close()
        try:
            async with asyncio.timeout(self.settings.grace_ms / 1000):
                while self._links:
                    self._all_closed.clear()
                    await self._all_closed.wait()
        except TimeoutError:
            for link in list(self._links):
                link.abort()  # A peer that takes nothing does not keep us.

    # What links tell (link.Owner).

    def opened(self, link: Link) -> None:
        """Count a connection; a flood of strangers is dropped before it costs a handshake."""
        self._links[link] = None
        waiting = len(self._links) - self.session_count
        if self._is_closing or waiting > HANDSHAKES_MAX:
            link.abort()

    def proven(self, link: Link, event: Proven) -> None:
        """Bind the identity, now or when its announce is heard."""
        settings = self._settings_of.get(event.device_id)
        live = self.discovery.find(event.device_id)
        pin = settings.pin if settings is not None else None
        verdict = bind(event.device_id, live, pin, event.public_key)
        if verdict is Verdict.NOT_DISCOVERED:
            self._unbound[link] = event  # Until the handshake's deadline, which the session has.
        elif verdict is Verdict.BOUND:
            link.admit()
        else:
            self._record(record_of(Outcome.UNAUTHENTICATED, event.device_id))
            link.abort()

    def ready(self, link: Link) -> None:
        """Serve and use the session."""
        peer_id = link.peer
        assert peer_id is not None, "ready without a peer"
        self._links[link] = ServedSession(self._service, peer_id, link.number, link)
        link.handles = Handles(link, self._service.gate(peer_id), self._stream_handlers)
        links = self._ready[peer_id]
        links.append(link)
        self.peers[peer_id].attach(link)
        if len(links) > self._sessions_per_peer_max:
            links[0].close()

    def happened(self, link: Link, event: Event) -> None:
        """Give answers to who called, and the events of streams to who has them."""
        peer_id = link.peer
        if peer_id is None or link.handles is None:
            return
        if not isinstance(event, Answered | Nonsense):
            link.handles.happened(event)
        elif isinstance(event, Answered):
            try:
                response = decode_frame(event.frame)
            except RemoteProtocolError:
                return  # No answer to anything; who waits for one has a deadline.
            if isinstance(response, Response):
                self.peers[peer_id].answered(response)

    def pull(self, link: Link) -> None:
        """Serve what may be served, and let writers use the room that there is."""
        served = self._links.get(link)
        if served is not None:
            served.pull()
        if link.handles is not None:
            link.handles.drained()

    def rejected(self, link: Link, reject: Reject) -> None:
        """Record why a session ends."""
        self._record(MuxRecord(reject, link.session.peer_id or "-"))

    def refused(self, link: Link, refusal: Refusal) -> None:
        """Record why a connection ends; a silent peer is not a decision."""
        outcome = _AUDITED.get(refusal)
        claimed = self._unbound.get(link)
        if claimed is not None:
            # The announce it had to wait for never came.
            self._record(record_of(Outcome.UNAUTHENTICATED, claimed.device_id))
        elif outcome is not None:
            is_bound = self._links.get(link) is not None
            self._record(record_of(outcome, link.session.peer_id if is_bound else None))

    def closed(self, link: Link) -> None:
        """Forget a connection and what was served on it."""
        served = self._links.pop(link, None)
        self._unbound.pop(link, None)
        if served is not None:
            served.end()
            if link.handles is not None:
                link.handles.end()
                link.handles = None
            peer_id = link.session.peer_id
            assert peer_id is not None, "served without a peer"
            links = self._ready[peer_id]
            links.remove(link)
            self.peers[peer_id].detach(link, links[-1] if links else None)
            if self._session_ended is not None:
                self._session_ended(link.number)
        if not self._links:
            self._all_closed.set()

    def _heard(self, device_id: str) -> None:
        self._heard_events[device_id].set()
        for link, event in list(self._unbound.items()):
            if event.device_id == device_id:
                del self._unbound[link]
                self.proven(link, event)

    def _accept(self) -> Link:
        session = Session.accept(self._identity(), time.monotonic_ns(), self.frame_bytes_max)
        return self._make_link(session)

    def _make_link(self, session: Session) -> Link:
        self._link_count += 1
        return Link(session, self, self.read_buffer, self._link_count, self.settings.streams)

    def _identity(self) -> Identity:
        return Identity(
            device_id=self.settings.device_id,
            static_secret=self.settings.secret,
            ephemeral_secret=os.urandom(32),
        )

    async def _keep_dialled(self, device_id: str) -> None:
        backoff_s = BACKOFF_FIRST_S
        while True:
            if not self._ready[device_id]:
                was_ready = await self._dial_once(device_id)
                backoff_s = BACKOFF_FIRST_S if was_ready else min(2 * backoff_s, BACKOFF_MAX_S)
            await asyncio.sleep(backoff_s)

    async def _dial_once(self, device_id: str) -> bool:
        """Dial when the peer is announced; return when the connection is over."""
        pin = self._settings_of[device_id].pin
        heard = self._heard_events[device_id]
        while not may_dial(pin, live := self.discovery.find(device_id)):
            heard.clear()
            await heard.wait()
        assert live is not None, "may_dial without an entry"
        loop = asyncio.get_running_loop()
        session = Session.dial(
            self._identity(), pin.public_key, time.monotonic_ns(), self.frame_bytes_max
        )
        link = self._make_link(session)
        try:
            async with asyncio.timeout(BACKOFF_MAX_S):
                await loop.create_connection(lambda: link, live.address, live.port)
        except (OSError, TimeoutError):
            return False
        await link.over.wait()
        return link.was_ready

    def _record(self, record: Record) -> None:
        self.audit_log.append(record)
        if self._sink is not None:
            self._sink(record)
