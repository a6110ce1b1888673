"""One link and its owner: what the owner hears and in which order, how many frames a turn deals
with, and what is left of a link after each end."""

from __future__ import annotations

import asyncio
import logging

import pytest

from nexus.dsoftbus.ask import Ask
from nexus.dsoftbus.carrier import Pulled
from nexus.dsoftbus.io.link_owner import FAULT, FRAMES_A_TURN
from nexus.dsoftbus.io.link_scene import ENOUGH, Ends
from nexus.dsoftbus.io.node_scene import KEY_A, KEY_B, RESOLVE
from nexus.dsoftbus.io.waiting_support import run
from nexus.dsoftbus.mux_transitions import Reject
from nexus.dsoftbus.session_events import Proven, Refusal
from nexus.wire import mux as wire
from nexus.wire.gateway import FRAME_BYTES_MAX, Request

REQUEST = Request(1, 7, 1000, RESOLVE)


def test_an_owner_hears_of_a_handshake_in_its_order() -> None:
    async def scenario() -> None:
        ends = Ends()
        assert (ends.dialled.number, ends.accepted.number) == (1, 1)
        assert ends.maker_a.accept().number == 2, "whoever began it, one number each"
        ends.connect()
        assert not ends.dialled.decided.is_set()
        await ends.settle()
        kinds = ("opened", "proven", "ready")
        assert [each for each in ends.a.heard if each[0] in kinds] == [
            ("opened", "10.42.0.11"),
            ("proven", Proven("node-b", KEY_B.public)),
            ("ready", "node-b"),
        ]
        assert [each for each in ends.b.heard if each[0] in kinds] == [
            ("opened", "10.42.0.10"),
            ("proven", Proven("node-a", KEY_A.public)),
            ("ready", "node-a"),
        ]
        assert ends.a.names()[2] == ends.b.names()[1] == "advanced"
        for link in (ends.dialled, ends.accepted):
            assert link.was_ready
            assert link.decided.is_set()
            assert link.settled.is_set()
            assert not link.is_ended
            assert not link.over.is_set()

    run(scenario)


def test_whether_a_peer_speaks_streams_is_settled_with_its_first_frame() -> None:
    async def scenario() -> None:
        ends = Ends()
        ends.connect()
        while not ends.accepted.decided.is_set():
            ends.near.deliver(ENOUGH)
            ends.far.deliver(ENOUGH)
            await asyncio.sleep(0)
        assert not ends.accepted.settled.is_set()
        await ends.settle()
        assert ends.accepted.settled.is_set()

    run(scenario)


@pytest.mark.parametrize(
    ("count", "is_read_on"),
    [(FRAMES_A_TURN - 1, True), (FRAMES_A_TURN, False), (FRAMES_A_TURN + 1, False)],
)
def test_a_turn_deals_with_so_many_frames_and_reading_waits_for_the_others(
    count: int, is_read_on: bool
) -> None:
    async def scenario() -> None:
        ends = Ends()
        await ends.make_ready()
        opened = wire.Open(1, 4, "bulk").encode()
        ends.say(opened, *[wire.Data(1, b"x").encode()] * (count - 1))
        ends.near.deliver(ENOUGH)
        assert ends.b.names().count("arrived") == min(count, FRAMES_A_TURN) - 1
        assert ends.far.is_reading() is is_read_on
        await ends.settle()
        assert ends.b.names().count("arrived") == count - 1
        assert ends.far.is_reading()
        assert not ends.accepted.is_ended

    run(scenario)


def test_bytes_of_a_stream_are_given_with_its_number_and_none_are_a_mistake() -> None:
    async def scenario() -> None:
        ends = Ends()
        await ends.make_ready()
        ends.say(wire.Open(3, 4, "bulk").encode(), wire.Data(3, b"x").encode())
        ends.near.deliver(ENOUGH)
        assert ends.b.heard[1:] == [("arrived", 3, b"x"), ("pull",)]
        ends.say(wire.Data(3, b"x").encode()[:-1])
        ends.near.deliver(ENOUGH)
        assert ends.b.heard[3:] == [("ended", Reject.MALFORMED)]

    run(scenario)


@pytest.mark.parametrize(("more", "ends_with"), [(0, None), (1, Refusal.OVERSIZED)])
def test_a_peer_without_streams_sends_no_longer_frames_than_calls_have(
    more: int, ends_with: Refusal | None
) -> None:
    async def scenario() -> None:
        ends = Ends(a=None)
        await ends.make_ready()
        ends.say(REQUEST.encode().ljust(FRAME_BYTES_MAX + more, b"x"))
        ends.near.deliver(ENOUGH)
        assert [each[1] for each in ends.b.heard if each[0] == "ended"] == [
            each for each in (ends_with,) if each
        ]
        assert ends.accepted.has_bare_requests is (ends_with is None)

    run(scenario)


