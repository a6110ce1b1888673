"""Records are bounded, nothing is forgotten silently, changes are always reported."""

from __future__ import annotations

from nexus.dsoftbus.audit import (
    AddressRecord,
    AuditRecord,
    DenialsRecord,
    FaultRecord,
    MuxRecord,
    Outcome,
    Record,
    StrangersRecord,
)
from nexus.dsoftbus.audit_desk import (
    DENIALS,
    INTERVAL_NS,
    OTHERS,
    SOURCES_MAX,
    STRANGER_RECORDS_MAX,
    AuditDesk,
    Trouble,
    room_of,
)
from nexus.dsoftbus.mux_transitions import Reject
from nexus.dsoftbus.rooms import Room

STRANGER = AuditRecord(Outcome.UNAUTHENTICATED, None, None, None)
PUT = AuditRecord(Outcome.OK, "node-a", 4, 1)
DENIED = AuditRecord(Outcome.RATE, "node-a", 1, 6)


def test_strangers_are_summarised_by_source_and_interval() -> None:
    desk, made = AuditDesk(), list[Record]()
    for number in range(600):
        made += desk.take(STRANGER, "10.42.0.77", number)
    made += desk.take(STRANGER, "10.42.0.78", 600)
    desk.count(Trouble.EVICTED, "10.42.0.77", 700)
    desk.count(Trouble.TIMED_OUT, "10.42.0.79", 700)
    assert made == [STRANGER] * (STRANGER_RECORDS_MAX + 1)
    assert desk.tick(INTERVAL_NS - 1) == []
    assert desk.due_ns() == INTERVAL_NS
    assert desk.tick(INTERVAL_NS) == [
        StrangersRecord("10.42.0.77", 600 - STRANGER_RECORDS_MAX, 1, 0, 10_000),
        StrangersRecord("10.42.0.79", 0, 0, 1, 10_000),
    ]
    assert desk.due_ns() is None
    assert desk.take(STRANGER, "10.42.0.77", INTERVAL_NS + 1) == [STRANGER]


def test_sources_are_bounded_and_the_rest_is_counted_together() -> None:
    desk = AuditDesk()
    for number in range(SOURCES_MAX + 50):
        desk.count(Trouble.TIMED_OUT, f"10.43.0.{number}", 0)
    made = desk.tick(INTERVAL_NS)
    assert len(made) == SOURCES_MAX + 1
    assert made[-1] == StrangersRecord(OTHERS, 0, 0, 50, 10_000)


def test_a_peers_denials_are_records_up_to_an_allowance_and_then_counted() -> None:
    desk, made = AuditDesk(), list[Record]()
    for _ in range(1000):
        made += desk.take(DENIED, None, 0)
    assert made == [DENIED] * DENIALS.burst
    assert desk.take(PUT, None, 0) == [PUT]
    assert desk.flush(5_000_000) == [DenialsRecord("node-a", 1000 - DENIALS.burst, 5)]
    assert desk.flush(5_000_000) == []


def test_what_is_late_is_told_with_the_next_record() -> None:
    desk = AuditDesk()
    desk.count(Trouble.EVICTED, "10.42.0.77", 0)
    made = desk.take(PUT, None, INTERVAL_NS)
    assert [type(record) for record in made] == [StrangersRecord, AuditRecord]


def test_the_room_of_each_record() -> None:
    read = AuditRecord(Outcome.OK, "node-a", 4, 2)
    refused_put = AuditRecord(Outcome.SERVICE, "node-a", 4, 1)
    failed_put = AuditRecord(Outcome.FAILED, "node-a", 4, 1)
    claimed = AuditRecord(Outcome.UNAUTHENTICATED, "node-a", None, None)
    rooms: dict[Room, list[Record]] = {
        Room.CHANGES: [PUT, failed_put],
        Room.PEERS: [
            read,
            refused_put,
            DENIED,
            MuxRecord(Reject.CREDIT, "node-a"),
            FaultRecord("node-a"),
            DenialsRecord("node-a", 1, 1),
        ],
        Room.STRANGERS: [
            STRANGER,
            claimed,
            AddressRecord("node-b", "10.42.0.66", 1),
            StrangersRecord("10.42.0.77", 1, 0, 0, 1),
        ],
    }
    for room, records in rooms.items():
        assert [room_of(record) for record in records] == [room] * len(records)


def test_the_texts_fit_into_a_log() -> None:
    name = "n" * 64
    records: list[Record] = [
        FaultRecord(None),
        FaultRecord(name),
        AddressRecord(name, "255.255.255.255", 65535),
        StrangersRecord("255.255.255.255", 10**9, 10**9, 10**9, 10**6),
        DenialsRecord(name, 10**9, 10**6),
    ]
    assert all(len(record.message) <= 160 for record in records)
    assert records[0].message == "audit session outcome=fault peer=-"
    counts = "refused=1000000000 evicted=1000000000 timeout=1000000000 ms=1000000"
    assert records[3].message == f"audit strangers source=255.255.255.255 {counts}"
