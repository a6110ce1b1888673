"""The owner of a node's connections, with links that are stand-ins: which connections get in, which
make way, and what their calls hear."""

from __future__ import annotations

import pytest

from nexus.contract.bus import Refusal
from nexus.dsoftbus.audit import AuditRecord, Outcome
from nexus.dsoftbus.audit_desk import INTERVAL_NS
from nexus.dsoftbus.carrier import Answered, Unsaid
from nexus.dsoftbus.io.session_table import Phase
from nexus.dsoftbus.io.sessions_fake import (
    KEY,
    OTHER_KEY,
    PEER,
    FakeLink,
    Owner,
    entry_of,
    link_of,
)
from nexus.dsoftbus.noise import Role
from nexus.dsoftbus.session_events import Proven
from nexus.dsoftbus.transitions import State
from nexus.wire.gateway import Request, Response, Status


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
