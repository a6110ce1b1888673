"""Changes that a caller may repeat: made once, recorded once, answered wherever they are asked."""

from __future__ import annotations

import asyncio
from typing import Any  # Any: what a handler returns by mistake.

import pytest

from nexus.dsoftbus.audit import AuditRecord, Outcome
from nexus.dsoftbus.carrier import Pulled
from nexus.dsoftbus.io.service_scene import (
    EPOCH,
    PEER,
    PUT,
    RESOLVE,
    Conversation,
    Serving,
    turns,
)
from nexus.dsoftbus.io.settings import Call
from nexus.dsoftbus.io.waiting_support import run
from nexus.wire.gateway import Request, Response, Status

OK = AuditRecord(Outcome.OK, PEER, 4, 1)
FAILED = AuditRecord(Outcome.FAILED, PEER, 4, 1)


class Slow:
    """A handler that replies when a test lets it."""

    def __init__(self) -> None:
        self.made: list[bytes] = []
        self.gate = asyncio.Event()

    async def __call__(self, call: Call) -> bytes:
        self.made.append(call.payload)
        await self.gate.wait()
        return b"done"


def again(world: Serving, correlation: int, payload: bytes = PUT) -> Conversation:
    """Ask once more, in another session."""
    other = Conversation()
    frame = Request(4, correlation, 1000, payload).encode()
    other.requests.append(Pulled(frame, None))
    world.begin(other, 4).pull()
    return other


def ends(to: Conversation) -> list[tuple[Status, bytes]]:
    return [(response.status, response.payload) for response, _ in to.answers]


def test_a_change_that_is_asked_twice_is_made_and_recorded_once() -> None:
    async def scenario() -> None:
        handler = Slow()
        world = Serving({4: handler})
        world.ask(PUT, 4, EPOCH + 1)
        await turns()
        other = again(world, EPOCH + 1)
        await turns()
        assert (world.to.answers, other.answers, world.records) == ([], [], [])
        handler.gate.set()
        await turns()
        assert ends(world.to) == ends(other) == [(Status.OK, b"done")]
        assert world.records == [OK]
        late = again(world, EPOCH + 1)
        assert ends(late) == [(Status.OK, b"done")], "from memory, at once"
        assert (handler.made, world.records) == ([PUT], [OK])
        assert world.service._mutations == {}

    run(scenario)


def test_another_change_under_the_same_number_is_not_made() -> None:
    async def scenario() -> None:
        handler = Slow()
        handler.gate.set()
        world = Serving({4: handler})
        world.ask(PUT, 4, EPOCH + 1)
        await turns()
        other = again(world, EPOCH + 1, PUT + b"other")
        assert ends(other) == [(Status.FAILED, b"")]
        assert handler.made == [PUT]
        assert world.records == [OK, FAILED]

    run(scenario)


@pytest.mark.parametrize(("payload", "service"), [(PUT, 4), (RESOLVE, 1)])
def test_what_may_not_be_repeated_or_changes_nothing_is_made_each_time(
    payload: bytes, service: int
) -> None:
    """A number without an epoch names nothing, and a read is asked anew."""

    async def scenario() -> None:
        made: list[bytes] = []

        def note(call: Call) -> bytes:
            made.append(call.payload)
            return b"done"

        world = Serving({service: note})
        number = 1 if service == 4 else EPOCH + 1
        for _ in range(2):
            world.ask(payload, service, number)
        assert made == [payload] * 2
        assert [record.message.split()[3] for record in world.records] == ["outcome=ok"] * 2

    run(scenario)


def test_a_change_outlives_its_session_and_its_answer_is_found_by_the_next_one() -> None:
    async def scenario() -> None:
        handler = Slow()
        world = Serving({4: handler})
        world.ask(PUT, 4, EPOCH + 1)
        await turns()
        world.session.end()
        await turns()
        assert world.records == [], "it is not over"
        handler.gate.set()
        await turns()
        assert world.records == [OK]
        assert ends(again(world, EPOCH + 1)) == [(Status.OK, b"done")]
        assert (handler.made, world.to.answers) == ([PUT], [])

    run(scenario)


def test_the_end_of_a_node_cancels_changes_that_outlived_their_sessions() -> None:
    async def scenario() -> None:
        handler = Slow()
        world = Serving({4: handler})
        for number in (1, 2):
            world.ask(PUT, 4, EPOCH + number)
        await turns()
        world.session.end()
        await world.service.close()
        assert world.records == [FAILED] * 2
        assert world.service._mutations == {}
        await world.service.close()

    run(scenario)


def _at_once(call: Call) -> bytes:
    return b"done"


def _nothing(call: Call) -> None:
    return None


def _fails(call: Call) -> bytes:
    raise KeyError("mine")


async def _fails_late(call: Call) -> bytes:
    raise KeyError("mine")


@pytest.mark.parametrize(
    ("handler", "status", "payload"),
    [
        (_at_once, Status.OK, b"done"),
        (_nothing, Status.FAILED, b""),
        (_fails, Status.FAILED, b""),
        (_fails_late, Status.FAILED, b""),
    ],
)
def test_every_end_of_a_change_is_recorded_once_and_remembered(
    handler: Any, status: Status, payload: bytes
) -> None:
    async def scenario() -> None:
        world = Serving({4: handler})
        world.ask(PUT, 4, EPOCH + 1, stream=5)
        await turns()
        assert world.to.answers == [(Response(status, EPOCH + 1, payload), 5)]
        record = OK if status is Status.OK else FAILED
        assert world.records == [record]
        assert ends(again(world, EPOCH + 1)) == [(status, payload)]
        assert world.records == [record]

    run(scenario)