def test_a_request_is_taken_once_and_answered_where_it_came_from() -> None:
    async def scenario() -> None:
        ends = Ends(a=None)
        await ends.make_ready()
        assert ends.accepted.take_request() is None
        ends.say(REQUEST.encode())
        ends.near.deliver(ENOUGH)
        assert ends.accepted.has_bare_requests
        taken = ends.accepted.take_request()
        assert isinstance(taken, Pulled)
        assert (taken.frame, taken.stream) == (REQUEST.encode(), None)
        assert not ends.accepted.has_bare_requests
        assert ends.accepted.take_request() is None

    run(scenario)


def test_without_a_session_nothing_is_sent_or_taken() -> None:
    async def scenario() -> None:
        link = Ends().dialled
        link.send_call(Ask(REQUEST))
        link.send_response(b"answer", None)
        assert link.take_request() is None
        assert not link.has_bare_requests
        assert link.peer is None
        assert not link._is_flushing

    run(scenario)


def test_a_ping_is_answered_or_ends_with_its_session() -> None:
    async def scenario() -> None:
        ends = Ends()
        with pytest.raises(ConnectionError, match=r"^there is no session$"):
            await ends.dialled.ping()
        await ends.make_ready()
        pings = [asyncio.ensure_future(ends.dialled.ping()) for _ in range(3)]
        await asyncio.sleep(0)
        await ends.settle()
        assert [ping.done() for ping in pings] == [True] * 3
        assert ends.dialled._pings._waiting == {}
        lost = asyncio.ensure_future(ends.dialled.ping())
        await asyncio.sleep(0)
        ends.dialled.abort()
        with pytest.raises(ConnectionError, match=r"^the session ended$"):
            await lost
        with pytest.raises(ConnectionError, match=r"^there is no session$"):
            await ends.dialled.ping()

    run(scenario)


def test_closing_writes_what_was_sent_before_and_ends_once() -> None:
    async def scenario() -> None:
        ends = Ends()
        await ends.make_ready()
        ends.dialled.send_call(Ask(REQUEST))
        before = len(ends.near.waiting)
        ends.dialled.close()
        assert len(ends.near.waiting) > before
        ends.dialled.close()
        ends.dialled.abort()
        assert ends.a.names().count("ended") == 1
        assert ends.a.heard[-1] == ("ended", None)
        assert (ends.dialled.is_ended, ends.dialled.peer) == (True, None)
        await ends.settle()
        assert ends.a.names()[-1] == ends.b.names()[-1] == "closed"
        assert ends.b.heard[-2] == ("ended", None)
        assert ends.dialled.over.is_set()
        assert ends.clock.waiting == [], "no timer of either is left"

    run(scenario)


def test_a_handshake_that_is_given_up_is_decided_and_settled() -> None:
    async def scenario() -> None:
        ends = Ends()
        ends.connect()
        ends.accepted.abort()
        for event in (ends.accepted.decided, ends.accepted.settled):
            assert event.is_set()
        assert not ends.accepted.was_ready
        assert ends.far.is_closing()

    run(scenario)


def test_time_ends_a_handshake() -> None:
    async def scenario() -> None:
        ends = Ends()
        ends.connect()
        ends.clock.turn_to(1_999_999_999)
        assert not ends.accepted.is_ended
        ends.clock.turn_to(2_000_000_000)
        assert ends.b.heard[-1] == ("ended", Refusal.TIMEOUT)

    run(scenario)


@pytest.mark.parametrize(
    ("failing", "who"), [("opened", "a stranger"), ("ready", "node-a"), ("pull", "node-a")]
)
def test_a_defect_of_the_owner_is_logged_and_ends_the_session(
    failing: str, who: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        ends = Ends()
        ends.b.failing = failing
        ends.connect()
        await ends.settle()
        assert ("ended", FAULT) in ends.b.heard
        assert ends.b.names()[-1] == "closed"

    with caplog.at_level(logging.ERROR, "nexus.dsoftbus"):
        run(scenario)
    [line] = [each.getMessage() for each in caplog.records]
    assert line == f"the session with {who} ended for a defect here"
    assert f"a defect of {failing}" in caplog.text


@pytest.mark.parametrize(
    ("failing", "line"),
    [
        ("ended", "the end of a session was not dealt with"),
        ("closed", "a connection was not forgotten"),
    ],
)
def test_an_owner_that_fails_at_the_end_keeps_no_connection(
    failing: str, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        ends = Ends()
        await ends.make_ready()
        ends.b.failing = failing
        ends.accepted.close()
        assert ends.far.is_closing()
        await ends.settle()
        assert ends.b.names()[-2:] == ["ended", "closed"]
        assert ends.accepted.over.is_set()

    with caplog.at_level(logging.ERROR, "nexus.dsoftbus"):
        run(scenario)
    assert [each.getMessage() for each in caplog.records] == [line]
