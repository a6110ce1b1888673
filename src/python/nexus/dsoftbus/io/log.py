"""A node's log on both sides: kept and served here, read from a peer.

log = NodeLog()
Node(settings, {SERVICE: log, ...}, log.keeping(print_record))

reader = LogReader()
async for records in read_log(peer, reader): ...
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Final, Protocol

from nexus.contract import audit
from nexus.core.duration import check_timeout_s
from nexus.dsoftbus.audit import SCOPE, Record
from nexus.dsoftbus.audit_desk import room_of
from nexus.dsoftbus.io.clock import NS_PER_S, Clock, LoopClock, after_ns, monotonic_ns, sleep
from nexus.dsoftbus.io.settings import AuditSink, Call, DeadlineError, FailedError, RefusedError
from nexus.dsoftbus.log import (
    CHANGES_MAX,
    LOSSES_MAX,
    RECORDS_MAX,
    SERVICE,
    STRANGERS_MAX,
    LogRing,
)
from nexus.dsoftbus.log_reader import LogReader
from nexus.dsoftbus.rooms import Room
from nexus.wire import log
from nexus.wire.error import RemoteProtocolError

TIMEOUT_S: Final = 30.0

_ROOMS: Final = {
    Room.CHANGES: CHANGES_MAX,
    Room.STRANGERS: STRANGERS_MAX,
    Room.LOSSES: LOSSES_MAX,
}

# Losses become a record at most this often, so that these records do not displace each other.
_LOSSES_NS: Final = 10_000_000_000

# Every query is a record in the log of a guest, which takes 24 a second of one sender: reading
# stays below that, with some room for what else happens there.
_BURST: Final = 8
_PACE_S: Final = 1 / 12
_RETRY_S: Final = 0.25


class NodeLog:
    """The last records of a node, for the peers that may read them."""

    def __init__(self, clock_ns: Callable[[], int] = monotonic_ns) -> None:
        """Begin at the clock's time, which is zero in the log."""
        self._ring = LogRing(RECORDS_MAX, _ROOMS)
        self._clock_ns = clock_ns
        self._begun_ns = clock_ns()
        self._told = 0  # How many lost records a record was made of.
        self._tell_ns = 0  # When the next such record may be made.

    def __call__(self, call: Call) -> bytes:
        """Answer a call; only permitted ones of authenticated sessions come here."""
        return self._ring.answer(call.payload)

    def append(self, level: log.Level, message: str, room: Room = Room.CHANGES) -> None:
        """Keep a record; by default that of a change, which no stranger can push out."""
        now_ns = self._clock_ns() - self._begun_ns
        lost = self._ring.dropped - self._told
        if lost and now_ns >= self._tell_ns:
            self._told += lost
            self._tell_ns = now_ns + _LOSSES_NS
            text = audit.LOST.format(count=lost)
            self._ring.append(log.Level.WARN, SCOPE, text, now_ns, Room.LOSSES)
        self._ring.append(level, SCOPE, message, now_ns, room)

    def records(self) -> list[log.Record]:
        """Return what is kept, in order."""
        return list(self._ring)

    def keeping(self, sink: AuditSink) -> AuditSink:
        """Return a sink that keeps a record and passes it on."""

        def take(record: Record) -> None:
            self.append(record.level, record.message, room_of(record))
            sink(record)

        return take


class Caller(Protocol):
    """The part of `nexus.dsoftbus.io.peer.Peer` that is used."""

    def call(
        self, service: int, payload: bytes, timeout_s: float
    ) -> Coroutine[object, object, bytes]:
        """Call a service of the peer."""
        ...


async def read_log(
    peer: Caller,
    reader: LogReader,
    timeout_s: float = TIMEOUT_S,
    clock: Clock | None = None,
) -> AsyncIterator[Sequence[log.Record]]:
    """Give what was in a peer's log when this began; `reader` tells what was not.

    Raises:
        RefusedError: the peer does not permit it.
        FailedError, DeadlineError, UnavailableError: as for any call.
    """
    clock = LoopClock() if clock is None else clock
    at_ns = after_ns(clock, check_timeout_s(timeout_s))
    asked = 0
    while (query := reader.next_query()) is not None:
        if asked >= _BURST:
            await sleep(clock, _PACE_S)
        answer = await _ask(peer, query, at_ns, clock, is_first=not asked)
        asked += 1
        yield reader.take(answer)


async def _ask(
    peer: Caller, query: log.Query, at_ns: int, clock: Clock, *, is_first: bool
) -> log.Reply:
    while True:
        left_s = (at_ns - clock.now_ns()) / NS_PER_S
        if left_s <= 0:
            raise DeadlineError("the log was not read to its end in time")
        try:
            answer = await peer.call(SERVICE, query.encode(), left_s)
        except RefusedError:
            # A query that was permitted before and is refused now came too often.
            if is_first or left_s <= _RETRY_S:
                raise
            await sleep(clock, _RETRY_S)
            continue
        return _check(answer)


def _check(answer: bytes) -> log.Reply:
    try:
        reply = log.decode_reply(answer)
    except RemoteProtocolError as exc:
        raise FailedError(f"the peer's answer cannot be read: {exc}") from exc
    if reply.op is not log.Op.QUERY or reply.status is not log.Status.OK:
        raise FailedError(f"the peer's log answered {reply.op.name} {reply.status.name}")
    return reply
