"""The streams of one session as objects, over streams that are a stand-in: what is served by which
handler, and what the end of a stream, of its handler and of the session do to each other."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast  # Any: a stand-in for the streams of a session.

import pytest

from nexus.dsoftbus import mux_events
from nexus.dsoftbus.io.counters import Counters
from nexus.dsoftbus.io.errors import SessionLostError, StreamResetError, UnavailableError
from nexus.dsoftbus.io.hand_clock_fake import HandClock
from nexus.dsoftbus.io.stream import BusStream, StreamHandler
from nexus.dsoftbus.io.stream_table import StreamTable
from nexus.dsoftbus.io.waiting_support import run
from nexus.dsoftbus.mux_transitions import ResetReason, StreamState
from nexus.wire.error import LocalProtocolError, Reason


class FakeMux:
    """Streams that are live until they are closed or reset."""

    def __init__(self) -> None:
        self.live: dict[int, StreamState] = {}
        self.asked: list[tuple[object, ...]] = []
        self.is_failing = False

    def accept(self, number: int) -> None:
        if self.is_failing:
            raise LocalProtocolError(Reason.STATE, "a defect")
        self.asked.append(("accept", number))
        self.live[number] = StreamState.OPEN

    def reset(self, number: int, reason: ResetReason = ResetReason.UNWANTED) -> None:
        self.asked.append(("reset", number, reason))
        self.live.pop(number, None)

    def close(self, number: int) -> None:
        self.asked.append(("close", number))

    def can_close(self, number: int) -> bool:
        return number in self.live

    def state(self, number: int) -> StreamState | None:
        return self.live.get(number)

    is_live = can_close

    def room(self, *_: object) -> int:
        return 0

    send = grant = room


class World:
    """A table, and what its session was asked."""

    def __init__(self, **handlers: StreamHandler) -> None:
        self.mux, self.counters, self.told = FakeMux(), Counters(), list[str]()
        gate: Any = type("Gate", (), {"peer": "node-a"})()
        self.table = StreamTable(
            cast("Any", self.mux),
            gate,
            handlers,
            lambda: self.told.append("wake"),
            lambda: self.told.append("flush"),
            HandClock(),
            self.counters,
        )

    def open(self, number: int, name: str) -> None:
        """Let the peer open a stream."""
        self.mux.live[number] = StreamState.OPEN
        self.table.happened(mux_events.Opened(number, name, 4))

    def add(self, number: int = 1) -> BusStream:
        """Open one of ours."""
        self.mux.live[number] = StreamState.OPEN
        return self.table.add(number, "ours")


async def turns() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


class Reader:
    """A handler that reads to the end and keeps how that came."""

    def __init__(self) -> None:
        self.got: list[object] = []

    async def __call__(self, stream: BusStream) -> None:
        self.got.append((stream.number, stream.name))
        try:
            async for piece in stream:
                self.got.append(piece)
            self.got.append("end")
        except (UnavailableError, asyncio.CancelledError) as exc:
            self.got.append(type(exc))
            raise


@pytest.mark.parametrize("name", ["bulk", "bulk#2", "bulk#10"])
def test_a_stream_is_served_by_the_handler_of_its_name(name: str) -> None:
    async def scenario() -> None:
        reader = Reader()
        world = World(bulk=reader)
        world.open(2, name)
        assert world.mux.asked == [("accept", 2)]
        assert world.told == ["wake"]
        await turns()
        world.table.arrived(2, b"data")
        world.table.arrived(4, b"of one that is not there")
        await turns()
        world.table.happened(mux_events.HalfClosed(2))
        await turns()
        assert reader.got == [(2, "bulk"), b"data", "end"]
        assert world.mux.asked[1:] == [("close", 2)], "the handler is done, so this side is"
        assert (world.counters.streams_served, world.counters.streams_faulted) == (1, 0)
        assert world.table._tasks == {}

    run(scenario)


@pytest.mark.parametrize("name", ["bulk", "none#2", "b#0", "b#02", "b#", "#2", "b#2x", "b#2#3"])
def test_a_stream_without_a_handler_is_reset_with_its_reason(name: str) -> None:
    async def scenario() -> None:
        world = World(b=Reader())
        world.open(2, name)
        assert world.mux.asked == [("reset", 2, ResetReason.UNKNOWN_STREAM)]
        assert world.told == ["wake"]
        assert world.counters.streams_served == 0

    run(scenario)


def test_a_handler_by_the_whole_name_comes_before_one_by_its_beginning() -> None:
    async def scenario() -> None:
        whole, beginning = Reader(), Reader()
        world = World(**{"b": beginning, "b#2": whole})
        world.open(2, "b#2")
        await turns()
        assert (whole.got, beginning.got) == ([(2, "b#2")], [])
        world.table.end()

    run(scenario)


def test_a_peer_that_gives_a_stream_up_cancels_its_handler() -> None:
    async def scenario() -> None:
        reader = Reader()
        world = World(bulk=reader)
        world.open(2, "bulk")
        await turns()
        world.mux.live.clear()
        world.table.happened(mux_events.WasReset(2, 1))
        await turns()
        assert reader.got[1:] == [asyncio.CancelledError]
        assert (world.table._pipes, world.table._tasks) == ({}, {})
        world.table.happened(mux_events.WasReset(2, 1))
        assert world.counters.streams_faulted == 0

    run(scenario)


def test_a_stream_of_ours_learns_why_it_was_reset() -> None:
    async def scenario() -> None:
        world = World()
        stream = world.add()
        world.mux.live.clear()
        world.table.happened(mux_events.WasReset(1, 2))
        with pytest.raises(StreamResetError) as caught:
            await stream.read()
        assert caught.value.reason == 2
        world.table.arrived(1, b"late")
        world.table.happened(mux_events.Acknowledged(1))

    run(scenario)


def test_a_stream_that_both_have_closed_leaves_the_table_and_is_over() -> None:
    async def scenario() -> None:
        world = World()
        stream, other = world.add(1), world.add(3)
        over = asyncio.ensure_future(stream.over())
        await turns()
        world.table.happened(mux_events.HalfClosed(1))
        assert set(world.table._pipes) == {1, 3}, "this side may still send"
        assert await stream.read() == b""
        world.mux.live.pop(1)
        world.table.happened(mux_events.HalfClosed(1))
        assert set(world.table._pipes) == {3}
        await over
        world.table.happened(mux_events.HalfClosed(1))
        over = asyncio.ensure_future(other.over())
        await turns()
        world.mux.live.pop(3)
        world.table.drained()
        await over
        assert world.table._pipes == {}

    run(scenario)


def test_room_wakes_those_that_wait_for_it_and_no_others() -> None:
    async def scenario() -> None:
        world = World()
        waiting, idle = world.add(1), world.add(3)
        writing = asyncio.ensure_future(waiting.write(b"x"))
        over = asyncio.ensure_future(idle.over())
        await turns()
        assert world.told == ["flush"]
        world.table.drained()
        await turns()
        assert world.told == ["flush", "flush"], "it tried again, and waits again"
        assert set(world.table._pipes) == {1, 3}
        writing.cancel()
        over.cancel()

    run(scenario)


def test_a_lost_session_loses_every_stream_and_cancels_every_handler() -> None:
    async def scenario() -> None:
        reader = Reader()
        world = World(bulk=reader)
        world.open(2, "bulk")
        stream = world.add()
        await turns()
        world.table.end()
        with pytest.raises(SessionLostError):
            await stream.read()
        await turns()
        assert reader.got[1:] in ([asyncio.CancelledError], [SessionLostError])
        assert (world.table._pipes, world.table._tasks) == ({}, {})

    run(scenario)


def test_a_defect_of_ours_resets_its_stream_alone_and_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        world = World(bulk=Reader())
        other = world.add(1)
        world.mux.is_failing = True
        world.open(2, "bulk")
        assert world.mux.asked == [("reset", 2, ResetReason.UNWANTED)]
        assert world.told == ["wake"]
        assert world.counters.streams_faulted == 1
        stream = world.table.add(4, "gone")
        world.table.happened(mux_events.Opened(4, "bulk", 4))
        assert world.mux.asked[1:] == [], "it is over, so nothing is left to reset"
        with pytest.raises(StreamResetError):
            await stream.read()
        world.table.arrived(1, b"goes on")
        assert await other.read() == b"goes on"

    with caplog.at_level(logging.ERROR, "nexus.dsoftbus"):
        run(scenario)
    assert [each.getMessage() for each in caplog.records] == [
        "a stream of node-a is reset for a defect here"
    ] * 2


async def _fails(stream: BusStream) -> None:
    raise KeyError("mine")


async def _is_refused(stream: BusStream) -> None:
    raise UnavailableError("what it needs is not there")


@pytest.mark.parametrize(("handler", "failed"), [(_fails, 1), (_is_refused, 0)])
def test_a_handler_that_raises_costs_its_stream(
    handler: StreamHandler, failed: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        world = World(bulk=handler)
        world.open(2, "bulk")
        await turns()
        assert world.mux.asked == [("accept", 2), ("reset", 2, ResetReason.UNWANTED)]
        assert (world.counters.handlers_failed, world.counters.streams_faulted) == (failed, 0)
        assert world.table._tasks == {}

    with caplog.at_level(logging.ERROR, "nexus.dsoftbus"):
        run(scenario)
    lines = ["the handler of the stream 'bulk' failed"]
    assert [each.getMessage() for each in caplog.records] == lines[:failed]
