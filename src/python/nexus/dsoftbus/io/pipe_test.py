"""One stream inside its session, over streams that are a stand-in: what is kept, which side wakes,
when the peer gets its credit, and what every use says after each end."""

from __future__ import annotations

import asyncio

import pytest

from nexus.dsoftbus.io.errors import MisuseError, SessionLostError, StreamResetError
from nexus.dsoftbus.io.pipe_fake import World, begun, run_piped
from nexus.dsoftbus.mux_transitions import ResetReason, StreamState


def test_what_arrived_is_read_in_order_in_any_steps_and_its_room_given_back() -> None:
    async def scenario(world: World) -> None:
        for piece in (b"abc", b"de"):
            world.pipe.arrive(piece)
        assert [await world.pipe.read(count) for count in (2, 9, 1, 1)] == [b"ab", b"c", b"d", b"e"]
        assert world.mux.granted == [2, 1, 1, 1]
        assert world.told == []
        world.mux.is_due = True
        world.pipe.arrive(b"xyz")
        assert await world.pipe.read(3) == b"xyz"
        assert world.told == ["flush"]

    run_piped(scenario)


def test_a_reader_waits_for_bytes_or_for_the_end() -> None:
    async def scenario(world: World) -> None:
        reading = await begun(world.pipe.read(9))
        world.pipe.drained()
        await begun(asyncio.sleep(0))
        assert not reading.done()
        world.pipe.arrive(b"x")
        assert await reading == b"x"
        reading = await begun(world.pipe.read(9))
        world.pipe.end()
        assert await reading == b""
        assert await world.pipe.read(9) == b""

    run_piped(scenario)


def test_what_came_before_the_end_is_read_before_it() -> None:
    async def scenario(world: World) -> None:
        world.pipe.arrive(b"last")
        world.pipe.end()
        assert [await world.pipe.read(9) for _ in range(2)] == [b"last", b""]
        world.pipe.arrive(b"more")
        world.pipe.fail_reset(2)
        assert await world.pipe.read(9) == b"more"
        assert world.mux.granted == [4], "of a stream that is over no room is given"
        with pytest.raises(StreamResetError) as caught:
            await world.pipe.read(9)
        assert str(caught.value) == "the stream 'bulk' was reset, reason 2"
        assert caught.value.reason == 2

    run_piped(scenario)


def test_a_writer_waits_for_room_and_is_woken_by_it() -> None:
    async def scenario(world: World) -> None:
        await world.pipe.write(b"0123456789")
        assert (world.told, world.pipe.is_waiting_for_room) == (["wake"], False)
        world.told.clear()
        writing = await begun(world.pipe.write(b"abcdef"))
        assert world.told == ["flush"], "nothing was taken, and it waits"
        assert world.pipe.is_waiting_for_room
        world.told.clear()
        world.mux.free = 4
        world.pipe.drained()
        await begun(asyncio.sleep(0))
        assert (world.mux.sent, world.told) == (b"0123456789abcd", ["wake", "flush"])
        assert not writing.done()
        world.mux.free = 9
        world.pipe.drained()
        await writing
        assert world.mux.sent == b"0123456789abcdef"
        assert not world.pipe.is_waiting_for_room

    run_piped(scenario)


def test_room_that_a_flush_makes_is_not_waited_for() -> None:
    async def scenario(world: World) -> None:
        world.pipe._flush = lambda: setattr(world.mux, "free", 5)
        await world.pipe.write(b"0123456789abcdef")
        assert world.mux.sent == b"0123456789abcdef"

    run_piped(scenario)


def test_nothing_is_written_of_nothing() -> None:
    async def scenario(world: World) -> None:
        await world.pipe.write(b"")
        assert (world.mux.sent, world.told) == (b"", [])

    run_piped(scenario)


def test_behind_its_close_nothing_is_written_and_the_peer_is_told_once() -> None:
    async def scenario(world: World) -> None:
        world.pipe.close()
        world.mux.is_closable = False
        world.pipe.close()
        assert (world.mux.asked, world.told) == (["close"], ["wake"])
        with pytest.raises(MisuseError) as caught:
            await world.pipe.write(b"x")
        assert str(caught.value) == "the stream 'bulk' is closed for writing"
        world.pipe.arrive(b"still comes")
        assert await world.pipe.read(99) == b"still comes"

    run_piped(scenario)


def test_a_stream_that_is_over_takes_nothing_and_says_so() -> None:
    async def scenario(world: World) -> None:
        world.mux.live = None
        with pytest.raises(StreamResetError) as caught:
            await world.pipe.write(b"x")
        assert str(caught.value) == "the stream 'bulk' is over"
        assert caught.value.reason is None
        assert world.mux.sent == b""

    run_piped(scenario)


def test_a_reset_is_said_once_with_its_reason_and_wakes_both_sides() -> None:
    async def scenario(world: World) -> None:
        world.mux.free = 0
        reading = await begun(world.pipe.read(9))
        writing = await begun(world.pipe.write(b"x"))
        world.told.clear()
        world.pipe.reset(ResetReason.NONSENSE)
        world.pipe.reset(ResetReason.UNWANTED)
        assert (world.mux.asked, world.told) == ([ResetReason.NONSENSE], ["wake"])
        for ended in (reading, writing, world.pipe.read(1), world.pipe.write(b"y")):
            with pytest.raises(StreamResetError) as caught:
                await ended
            assert str(caught.value) == "the stream 'bulk' was reset"
        world.pipe.close()
        assert world.mux.asked == [ResetReason.NONSENSE], "nothing is left to close"
        await world.pipe.over()

    run_piped(scenario)


def test_of_a_stream_that_is_over_nothing_is_left_to_reset() -> None:
    async def scenario(world: World) -> None:
        world.mux.live = None
        world.pipe.reset(ResetReason.UNWANTED)
        assert (world.mux.asked, world.told) == ([], [])
        await world.pipe.over()

    run_piped(scenario)


def test_the_first_failure_is_the_streams() -> None:
    async def scenario(world: World) -> None:
        over = await begun(world.pipe.over())
        reading = await begun(world.pipe.read(9))
        world.pipe.fail_lost()
        world.pipe.fail_reset(2)
        await over
        for ended in (reading, world.pipe.read(9), world.pipe.write(b"x")):
            with pytest.raises(SessionLostError) as caught:
                await ended
            assert str(caught.value) == "the stream 'bulk' was lost with its session"

    run_piped(scenario)


def test_a_reader_that_is_cancelled_is_not_woken_later() -> None:
    async def scenario(world: World) -> None:
        reading = await begun(world.pipe.read(9))
        reading.cancel()
        world.pipe.arrive(b"x")  # Before the task has its turn.
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await world.pipe.read(9) == b"x"
        reading = await begun(world.pipe.read(9))
        reading.cancel()
        await asyncio.wait([reading])
        assert world.pipe._readers == []
        writing = await begun(world.pipe.write(b"0123456789abc"))
        writing.cancel()
        await asyncio.wait([writing])
        assert not world.pipe.is_waiting_for_room

    run_piped(scenario)


def test_it_is_over_when_both_sides_have_closed() -> None:
    async def scenario(world: World) -> None:
        over = await begun(world.pipe.over())
        world.mux.live = StreamState.HALF_CLOSED_REMOTE
        world.pipe.end()
        await begun(asyncio.sleep(0))
        assert not over.done()
        world.mux.live = None
        world.pipe.drained()
        await over

    run_piped(scenario)
