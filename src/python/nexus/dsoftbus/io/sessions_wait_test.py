"""The owner of a node's connections: its lines about each session, what reaches the streams of one,
and for what the end of a node waits."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any  # Any: stand-ins for a session's streams.

import pytest

from nexus.contract.bus import Refusal
from nexus.dsoftbus import mux_events
from nexus.dsoftbus.audit import Outcome
from nexus.dsoftbus.carrier import Answered, Nonsense
from nexus.dsoftbus.io.link_owner import FAULT, Cause
from nexus.dsoftbus.io.session_table import Phase
from nexus.dsoftbus.io.sessions_fake import PEER, FakeLink, Owner, link_of
from nexus.dsoftbus.io.waiting_support import run
from nexus.dsoftbus.mux_transitions import Reject
from nexus.dsoftbus.noise import Role


@pytest.mark.parametrize(
    ("cause", "why"),
    [
        (None, "closed"),
        (FAULT, "closed"),
        (Refusal.TIMEOUT, Refusal.TIMEOUT.value),
        (Reject.CREDIT, Reject.CREDIT.value),
    ],
)
def test_a_session_is_named_when_it_begins_and_when_it_ends(
    cause: Cause, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    owner = Owner()
    with caplog.at_level(logging.INFO, "nexus.dsoftbus"):
        link = owner.open_ready(1)
        assert [each.getMessage() for each in caplog.records] == [
            "a session with node-b at 10.0.0.9"
        ]
        owner.end(link, cause)
    assert [each.getMessage() for each in caplog.records[1:]] == [
        f"the session with node-b is over: {why}"
    ]


def test_the_end_of_a_handshake_is_no_end_of_a_session(caplog: pytest.LogCaptureFixture) -> None:
    owner = Owner()
    with caplog.at_level(logging.INFO, "nexus.dsoftbus"):
        owner.end(owner.open(1), None)
    assert (caplog.records, owner.ended, owner.counters.sessions_ended) == ([], [], 0)


class Streams:
    """The streams of a session: what they hear."""

    def __init__(self, owner: Owner, link: FakeLink) -> None:
        self.heard: list[object] = []
        record: Any = owner.table.find(link.number)
        record.streams = self

    def arrived(self, number: int, data: bytes) -> None:
        self.heard.append((number, data))

    def happened(self, event: object) -> None:
        self.heard.append(event)

    def drained(self) -> None:
        self.heard.append("drained")

    def end(self) -> None:
        self.heard.append("end")


def test_what_happens_on_streams_reaches_those_of_the_session_until_its_end() -> None:
    owner = Owner()
    link = owner.open_ready(1)
    streams = Streams(owner, link)
    event = mux_events.HalfClosed(4)
    owner.sessions.arrived(link_of(link), 4, b"data")
    owner.sessions.happened(link_of(link), event)
    owner.sessions.happened(link_of(link), Nonsense(Outcome.MALFORMED, b""))
    owner.sessions.happened(link_of(link), Answered(b""))
    owner.sessions.pull(link_of(link))
    assert streams.heard == [(4, b"data"), event, "drained"]
    assert link.asked == ["take", "release"], "and requests are taken"
    owner.end(link, None)
    owner.sessions.pull(link_of(link))
    owner.sessions.happened(link_of(link), event)
    assert streams.heard[3:] == ["end"]
    assert link.asked == ["take", "release"]


def test_a_connection_that_is_no_session_has_no_streams_and_takes_no_requests() -> None:
    owner = Owner()
    for link in (owner.open(1), FakeLink(9)):
        owner.sessions.arrived(link_of(link), 4, b"data")
        owner.sessions.happened(link_of(link), mux_events.HalfClosed(4))
        owner.sessions.pull(link_of(link))
        owner.sessions.advanced(link_of(link))
        assert link.asked == []


def test_a_node_waits_until_nothing_is_served() -> None:
    async def scenario() -> None:
        owner = Owner()
        await owner.sessions.wait_idle()
        link = owner.open_ready(1)
        owner.open(2)
        await owner.sessions.wait_idle()
        record: Any = owner.table.find(link.number)
        record.served = SimpleNamespace(is_idle=False)
        waiting = asyncio.ensure_future(owner.sessions.wait_idle())
        await turns()
        owner.sessions._changed.set()
        await turns()
        assert not waiting.done(), "something changed, and it still serves"
        record.served.is_idle = True
        await turns()
        assert not waiting.done()
        owner.sessions._changed.set()
        await waiting

    run(scenario)


def test_a_node_waits_until_its_last_connection_is_forgotten() -> None:
    async def scenario() -> None:
        owner = Owner()
        await owner.sessions.wait_closed()
        links = [owner.open(1), owner.open_ready(2)]
        waiting = asyncio.ensure_future(owner.sessions.wait_closed())
        await turns()
        for link in links:
            assert not waiting.done()
            owner.end(link, None)
            owner.sessions.closed(link_of(link))
            await turns()
        await waiting
        assert len(owner.table) == 0

    run(scenario)


async def turns(count: int = 4) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_connection_goes_forward_only_and_leaves_every_index() -> None:
    owner = Owner()
    link = owner.open(1, role=Role.INITIATOR)
    record = owner.table.find(1)
    assert record is not None
    assert (record.phase, record.peer, record.is_dialled) == (Phase.SHAKING, None, True)
    link.peer = PEER
    owner.sessions.ready(link_of(link))
    assert (record.phase, record.peer, owner.table.count(PEER)) == (Phase.READY, PEER, 1)
    assert list(owner.table) == [record]
    assert owner.table.end(record) is Phase.READY
    assert owner.table.end(record) is Phase.ENDED
    assert (owner.table.count(PEER), owner.table.ready_count, len(owner.table)) == (0, 0, 1)
    owner.table.remove(record)
    owner.table.remove(record)
    assert (len(owner.table), owner.table.find(1)) == (0, None)
