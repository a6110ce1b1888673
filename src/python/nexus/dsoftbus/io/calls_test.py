"""The calls to one peer, on links that keep what is sent: names, deadlines, losses, repetition."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast  # Any: a stand-in, or a value of a wrong type.

import pytest

from nexus.dsoftbus.ask import Ask
from nexus.dsoftbus.io.calls import IN_FLIGHT_MAX, Calls
from nexus.dsoftbus.io.counters import Counters
from nexus.dsoftbus.io.errors import (
    ClosedError,
    DeadlineError,
    FailedError,
    MisuseError,
    UnavailableError,
)
from nexus.dsoftbus.io.hand_clock_fake import HandClock
from nexus.dsoftbus.io.node_scene import KEY_B, RESOLVE, RESOLVE_OK, peer_of
from nexus.dsoftbus.io.waiting_support import run
from nexus.wire import rpc, rpc_answer
from nexus.wire import state as frames
from nexus.wire.gateway import DEADLINE_MS_MAX, REQUEST_PAYLOAD_MAX, Response, Status

MS = 1_000_000
PUT = frames.Request(frames.Op.PUT, "/state/shared/a", b"x").encode()
EPOCH = 7
FIRST = EPOCH << rpc.NUMBER_BITS | 1


@dataclass
class Link:
    """Keeps what is sent."""

    number: int = 0
    asked: list[Ask] = field(default_factory=list)

    def send_call(self, ask: Ask) -> None:
        self.asked.append(ask)


class World:
    """Calls to node-b, which has a session if a test says so."""

    def __init__(self, *, is_deduplicating: bool = True, mode: rpc.Mode = rpc.Mode.FRAMES) -> None:
        self.clock = HandClock()
        self.link = Link()
        self.record: Any = SimpleNamespace(link=self.link)
        self.counters = Counters()
        table = SimpleNamespace(newest=lambda _: self.record)
        settings = peer_of(KEY_B, is_deduplicating=is_deduplicating)
        self.calls = Calls(settings, EPOCH, cast("Any", table), self.clock, self.counters, mode)

    async def ask(
        self, payload: bytes = RESOLVE, service: int = 1, timeout_s: float = 1.0
    ) -> asyncio.Task[Response]:
        """Begin a call and let it reach its link."""
        task = asyncio.ensure_future(self.calls.exchange(service, payload, timeout_s))
        await asyncio.sleep(0)
        return task

    def lose(self) -> None:
        """End the session."""
        record, self.record = self.record, None
        self.calls.detach(record)

    def find(self, number: int) -> Link:
        """Bring up another session."""
        link = Link(number)
        self.record = SimpleNamespace(link=link)
        self.calls.attach(self.record)
        return link


@pytest.mark.parametrize(("is_deduplicating", "first"), [(True, FIRST), (False, 1)])
def test_a_call_has_a_name_of_its_own_and_gets_its_own_answer(
    is_deduplicating: bool, first: int
) -> None:
    async def scenario() -> None:
        world = World(is_deduplicating=is_deduplicating)
        one, two = await world.ask(), await world.ask()
        names = [ask.request.correlation for ask in world.link.asked]
        assert names == [first, first + 1]
        assert world.calls.in_flight == 2
        world.calls.answered(Response(Status.OK, first + 1, b"two"))
        world.calls.answered(Response(Status.OK, first + 1, b"again"))
        world.calls.answered(Response(Status.OK, first, b"one"))
        world.calls.answered(Response(Status.OK, 99, b"nobody's"))
        assert ((await one).payload, (await two).payload) == (b"one", b"two")
        assert world.calls.in_flight == 0
        assert (world.counters.calls_sent, world.counters.calls_answered) == (2, 2)

    run(scenario)


def test_the_peer_is_told_how_much_time_is_left_rounded_up_and_never_too_much() -> None:
    async def scenario() -> None:
        world = World()
        given = (1.0, 0.0000001, 0.0010001, 10_000.0)
        tasks = [await world.ask(timeout_s=timeout_s) for timeout_s in given]
        sent = [ask.request.deadline_ms for ask in world.link.asked]
        assert sent == [1000, 1, 2, DEADLINE_MS_MAX]
        for task in tasks:
            task.cancel()

    run(scenario)


def test_a_call_that_is_not_answered_ends_at_its_deadline_and_not_before() -> None:
    async def scenario() -> None:
        world = World()
        task = await world.ask(timeout_s=0.25)
        world.clock.turn_to(250 * MS - 1)
        await asyncio.sleep(0)
        assert not task.done()
        world.clock.turn_to(250 * MS)
        with pytest.raises(DeadlineError, match=r"node-b gave no answer in 0\.25 s"):
            await task
        assert world.calls.in_flight == 0
        world.calls.answered(Response(Status.OK, FIRST, b"too late"))
        assert world.clock.waiting == []

    run(scenario)


def test_what_waits_for_a_session_is_sent_when_there_is_one_with_the_time_that_is_left() -> None:
    async def scenario() -> None:
        world = World()
        world.record = None
        task = await world.ask()
        world.clock.turn_to(400 * MS)
        link = world.find(1)
        assert [(a.request.correlation, a.request.deadline_ms) for a in link.asked] == [
            (FIRST, 600)
        ]
        # Calls under way on one session stay there when another session comes.
        assert world.find(2).asked == []
        world.calls.answered(Response(Status.OK, FIRST, RESOLVE_OK))
        assert (await task).payload == RESOLVE_OK

    run(scenario)


@pytest.mark.parametrize(
    ("payload", "service", "is_deduplicating", "is_repeated"),
    [(RESOLVE, 1, False, True), (PUT, 4, True, True), (PUT, 4, False, False)],
)
def test_after_a_loss_a_call_is_repeated_under_its_name_if_that_can_do_no_harm(
    payload: bytes, service: int, is_deduplicating: bool, is_repeated: bool
) -> None:
    async def scenario() -> None:
        world = World(is_deduplicating=is_deduplicating)
        task = await world.ask(payload, service)
        name = world.link.asked[0].request.correlation
        world.lose()
        if not is_repeated:
            with pytest.raises(UnavailableError, match="may have had its effect"):
                await task
            assert world.find(1).asked == []
            return
        link = world.find(1)
        assert [ask.request.correlation for ask in link.asked] == [name]
        world.calls.answered(Response(Status.OK, name, b""))
        await task

    run(scenario)


def test_the_end_of_another_session_touches_nothing() -> None:
    async def scenario() -> None:
        world = World(is_deduplicating=False)
        task = await world.ask(PUT, 4)
        world.calls.detach(cast("Any", SimpleNamespace(link=Link(5))))
        await asyncio.sleep(0)
        assert not task.done()
        task.cancel()

    run(scenario)


def test_no_more_calls_are_in_flight_than_the_peer_can_hold() -> None:
    async def scenario() -> None:
        world = World()
        tasks = [await world.ask() for _ in range(IN_FLIGHT_MAX)]
        late = await world.ask(timeout_s=0.1)
        assert len(world.link.asked) == IN_FLIGHT_MAX
        world.calls.answered(Response(Status.OK, FIRST, b""))
        await tasks[0]
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(world.link.asked) == IN_FLIGHT_MAX + 1
        for task in (*tasks, late):
            task.cancel()

    run(scenario)


def test_a_call_that_finds_no_room_waits_no_longer_than_its_own_deadline() -> None:
    async def scenario() -> None:
        world = World()
        tasks = [await world.ask() for _ in range(IN_FLIGHT_MAX)]
        late = await world.ask(timeout_s=0.1)
        for _ in range(3):
            await asyncio.sleep(0)
        world.clock.turn_to(100 * MS)
        with pytest.raises(DeadlineError, match=r"node-b gave no answer in 0\.1 s"):
            await late
        assert len(world.link.asked) == IN_FLIGHT_MAX
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()

    run(scenario)


def test_an_answer_that_cannot_be_read_fails_its_call_and_no_other() -> None:
    async def scenario() -> None:
        world = World(mode=rpc.Mode.AUTO)
        one, two = await world.ask(), await world.ask()
        good = rpc_answer.encode_refusal(2, Status.FAILED)
        # Its first word, the number of the call, can still be read.
        bad = bytearray(rpc_answer.encode_refusal(1, Status.FAILED))
        bad[24:] = bytes([0xFF]) * (len(bad) - 24)
        world.calls.answered_message(bytes(bad))
        with pytest.raises(FailedError, match="node-b answered with "):
            await one
        assert not two.done()
        world.calls.answered_message(good)
        assert (await two).status is Status.FAILED

    run(scenario)


def test_what_no_request_can_say_is_refused_before_anything_is_sent() -> None:
    async def scenario() -> None:
        world = World()
        for service in (-1, 256, True):
            with pytest.raises(MisuseError, match="expected a number from 0 to 255"):
                await world.calls.exchange(service, b"", 1.0)
        with pytest.raises(MisuseError, match="use a stream for more"):
            await world.calls.exchange(1, bytes(REQUEST_PAYLOAD_MAX + 1), 1.0)
        with pytest.raises(MisuseError, match="expected bytes"):
            await world.calls.exchange(1, cast("Any", "text"), 1.0)
        for service in (0, 255):
            (await world.ask(bytes(REQUEST_PAYLOAD_MAX), service)).cancel()
        assert len(world.link.asked) == 2

    run(scenario)


def test_at_the_end_everybody_who_waits_is_told() -> None:
    async def scenario() -> None:
        world = World()
        task = await world.ask()
        world.record = None
        ready = asyncio.ensure_future(world.calls.wait_ready())
        await asyncio.sleep(0)
        world.calls.close()
        for waiting in (task, ready):
            with pytest.raises(ClosedError):
                await waiting
        with pytest.raises(ClosedError):
            await world.calls.exchange(1, b"", 1.0)

    run(scenario)


def test_waiting_for_a_session_and_for_its_end() -> None:
    async def scenario() -> None:
        world = World()
        assert await world.calls.wait_ready() is world.record
        lost = asyncio.ensure_future(world.calls.wait_lost())
        await asyncio.sleep(0)
        assert not lost.done()
        world.lose()
        await lost
        ready = asyncio.ensure_future(world.calls.wait_ready())
        await asyncio.sleep(0)
        assert not ready.done()
        world.find(3)
        assert (await ready).link.number == 3

    run(scenario)
