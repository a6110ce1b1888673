"""A link sends by itself, soon and together; a node that closes lets no link in."""

from __future__ import annotations

import asyncio

import pytest

from nexus.dsoftbus.ask import Ask
from nexus.dsoftbus.carrier import Answered
from nexus.dsoftbus.io.link_scene import ENOUGH, Ends
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_scene import KEY_A, KEY_B, RESOLVE, peer_of, settings_of
from nexus.dsoftbus.io.virtual_fake import Line, run_virtual
from nexus.dsoftbus.io.waiting_support import run
from nexus.wire.gateway import Request, Response, Status

REQUEST = Request(1, 7, 1000, RESOLVE)
RESPONSE = Response(Status.OK, 7, b"reply")


def test_calls_and_answers_are_written_in_the_next_turn_of_the_loop() -> None:
    async def scenario() -> None:
        ends = Ends(a=None, b=None)
        await ends.make_ready()
        ends.dialled.send_call(Ask(REQUEST))
        assert not ends.near.waiting
        await asyncio.sleep(0)
        assert ends.near.waiting
        ends.near.deliver(ENOUGH)
        await asyncio.sleep(0)
        assert ends.accepted.take_request() is not None
        assert not ends.far.waiting
        ends.accepted.send_response(RESPONSE.encode(), None)
        await asyncio.sleep(0)
        assert ends.far.waiting
        ends.far.deliver(ENOUGH)
        assert ("happened", Answered(RESPONSE.encode())) in ends.a.heard

    run(scenario)


def test_a_ping_is_written_in_the_next_turn_of_the_loop() -> None:
    async def scenario() -> None:
        ends = Ends()
        await ends.make_ready()
        ping = asyncio.ensure_future(ends.dialled.ping())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert ends.near.waiting
        ping.cancel()

    run(scenario)


@pytest.mark.parametrize("name", ["near", "far"])
def test_a_connection_that_breaks_ends_its_session_on_both_sides(name: str) -> None:
    async def scenario() -> None:
        ends = Ends()
        await ends.make_ready()
        getattr(ends, name).abort()
        await ends.settle()
        for owner in (ends.a, ends.b):
            assert owner.heard == [("ended", None), ("closed",)]
        assert ends.clock.waiting == []

    run(scenario)


def test_a_node_that_is_being_closed_lets_no_connection_in() -> None:
    async def main() -> None:
        a, b = Node(settings_of(KEY_A, peer_of(KEY_B))), Node(settings_of(KEY_B, peer_of(KEY_A)))
        first = Line(a, b)
        await first.settle()
        assert b.session_count == 1
        b._release()
        late = Line(a, b)
        assert late.far.is_closing()
        await late.settle()
        assert (a.session_count, b.session_count) == (1, 1)
        assert late.near.is_closed

    run_virtual(main())
