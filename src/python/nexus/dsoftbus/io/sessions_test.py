"""The owner of a node's connections, with links that are stand-ins: who gets in, who makes way,
what is counted and recorded when a connection ends, and for what cause."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast  # Any: stand-ins for a link and its session.

import pytest

from nexus.contract.bus import Refusal
from nexus.dsoftbus.audit import AuditRecord, FaultRecord, MuxRecord, Outcome, Record
from nexus.dsoftbus.audit_desk import INTERVAL_NS, Trouble
from nexus.dsoftbus.binding import Pin
from nexus.dsoftbus.carrier import Answered, Unsaid
from nexus.dsoftbus.discovery import Entry
from nexus.dsoftbus.gateway import Gateway
from nexus.dsoftbus.io.audit_trail import AuditTrail
from nexus.dsoftbus.io.counters import Counters
from nexus.dsoftbus.io.hand_clock_fake import HandClock
from nexus.dsoftbus.io.link import Link
from nexus.dsoftbus.io.link_owner import FAULT, Cause
from nexus.dsoftbus.io.service import Service
from nexus.dsoftbus.io.session_table import Phase, SessionRecord, SessionTable
from nexus.dsoftbus.io.sessions import Sessions
from nexus.dsoftbus.mux_transitions import Reject
from nexus.dsoftbus.noise import Role
from nexus.dsoftbus.policy import Policy
from nexus.dsoftbus.rate import Limit
from nexus.dsoftbus.session_events import Proven
from nexus.dsoftbus.transitions import State
from nexus.wire.gateway import Request, Response, Status

KEY, OTHER_KEY = b"\1" * 32, b"\2" * 32
PEER, SOURCE = "node-b", "10.0.0.9"


def entry_of(key: bytes) -> Entry:
    return Entry(PEER, "127.0.0.1", 1, key, (), True, 0)


@dataclass
class FakeSession:
    role: Role = Role.RESPONDER
    state: State = State.IDLE


@dataclass(eq=False)
class FakeLink:
    """A link that keeps what its owner asks of it."""

    number: int
    session: FakeSession = field(default_factory=FakeSession)
    peer: str | None = None
    carrier: None = None
    is_ended: bool = False
    asked: list[str] = field(default_factory=list)

    def admit(self) -> None:
        self.asked.append("admit")

    def abort(self) -> None:
        self.asked.append("abort")

    def close(self) -> None:
        self.asked.append("close")

    def has_bare_requests(self) -> bool:
        return False

    def take_request(self) -> None:
        self.asked.append("take")


@dataclass
class FakeCalls:
    """The calls to one peer: what they hear of sessions and answers."""

    heard: list[Any] = field(default_factory=list)

    def attach(self, record: SessionRecord) -> None:
        self.heard.append(("attach", record.link.number))

    def detach(self, record: SessionRecord) -> None:
        self.heard.append(("detach", record.link.number))

    def answered(self, response: Response) -> None:
        self.heard.append(response)

    def answered_message(self, message: bytes) -> None:
        self.heard.append(message)

    def unsaid(self, names: tuple[int, ...]) -> None:
        self.heard.append(names)


class Owner:
    """Sessions of a node with one configured peer."""

    def __init__(self, per_peer_max: int = 4) -> None:
        self.clock, self.counters = HandClock(), Counters()
        self.records: list[Record] = []
        self.trail = AuditTrail(self.records.append, self.clock, self.counters)
        gateway = Gateway(Policy(), Limit(64, 64), (PEER,), 0)
        self.calls = FakeCalls()
        self.live: dict[str, Entry] = {}
        self.ended: list[int] = []
        self.table = SessionTable()
        self.sessions = Sessions(
            Service(gateway, {}, self.trail.record, self.clock, self.counters),
            cast("Any", {PEER: self.calls}),
            {PEER: Pin(PEER, KEY)},
            self.live.get,
            self.trail,
            handlers={},
            session_ended=self.ended.append,
            per_peer_max=per_peer_max,
            table=self.table,
        )

    def announce(self, key: bytes = KEY) -> None:
        self.live[PEER] = entry_of(key)

    def open(self, number: int, source: str = SOURCE, role: Role = Role.RESPONDER) -> FakeLink:
        link = FakeLink(number, FakeSession(role))
        self.sessions.opened(link_of(link), source)
        return link

    def open_ready(self, number: int) -> FakeLink:
        link = self.open(number)
        link.peer = PEER
        self.sessions.ready(link_of(link))
        return link

    def end(self, link: FakeLink, cause: Cause) -> None:
        link.is_ended = True
        self.sessions.ended(link_of(link), cause)


def link_of(link: FakeLink) -> Link:
    return cast("Link", link)


def test_sixty_four_strangers_are_let_in_and_one_more_costs_the_most_silent_its_place() -> None:
    owner = Owner()
    links = [owner.open(number) for number in range(64)]
    links[0].session.state = State.AWAIT_PROOF
    owner.sessions.advanced(link_of(links[0]))
    assert not any(link.asked for link in links)
    owner.open(64)
    assert [link.number for link in links if link.asked == ["abort"]] == [1]
    assert owner.counters.connections_evicted == 1
    assert owner.counters.connections_accepted == 65
    owner.clock.turn_to(INTERVAL_NS)
    [strangers] = owner.records
    assert strangers.message.startswith("audit strangers source=10.0.0.9 refused=0 evicted=1 ")


@pytest.mark.parametrize("state", [State.PROVEN, State.READY])
def test_a_handshake_that_has_come_further_makes_way_later(state: State) -> None:
    owner = Owner()
    links = []
    for number in range(127):
        links.append(owner.open(number))
        links[-1].session.state = state if number == 0 else State.AWAIT_PROOF
        owner.sessions.advanced(link_of(links[-1]))
    assert [link.number for link in links if link.asked == ["abort"]] == list(range(1, 64))


def test_a_dialled_connection_takes_no_strangers_place() -> None:
    owner = Owner()
    dialled = owner.open(0, role=Role.INITIATOR)
    assert (owner.counters.connections_dialled, owner.counters.connections_accepted) == (1, 0)
    for number in range(1, 65):
        owner.open(number)
    assert owner.counters.connections_evicted == 0
    assert dialled.asked == []


def test_a_place_comes_free_when_a_connection_becomes_a_session_or_ends() -> None:
    owner = Owner()
    links = [owner.open(number) for number in range(64)]
    links[5].peer = PEER
    owner.sessions.ready(link_of(links[5]))
    owner.end(links[6], None)
    for number in (64, 65):
        owner.open(number)
    assert owner.counters.connections_evicted == 0
    owner.open(66)
    assert owner.counters.connections_evicted == 1


def test_a_node_that_closes_lets_no_connection_in() -> None:
    owner = Owner()
    owner.sessions.is_closing = True
    assert owner.open(0).asked == ["abort"]


@pytest.mark.parametrize(
    ("device_id", "announced", "proven", "asked", "is_recorded"),
    [
        (PEER, KEY, KEY, ["admit"], False),
        (PEER, None, KEY, [], False),
        (PEER, KEY, OTHER_KEY, ["abort"], True),
        (PEER, OTHER_KEY, KEY, ["abort"], True),
        (PEER, None, OTHER_KEY, ["abort"], True),
        ("node-c", KEY, KEY, ["abort"], True),
    ],
)
def test_who_is_proven_is_admitted_awaited_or_refused_and_recorded(
    device_id: str, announced: bytes | None, proven: bytes, asked: list[str], is_recorded: bool
) -> None:
    owner = Owner()
    announces = {} if announced is None else {PEER: entry_of(announced)}
    owner.live.update(announces)
    link = owner.open(0)
    owner.sessions.proven(link_of(link), Proven(device_id, proven))
    assert link.asked == asked
    refused = AuditRecord(Outcome.UNAUTHENTICATED, device_id, None, None)
    assert owner.records == ([refused] if is_recorded else [])


def test_nothing_is_proven_on_a_connection_that_has_ended_or_was_never_there() -> None:
    owner = Owner()
    owner.announce()
    link = owner.open(0)
    link.is_ended = True
    owner.sessions.proven(link_of(link), Proven(PEER, KEY))
    unknown = FakeLink(9)
    owner.sessions.proven(link_of(unknown), Proven(PEER, KEY))
    assert link.asked == unknown.asked == []


def test_an_announce_binds_those_that_wait_for_it_once() -> None:
    owner = Owner()
    waiting, silent = owner.open(0), owner.open(1)
    owner.sessions.proven(link_of(waiting), Proven(PEER, KEY))
    assert [record.phase for record in owner.table] == [Phase.UNBOUND, Phase.SHAKING]
    owner.sessions.heard("node-c")
    owner.sessions.heard(PEER)
    assert waiting.asked == [], "it was not announced after all, so it waits on"
    owner.announce()
    owner.sessions.heard(PEER)
    owner.sessions.heard(PEER)
    assert waiting.asked == ["admit"]
    assert silent.asked == []


def test_one_that_waited_in_vain_for_its_announce_is_recorded_as_what_it_claimed() -> None:
    owner = Owner()
    link = owner.open(0)
    owner.sessions.proven(link_of(link), Proven(PEER, KEY))
    owner.end(link, Refusal.TIMEOUT)
    assert owner.records == [AuditRecord(Outcome.UNAUTHENTICATED, PEER, None, None)]
    owner.announce()
    owner.sessions.heard(PEER)
    assert link.asked == [], "nothing waits any more"


def test_a_fifth_session_costs_the_oldest_its_place() -> None:
    owner = Owner()
    links = [owner.open_ready(number) for number in range(4)]
    assert not any(link.asked for link in links)
    links.append(owner.open_ready(4))
    assert [link.asked for link in links] == [["close"], [], [], [], []]
    assert owner.counters.sessions_opened == owner.table.ready_count == 5
    owner.end(links[0], None)
    assert (owner.counters.sessions_ended, owner.table.ready_count) == (1, 4)
    assert owner.table.oldest(PEER).link.number == 1
    newest = owner.table.newest(PEER)
    assert newest is not None
    assert newest.link.number == 4
    assert owner.table.newest("node-c") is None
    assert owner.table.count("node-c") == 0


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
    # What a peer that was dialled does in a handshake is the dialler's to record.
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


def test_answers_reach_the_calls_of_a_session_and_nothing_else_does() -> None:
    owner = Owner()
    link = owner.open(0)
    response = Response(Status.OK, 7, b"x")
    owner.sessions.happened(link_of(link), Answered(response.encode()))
    assert owner.calls.heard == [], "it is not a session yet"
    link.peer = PEER
    owner.sessions.ready(link_of(link))
    owner.calls.heard.clear()
    for frame in (response.encode(), response.encode()[:-1], Request(1, 7, 9, b"").encode()):
        owner.sessions.happened(link_of(link), Answered(frame))
    owner.sessions.happened(link_of(link), Answered(b"message", is_message=True))
    owner.sessions.happened(link_of(link), Unsaid((7, 8)))
    assert owner.calls.heard == [response, b"message", (7, 8)]
    owner.end(link, None)
    owner.calls.heard.clear()
    owner.sessions.happened(link_of(link), Answered(response.encode()))
    assert owner.calls.heard == []


def test_closing_and_aborting_reach_every_connection() -> None:
    owner = Owner()
    links = [owner.open(0), owner.open_ready(1)]
    owner.sessions.close()
    owner.sessions.abort()
    assert [link.asked for link in links] == [["close", "abort"], ["close", "abort"]]


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
