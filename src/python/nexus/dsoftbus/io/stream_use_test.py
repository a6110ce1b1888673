"""A stream as its user meets it, over a pipe whose session is a stand-in: counts, ends, blocks."""

from __future__ import annotations

import asyncio
from typing import Any  # Any: counts of wrong types.

import pytest

from nexus.dsoftbus.io.errors import MisuseError, MisuseTypeError
from nexus.dsoftbus.io.pipe_fake import NUMBER, World, begun, run_piped
from nexus.dsoftbus.io.stream import CLOSING_S, READ_BYTES
from nexus.dsoftbus.mux_transitions import ResetReason


def test_so_many_bytes_or_all_or_none() -> None:
    async def scenario(world: World) -> None:
        for piece in (b"abc", b"def", b"gh"):
            world.pipe.arrive(piece)
        stream = world.stream
        assert (stream.number, stream.name, stream.peer) == (NUMBER, "bulk", "node-b")
        assert repr(stream) == "<BusStream 'bulk' with node-b>"
        assert await stream.read(0) == b""
        assert await stream.read(1) == b"a"
        assert await stream.read_exactly(4) == b"bcde"
        assert await stream.read_exactly(0) == b""
        assert world.mux.granted == [1, 2, 2], "no more was taken than was asked for"
        world.pipe.end()
        assert await stream.read(-1) == b"fgh"
        assert await stream.read(-1) == await stream.read() == b""
        assert await stream.read_exactly(1) == b""

    run_piped(scenario)


@pytest.mark.parametrize("count", [-2, -1])
def test_a_count_that_is_too_small_is_named_with_the_least(count: int) -> None:
    async def scenario(world: World) -> None:
        world.pipe.end()
        with pytest.raises(MisuseError) as caught:
            await world.stream.read_exactly(count)
        assert str(caught.value) == f"read: {count}; expected a number of bytes, 0 or more"
        with pytest.raises(MisuseError) as caught:
            await world.stream.read(-2)
        assert str(caught.value) == "read: -2; expected a number of bytes, -1 or more"

    run_piped(scenario)


@pytest.mark.parametrize("count", [True, False, 1.0, "1", None])
def test_a_count_that_is_none_is_named(count: Any) -> None:
    async def scenario(world: World) -> None:
        world.pipe.arrive(b"x")
        for reading in (world.stream.read(count), world.stream.read_exactly(count)):
            with pytest.raises(MisuseTypeError) as caught:
                await reading
            assert str(caught.value) == f"read: {count!r}; expected a number of bytes"

    run_piped(scenario)


def test_a_block_that_raises_resets_at_once_and_one_that_does_not_waits_a_second() -> None:
    async def scenario(world: World) -> None:
        with pytest.raises(ValueError, match="mine"):
            async with world.stream:
                raise ValueError("mine")
        assert world.mux.asked == [ResetReason.UNWANTED]
        assert world.clock.waiting == []

        other = World()
        ending = await begun(other.stream.__aexit__(None, None, None))
        assert other.mux.asked == ["close"]
        other.clock.turn_to(int(CLOSING_S * 1_000_000_000) - 1)
        await begun(asyncio.sleep(0))
        assert not ending.done()
        other.clock.turn_to(1_000_000_000)
        await ending
        assert other.mux.asked == ["close", ResetReason.UNWANTED]
        assert (CLOSING_S, READ_BYTES) == (1.0, 65_536)

    run_piped(scenario)
