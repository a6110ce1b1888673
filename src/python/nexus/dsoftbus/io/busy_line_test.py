"""A line with more to carry than it can: calls, priorities, bounds, a loop that stood still."""

from __future__ import annotations

import asyncio

import pytest

from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_line_scene import A, B, nodes, ready_line
from nexus.dsoftbus.io.stream import BusStream, StreamHandler
from nexus.dsoftbus.io.virtual_fake import VirtualLoop, run_virtual


def test_a_session_that_is_lost_while_it_sends_is_closed_and_makes_room() -> None:
    async def main() -> None:
        a, b = nodes()
        for _ in range(6):
            line = await ready_line(a, b)
            peer = a.peers["node-b"]
            stream = await peer.open_stream("bulk")
            writing = asyncio.create_task(stream.write(bytes(4_000_000)))
            await asyncio.sleep(5)  # The line is dead: nothing is delivered any more.
            assert line.dialled.is_ended
            assert line.accepted.is_ended
            assert line.near.is_closed
            assert line.far.is_closed
            assert writing.done()
            with pytest.raises(ConnectionError):
                await writing
            assert (a.session_count, len(a._table), b.session_count, len(b._table)) == (0,) * 4
        await ready_line(a, b)

    run_virtual(main())


@pytest.mark.parametrize("rate", [5_000_000, 1_000_000])
def test_a_call_beside_saturating_streams_waits_for_little_more_than_the_line(rate: int) -> None:
    async def main() -> list[float]:
        a, b = nodes()
        line = await ready_line(a, b)
        carrying = asyncio.create_task(line.run(rate))
        peer, loop = a.peers["node-b"], asyncio.get_running_loop()
        streams = [await peer.open_stream(f"bulk{n}", n) for n in range(8)]
        blasting = [asyncio.create_task(s.write(bytes(100_000_000))) for s in streams]
        await asyncio.sleep(0.5)
        waits = []
        for _ in range(30):
            begun_s = loop.time()
            await peer.resolve("x")
            waits.append(loop.time() - begun_s)
        for task in (*blasting, carrying):
            task.cancel()
        return waits

    # First the waiting frames, when the transport went on, and the one behind; then, by turns, the
    # stream that has the same priority and one that is forced.
    most_bytes = 8_192 + 3 * 33_000
    assert max(run_virtual(main())) < most_bytes / rate + 0.01


def test_streams_of_high_priority_get_more_of_a_slow_line() -> None:
    got = [0] * 8

    def count(number: int) -> StreamHandler:
        async def handle(stream: BusStream) -> None:
            async for piece in stream:
                got[number] += len(piece)

        return handle

    async def main() -> None:
        a = Node(A)
        b = Node(B, streams={f"bulk{number}": count(number) for number in range(8)})
        line = await ready_line(a, b)
        carrying = asyncio.create_task(line.run(20_000_000))
        peer = a.peers["node-b"]
        streams = [await peer.open_stream(f"bulk{n}", n) for n in range(8)]
        blasting = [asyncio.create_task(s.write(bytes(100_000_000))) for s in streams]
        await asyncio.sleep(2)
        for task in (*blasting, carrying):
            task.cancel()

    run_virtual(main())
    assert got[0] > 4 * max(got[1:])  # Eight frames of the first for one of the others.
    assert min(got[1:]) > 0  # No stream starves.


def test_a_peer_that_only_pings_and_never_reads_is_bounded() -> None:
    async def main() -> None:
        a, b = nodes()
        line = await ready_line(a, b)
        for _ in range(3000):
            line.dialled.session.ping()
            line.near.write(line.dialled.session.take_output())
            line.near.deliver(1 << 30)
            await asyncio.sleep(0)
        assert len(line.far.waiting) < 80_000
        await line.settle()
        assert b.session_count == 1

    run_virtual(main())


def test_a_loop_that_stood_still_does_not_lose_the_session() -> None:
    async def main() -> None:
        a, b = nodes()
        line = await ready_line(a, b)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        for _ in range(3):
            loop.stand_still(30)
            await line.settle()
            await asyncio.sleep(0.1)
            await line.settle()
        assert (a.session_count, b.session_count) == (1, 1)

    run_virtual(main())
