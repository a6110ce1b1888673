"""The life of connections: admitted, used, ended.  The one owner of all links of a node.

`ended` is the one place where a session ends: whatever the cause was, it is recorded there, and
everything that used the session learns it there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from nexus.dsoftbus.audit import FaultRecord, MuxRecord, Outcome, record_of
from nexus.dsoftbus.audit_desk import Trouble
from nexus.dsoftbus.binding import Pin, Verdict, bind
from nexus.dsoftbus.carrier import Answered, Event, Nonsense, Unsaid
from nexus.dsoftbus.discovery import Entry
from nexus.dsoftbus.half_open import HalfOpen
from nexus.dsoftbus.io.audit_trail import AuditTrail
from nexus.dsoftbus.io.calls import Calls
from nexus.dsoftbus.io.counters import LOGGER
from nexus.dsoftbus.io.link import Link
from nexus.dsoftbus.io.link_owner import Cause, Fault
from nexus.dsoftbus.io.service import ServedSession, Service
from nexus.dsoftbus.io.session_table import Phase, SessionRecord, SessionTable
from nexus.dsoftbus.io.stream import StreamHandler
from nexus.dsoftbus.io.stream_table import StreamTable
from nexus.dsoftbus.mux_transitions import Reject
from nexus.dsoftbus.session_events import Proven, Refusal
from nexus.dsoftbus.transitions import State
from nexus.wire.error import RemoteProtocolError
from nexus.wire.gateway import Response, decode_frame

_AUDITED: Final = {
    Refusal.UNAUTHENTICATED: Outcome.UNAUTHENTICATED,
    Refusal.OVERSIZED: Outcome.OVERSIZED,
    Refusal.DECRYPT: Outcome.DECRYPT,
}

# How far a handshake has come, for the choice of the one that is dropped.
_PROGRESS: Final = {State.IDLE: 0, State.AWAIT_PROOF: 1, State.PROVEN: 2}


class Sessions:
    """`link_owner.Owner` of one node."""

    def __init__(
        self,
        service: Service,
        calls: Mapping[str, Calls],
        pins: Mapping[str, Pin],
        find: Callable[[str], Entry | None],
        trail: AuditTrail,
        *,
        handlers: Mapping[str, StreamHandler],
        session_ended: Callable[[int], None] | None,
        per_peer_max: int,
        table: SessionTable,
    ) -> None:
        """Own nothing yet.

        Args:
            service: What serves calls.
            calls: Of each configured peer, the calls to it.
            pins: Of each configured peer, what binding compares with.
            find: Gives the live announce of a device.
            trail: The audit.
            handlers: What serves the streams that peers open, by name.
            session_ended: Told the number of each session that is over.
            per_peer_max: Beyond it a peer's oldest session is dropped.
            table: What is known of connections.
        """
        self._service = service
        self._calls = calls
        self._pins = pins
        self._find = find
        self._trail = trail
        self._handlers = handlers
        self._session_ended = session_ended
        self._per_peer_max = per_peer_max
        self._table = table
        self._half_open = HalfOpen()
        self._counters = service.counters
        self._changed = asyncio.Event()
        self.is_closing = False

    # The events of links (`link_owner.Owner`).

    def opened(self, link: Link, source: str) -> None:
        """Enter a connection; a stranger makes room for it if there is none."""
        record = SessionRecord(link, source)
        self._table.add(record)
        if record.is_dialled:
            self._counters.connections_dialled += 1
        else:
            self._counters.connections_accepted += 1
            evicted = self._half_open.add(link.number, source)
            if evicted is not None:
                self._evict(evicted)
        if self.is_closing:
            link.abort()

    def advanced(self, link: Link) -> None:
        """Prefer those that shake hands to those that are silent."""
        self._half_open.advance(link.number, _PROGRESS.get(link.session.state, 2))

    def proven(self, link: Link, event: Proven) -> None:
        """Bind the identity, now or when its announce is heard."""
        record = self._table.find(link.number)
        if record is None or link.is_ended:
            return
        device_id = event.device_id
        verdict = bind(
            device_id, self._find(device_id), self._pins.get(device_id), event.public_key
        )
        if verdict is Verdict.NOT_DISCOVERED:
            # Until the handshake's deadline, which the session has.
            record.phase, record.claimed = Phase.UNBOUND, event
        elif verdict is Verdict.BOUND:
            link.admit()
        else:
            outcome = record_of(Outcome.UNAUTHENTICATED, device_id)
            self._trail.record(outcome, record.source)
            link.abort()

    def ready(self, link: Link) -> None:
        """Serve and use the session."""
        record, peer = self._table.find(link.number), link.peer
        assert record is not None, "ready without a record"
        assert peer is not None, "ready without a peer"
        self._half_open.remove(link.number)
        self._counters.sessions_opened += 1
        record.served = ServedSession(self._service, peer, link.number, link, self._changed.set)
        streams = None if link.carrier is None else link.carrier.multiplexer
        if streams is not None:
            record.streams = StreamTable(
                streams,
                self._service.gate(peer),
                self._handlers,
                link.wake,
                link.flush,
                self._service.clock,
                self._counters,
            )
        self._table.make_ready(record, peer)
        LOGGER.info("a session with %s at %s", peer, record.source)
        self._calls[peer].attach(record)
        if self._table.count(peer) > self._per_peer_max:
            self._table.oldest(peer).link.close()

    def arrived(self, link: Link, number: int, data: bytes) -> None:
        """Give bytes to their stream."""
        record = self._table.find(link.number)
        if record is not None and record.streams is not None:
            record.streams.arrived(number, data)

    def happened(self, link: Link, event: Event) -> None:
        """Give answers to the calls, and the events of streams to the streams."""
        record = self._table.find(link.number)
        if record is None or record.phase is not Phase.READY:
            return
        if isinstance(event, Answered | Unsaid):
            if record.peer is not None:
                self._tell(self._calls[record.peer], event)
        elif not isinstance(event, Nonsense) and record.streams is not None:
            record.streams.happened(event)

    def _tell(self, calls: Calls, event: Answered | Unsaid) -> None:
        if isinstance(event, Unsaid):
            calls.unsaid(event.names)
        elif event.is_message:
            calls.answered_message(event.frame)
        else:
            try:
                response = decode_frame(event.frame)
            except RemoteProtocolError:
                return  # No answer to anything; a call that waits for one has a deadline.
            if isinstance(response, Response):
                calls.answered(response)

    def pull(self, link: Link) -> None:
        """Serve what may be served, and let writers use the room that there is."""
        record = self._table.find(link.number)
        if record is None or record.phase is not Phase.READY:
            return
        if record.served is not None:
            record.served.pull()
        if record.streams is not None:
            record.streams.drained()

    def ended(self, link: Link, cause: Cause) -> None:
        """Stop using a session, and record why it ended."""
        record = self._table.find(link.number)
        if record is None:
            return  # Its connection never stood.
        phase = self._table.end(record)
        self._half_open.remove(link.number)
        self._audit(record, phase, cause)
        record.claimed = None
        if phase is not Phase.READY or record.peer is None:
            return
        self._counters.sessions_ended += 1
        why = cause.value if isinstance(cause, Refusal | Reject) else "closed"
        LOGGER.info("the session with %s is over: %s", record.peer, why)
        if record.served is not None:
            record.served.end()
        if record.streams is not None:
            record.streams.end()
        self._calls[record.peer].detach(record)
        if self._session_ended is not None:
            try:
                self._session_ended(link.number)
            except Exception:
                LOGGER.exception("the callback for the end of a session failed")

    def closed(self, link: Link) -> None:
        """Forget a connection."""
        record = self._table.find(link.number)
        if record is not None:
            self._table.remove(record)
        self._changed.set()

    # Calls of the node.

    def heard(self, device_id: str) -> None:
        """Bind those that waited for an announce."""
        for record in self._table.unbound(device_id):
            claimed, record.claimed = record.claimed, None
            if claimed is not None:
                self.proven(record.link, claimed)

    async def wait_idle(self) -> None:
        """Return when every call that is being served is answered."""
        while any(r.served is not None and not r.served.is_idle for r in self._table):
            self._changed.clear()
            await self._changed.wait()

    async def wait_closed(self) -> None:
        """Return when no connection is left."""
        while len(self._table):
            self._changed.clear()
            await self._changed.wait()

    def close(self) -> None:
        """End every session; what was sent before is still written."""
        for record in self._table:
            record.link.close()

    def abort(self) -> None:
        """End every connection at once."""
        for record in self._table:
            record.link.abort()

    def _evict(self, number: int) -> None:
        record = self._table.find(number)
        if record is not None:
            self._counters.connections_evicted += 1
            self._trail.count(Trouble.EVICTED, record.source)
            record.link.abort()

    def _audit(self, record: SessionRecord, phase: Phase, cause: Cause) -> None:
        source = None if phase is Phase.READY else record.source
        if isinstance(cause, Fault):
            self._counters.sessions_faulted += 1
            self._trail.record(FaultRecord(record.peer), source)
        elif isinstance(cause, Reject):
            self._counters.sessions_refused += 1
            self._trail.record(MuxRecord(cause, record.peer or "-"), source)
        elif record.claimed is not None:
            # The announce that it had to wait for never came.
            claimed = record_of(Outcome.UNAUTHENTICATED, record.claimed.device_id)
            self._trail.record(claimed, source)
        elif cause in _AUDITED and (phase is Phase.READY or not record.is_dialled):
            self._counters.sessions_refused += 1
            self._trail.record(record_of(_AUDITED[cause], record.peer), source)
        elif cause is Refusal.TIMEOUT and phase is not Phase.READY and not record.is_dialled:
            self._counters.connections_timed_out += 1
            self._trail.count(Trouble.TIMED_OUT, record.source)
