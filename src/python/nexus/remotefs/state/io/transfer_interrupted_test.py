"""Values above a frame that end early or are sent again: nothing is done in part, or twice."""

from __future__ import annotations

import asyncio

import pytest

from nexus.dsoftbus.io.settings import (
    SessionLostError,
    StreamResetError,
    UnavailableError,
)
from nexus.dsoftbus.io.stream import BusStream
from nexus.dsoftbus.io.waiting_support import until
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.remotefs.state.io.client import StateClient
from nexus.remotefs.state.io.node_scene import KEY, World
from nexus.remotefs.state.io.transfer_scene import ask, begin_put, run, value_of
from nexus.wire.state import Status
from nexus.wire.transfer import (
    REPLY_BYTES,
    Op,
    Reply,
    Request,
    Stage,
    decode_reply,
)


@pytest.mark.parametrize("kind", ["reset", "early close", "a byte too many", "lost", "silence"])
@pytest.mark.parametrize("count", [0, 1, 8192, 9999])
def test_a_put_that_does_not_end_changes_nothing_and_leaves_its_number_free(
    kind: str, count: int
) -> None:
    size, identity = 10_000, (7 << 32) + 5

    async def scenario(world: World) -> None:
        world.store.put(KEY, b"before")
        stream = await begin_put(world, size, identity)
        await stream.write(value_of(size)[:count])
        if kind == "reset":
            stream.reset()
        elif kind == "early close":
            stream.close()
        elif kind == "a byte too many":
            await stream.write(value_of(size + 1)[count:])
        elif kind == "lost":
            assert world.peers[0].link is not None
            world.peers[0].link.abort()
        expected = {"early close": 2, "a byte too many": 2, "silence": 0}
        if kind in expected:
            with pytest.raises(StreamResetError) as caught:
                await stream.read()
            assert caught.value.reason == expected[kind]
        elif kind == "lost":
            with pytest.raises(SessionLostError):
                await stream.read()
        await until(lambda: bool(world.changes))
        assert world.told == [("node-a", "put", "reject status")]
        assert world.store.get(KEY) == b"before"
        assert world.store.open_transactions == ()
        # The same call again, and it is made.
        again = await begin_put(world, size, identity)
        await again.write(value_of(size))
        again.close()
        reply = decode_reply(await again.read_exactly(REPLY_BYTES))
        assert reply == Reply(Op.PUT, Status.OK, Stage.DONE, size)
        assert world.store.get(KEY) == value_of(size)

    run(scenario, silence_s=0.2 if kind == "silence" else 5.0)


def test_a_put_that_drips_is_given_up() -> None:
    async def scenario(world: World) -> None:
        stream = await begin_put(world, 10_000)
        with pytest.raises(StreamResetError) as caught:
            await drip(stream)
        assert caught.value.reason == ResetReason.UNWANTED.value
        assert world.told == [("node-a", "put", "reject status")]
        assert world.store.get(KEY) is None

    run(scenario, longest_s=0.2)


async def drip(stream: BusStream) -> None:
    while True:
        await stream.write(b"x")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("is_deduplicating", [True, False])
def test_a_put_whose_answer_is_lost_is_made_once(is_deduplicating: bool) -> None:
    async def scenario(world: World) -> None:
        a, c = (StateClient(peer, timeout_s=10) for peer in world.peers)
        link = world.peers[0].link
        assert link is not None
        made = asyncio.Event()

        def lose(_: object) -> None:
            if not made.is_set():
                made.set()
                link.abort()  # The answer is written and never read.

        world.on_change = lose
        putting = asyncio.create_task(a.put(KEY, value_of(60_000)))
        await made.wait()
        await c.put(KEY, value_of(500))  # Another peer, before the repetition.
        if is_deduplicating:
            await putting
        else:
            with pytest.raises(UnavailableError, match="may have been made or not"):
                await putting
        assert world.store.get(KEY) == value_of(500)
        assert world.told == [("node-a", "put", "allow"), ("node-c", "put", "allow")]

    run(scenario, is_deduplicating=is_deduplicating)


def test_a_refusal_is_remembered_too() -> None:
    identity, key = (7 << 32) + 5, "/state/keystore/x"

    async def scenario(world: World) -> None:
        for _ in range(3):
            reply = await ask(world, Request(Op.PUT, identity, key, 129).encode())
            assert reply.status is Status.ACCESS_DENIED
        assert len(world.changes) == 1
        # Under this number nothing else can be asked.
        reply = await ask(world, Request(Op.PUT, identity, KEY, 129).encode())
        assert reply == Reply(Op.PUT, Status.IO_ERROR, Stage.DONE)
        assert len(world.changes) == 1

    run(scenario)


def test_a_number_that_is_forgotten_has_no_effect() -> None:
    epoch = 7 << 32

    async def scenario(world: World) -> None:
        for number in range(1, 258):
            await ask(world, Request(Op.PUT, epoch + number, "/x", 129).encode())
        world.changes.clear()
        reply = await ask(world, Request(Op.PUT, epoch + 1, "/x", 129).encode())
        assert reply == Reply(Op.PUT, Status.IO_ERROR, Stage.DONE)
        assert world.changes == []

    run(scenario)
