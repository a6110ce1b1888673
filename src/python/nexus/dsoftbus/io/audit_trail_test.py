"""Counts are reported when their interval is over and at the end, whatever a sink does wrong."""

from __future__ import annotations

import logging

import pytest

from nexus.dsoftbus.audit import AuditRecord, FaultRecord, Outcome, Record, StrangersRecord
from nexus.dsoftbus.audit_desk import INTERVAL_NS, Trouble
from nexus.dsoftbus.io.audit_trail import KEPT, AuditTrail
from nexus.dsoftbus.io.counters import Counters
from nexus.dsoftbus.io.hand_clock_fake import HandClock
from nexus.dsoftbus.rooms import Room

SOURCE = "10.0.0.9"
OK = AuditRecord(Outcome.OK, "node-b", 4, 1)


class Node:
    """A trail on a clock that is turned by hand, and what its sink got."""

    def __init__(self, failures: int = 0) -> None:
        self.clock, self.counters = HandClock(), Counters()
        self.told: list[Record] = []
        self._failures = failures
        self.trail = AuditTrail(self._take, self.clock, self.counters)

    def _take(self, record: Record) -> None:
        if self._failures:
            self._failures -= 1
            raise OSError("no space left")
        self.told.append(record)


def strangers(evicted: int = 0, timed_out: int = 0) -> StrangersRecord:
    return StrangersRecord(SOURCE, 0, evicted, timed_out, INTERVAL_NS // 1_000_000)


def test_a_summary_comes_by_itself_when_its_interval_is_over() -> None:
    node = Node()
    node.clock.turn_to(5)
    for _ in range(3):
        node.trail.count(Trouble.EVICTED, SOURCE)
    assert len(node.clock.waiting) == 1, "one interval has one timer"
    node.clock.turn_to(4 + INTERVAL_NS)
    assert node.told == []
    node.clock.turn_to(5 + INTERVAL_NS)
    assert node.told == list(node.trail.log) == [strangers(evicted=3)]
    assert node.clock.waiting == [], "nothing was counted since"


def test_each_interval_has_a_summary_of_its_own() -> None:
    node = Node()
    node.trail.count(Trouble.EVICTED, SOURCE)
    node.clock.turn_to(2 * INTERVAL_NS)
    node.trail.count(Trouble.TIMED_OUT, SOURCE)
    node.clock.turn_to(3 * INTERVAL_NS)
    node.trail.count(Trouble.TIMED_OUT, SOURCE)
    node.clock.turn_to(9 * INTERVAL_NS)
    assert node.told == [strangers(evicted=1), strangers(timed_out=1), strangers(timed_out=1)]


def test_a_timer_that_was_late_is_set_again() -> None:
    """A count reported with another record leaves a timer behind, which finds nothing due."""
    node = Node()
    node.trail.count(Trouble.EVICTED, SOURCE)
    node.clock.at_ns = INTERVAL_NS + 10
    node.trail.count(Trouble.EVICTED, SOURCE)
    node.trail.record(OK)
    node.trail.count(Trouble.TIMED_OUT, SOURCE)
    node.clock.turn_to(INTERVAL_NS + 20)
    assert len(node.clock.waiting) == 1
    node.clock.turn_to(3 * INTERVAL_NS)
    told = [record for record in node.told if isinstance(record, StrangersRecord)]
    assert [(record.evicted, record.timed_out) for record in told] == [(2, 0), (0, 1)]


def test_the_end_tells_what_was_counted_and_stops_the_timer() -> None:
    node = Node()
    node.trail.count(Trouble.EVICTED, SOURCE)
    node.clock.turn_to(2_000_000)
    node.trail.close()
    assert node.told == [StrangersRecord(SOURCE, 0, 1, 0, 2)]
    assert node.clock.waiting == []
    node.trail.close()
    assert len(node.told) == 1


def test_a_sink_that_fails_loses_nothing_and_is_named_ever_more_rarely(
    caplog: pytest.LogCaptureFixture,
) -> None:
    node = Node(failures=9)
    with caplog.at_level(logging.ERROR):
        for _ in range(10):
            node.trail.record(OK)
    assert [record.getMessage().split(",")[1] for record in caplog.records] == [
        f" {count} times now; records are kept in the node" for count in (1, 2, 4, 8)
    ]
    assert (node.counters.sink_failures, node.counters.records_made) == (9, 10)
    assert list(node.trail.log) == [OK] * 10
    assert node.told == [OK]


def test_without_a_sink_records_are_kept_in_their_rooms() -> None:
    counters = Counters()
    trail = AuditTrail(None, HandClock(), counters)
    fault = FaultRecord("node-b")
    stranger = AuditRecord(Outcome.UNAUTHENTICATED, None, None, None)
    for record in (OK, fault, stranger):
        trail.record(record, SOURCE)
    assert list(trail.log) == [OK, fault, stranger]
    assert (counters.records_made, counters.sink_failures) == (3, 0)


def test_how_much_is_kept() -> None:
    assert KEPT == {Room.CHANGES: 256, Room.PEERS: 256, Room.STRANGERS: 64}
