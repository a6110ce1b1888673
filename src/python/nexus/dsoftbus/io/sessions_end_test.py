"""Counts and records of connections that end, for each cause; links are stand-ins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast  # Any: stand-ins for a link and its session.

import pytest

from nexus.contract.bus import Refusal
from nexus.dsoftbus.audit import AuditRecord, FaultRecord, MuxRecord, Outcome, Record
from nexus.dsoftbus.audit_desk import Trouble
from nexus.dsoftbus.io.link_owner import FAULT, Cause
from nexus.dsoftbus.io.sessions_fake import PEER, SOURCE, Owner, link_of
from nexus.dsoftbus.mux_transitions import Reject
from nexus.dsoftbus.noise import Role


def test_the_end_of_a_session_is_heard_once_by_its_calls_and_its_user() -> None:
    owner = Owner()
    link = owner.open_ready(3)
    for _ in range(2):
        owner.end(link, None)
    assert owner.calls.heard == [("attach", 3), ("detach", 3)]
    assert owner.ended == [3]
    assert owner.counters.sessions_ended == 1
    assert owner.records == []
    assert len(owner.table) == 1
    owner.sessions.closed(link_of(link))
    assert len(owner.table) == 0
    owner.sessions.closed(link_of(link))
    owner.sessions.ended(link_of(link), None)
    assert owner.counters.sessions_ended == 1


REFUSED = {"sessions_refused": 1}


@pytest.mark.parametrize("is_ready", [False, True], ids=["shaking", "ready"])
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    ("cause", "record", "counted"),
    [
        (None, None, {}),
        (FAULT, FaultRecord, {"sessions_faulted": 1}),
        (Reject.INVALID_NAME, MuxRecord, REFUSED),
        (Refusal.UNAUTHENTICATED, Outcome.UNAUTHENTICATED, REFUSED),
        (Refusal.OVERSIZED, Outcome.OVERSIZED, REFUSED),
        (Refusal.DECRYPT, Outcome.DECRYPT, REFUSED),
    ],
)
def test_each_cause_of_an_end_has_its_record_and_its_count(
    cause: Cause, record: object, counted: dict[str, int], role: Role, is_ready: bool
) -> None:
    owner = Owner()
    link = owner.open(0, role=role)
    link.peer = PEER
    for each in (link,) if is_ready else ():
        owner.sessions.ready(link_of(each))
    owner.end(link, cause)
    peer = PEER if is_ready else None
    # The dialler records the handshake of a peer that was dialled.
    is_silent = isinstance(record, Outcome) and role is Role.INITIATOR and not is_ready
    expected: dict[object, list[Record]] = {
        None: [],
        FaultRecord: [FaultRecord(peer)],
        MuxRecord: [MuxRecord(Reject.INVALID_NAME, peer or "-")],
    }
    made = [AuditRecord(record, peer, None, None)] if isinstance(record, Outcome) else []
    assert owner.records == ([] if is_silent else expected.get(record, made))
    counts = {} if is_silent else counted
    names = ("sessions_refused", "sessions_faulted", "connections_timed_out")
    snapshot = owner.counters.snapshot()
    assert {name: snapshot[name] for name in names if snapshot[name]} == counts


@pytest.mark.parametrize(
    ("role", "is_ready", "count"),
    [
        (Role.RESPONDER, False, 1),
        (Role.INITIATOR, False, 0),
        (Role.RESPONDER, True, 0),
        (Role.INITIATOR, True, 0),
    ],
)
def test_a_stranger_that_ran_out_of_time_is_counted_and_a_lost_session_is_not(
    role: Role, is_ready: bool, count: int
) -> None:
    owner = Owner()
    link = owner.open(0, role=role)
    link.peer = PEER
    for each in (link,) if is_ready else ():
        owner.sessions.ready(link_of(each))
    owner.end(link, Refusal.TIMEOUT)
    assert owner.records == []
    assert owner.counters.connections_timed_out == count
    owner.trail.close()
    assert [record.message.split()[1:6] for record in owner.records] == [
        ["strangers", f"source={SOURCE}", "refused=0", "evicted=0", "timeout=1"]
    ] * count


def test_a_callback_that_fails_changes_nothing_for_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    owner = Owner()

    def fail(number: int) -> None:
        raise RuntimeError("a defect of the user")

    owner.sessions._session_ended = fail
    owner.end(owner.open_ready(0), None)
    assert owner.calls.heard == [("attach", 0), ("detach", 0)]
    assert "the callback for the end of a session failed" in caplog.text


def test_a_source_is_named_only_while_no_peer_is_proven() -> None:
    owner = Owner()
    for number in range(6):
        link = owner.open(number)
        owner.end(link, Refusal.UNAUTHENTICATED)
    assert len(owner.records) == 4, "one source of strangers has no more records"
    for number in range(6, 12):
        owner.end(owner.open_ready(number), Refusal.DECRYPT)
    assert len(owner.records) == 10, "a peer has all of its own"


def test_counting_trouble_is_by_source() -> None:
    owner = Owner()
    owner.trail.count(Trouble.EVICTED, "a")
    owner.trail.count(Trouble.EVICTED, "b")
    owner.trail.close()
    assert len(owner.records) == 2
    assert replace(cast("Any", owner.records[0]), source="b") == owner.records[1]
