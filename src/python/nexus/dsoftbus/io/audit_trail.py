"""A node's audit: the desk's decisions, the memory of them, and the sink of the node's owner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nexus.dsoftbus.audit import Record
from nexus.dsoftbus.audit_desk import AuditDesk, Trouble, room_of
from nexus.dsoftbus.io.clock import Clock, Timer
from nexus.dsoftbus.io.counters import LOGGER, Counters
from nexus.dsoftbus.rooms import Room, Rooms

# Decisions kept for the program itself; a sink of its own sees all of them.
KEPT: Final = {Room.CHANGES: 256, Room.PEERS: 256, Room.STRANGERS: 64}


class AuditTrail:
    """Makes records, keeps the last ones, hands them on; what the sink does wrong stays here."""

    def __init__(
        self, sink: Callable[[Record], None] | None, clock: Clock, counters: Counters
    ) -> None:
        """Begin with none."""
        self.log = Rooms[Record](KEPT)
        self._sink = sink
        self._clock = clock
        self._counters = counters
        self._desk = AuditDesk()
        self._timer: Timer | None = None

    def record(self, record: Record, source: str | None = None) -> None:
        """Take a decision; `source` is the address of a stranger that it is about."""
        for made in self._desk.take(record, source, self._clock.now_ns()):
            self._emit(made)
        self._arm()

    def count(self, trouble: Trouble, source: str) -> None:
        """Count what has no record of its own."""
        self._desk.count(trouble, source, self._clock.now_ns())
        self._arm()

    def close(self) -> None:
        """Report the counts until now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for made in self._desk.flush(self._clock.now_ns()):
            self._emit(made)

    def _emit(self, record: Record) -> None:
        self.log.append(record, room_of(record))
        self._counters.records_made += 1
        if self._sink is None:
            return
        try:
            self._sink(record)
        except Exception as exc:
            failures = self._counters.sink_failures = self._counters.sink_failures + 1
            if failures & (failures - 1) == 0:  # The first, and then ever fewer.
                text = "the audit sink failed, %d times now; records are kept in the node"
                LOGGER.error(text, failures, exc_info=exc)

    def _arm(self) -> None:
        due_ns = self._desk.due_ns()
        if due_ns is not None and self._timer is None:
            self._timer = self._clock.call_at(due_ns, self._tick)

    def _tick(self) -> None:
        self._timer = None
        for made in self._desk.tick(self._clock.now_ns()):
            self._emit(made)
        self._arm()
