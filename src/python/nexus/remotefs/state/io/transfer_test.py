"""Values above a frame, between real nodes: B has a store in memory, A and C use it."""

from __future__ import annotations

import asyncio

import pytest

from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.io.client import StateClient
from nexus.remotefs.state.io.node_scene import KEY, World
from nexus.remotefs.state.io.transfer_scene import ask, run, value_of
from nexus.wire.state import Status
from nexus.wire.transfer import (
    PRIORITY,
    REPLY_BYTES,
    STREAM,
    Op,
    Reply,
    Request,
    Stage,
    decode_reply,
)

SIZES = (1, 128, 129, 503, 504, 4096, 8193, 65_535, 65_536)


def test_round_trip_of_every_size() -> None:
    async def scenario(world: World) -> None:
        a, c = (StateClient(peer) for peer in world.peers)
        for size in SIZES:
            await a.put(f"{KEY}{size}", value_of(size))
            assert await c.get(f"{KEY}{size}") == value_of(size)
            assert world.store.get(f"{KEY}{size}") == value_of(size)
        # One record a put, and none has a key or a value.
        assert world.told == [("node-a", "put", "allow")] * len(SIZES)
        assert len({change.key_hash for change in world.changes}) == len(SIZES)
        shown = " ".join(record.message for record in (*world.changes, *world.others))
        assert KEY not in shown
        # A get that was too large for a frame was two operations of the peer.
        assert sum("op=2" in record.message for record in world.others) == len(SIZES) + 5
        assert all("outcome=ok" in record.message for record in world.others)

    run(scenario)


def test_a_transfer_in_single_bytes_is_whole() -> None:
    async def scenario(world: World) -> None:
        stream = await world.peers[0].open_stream(STREAM, PRIORITY)
        for byte in Request(Op.PUT, 0, KEY, 200).encode():
            await stream.write(bytes([byte]))
            await asyncio.sleep(0)
        assert decode_reply(await stream.read_exactly(REPLY_BYTES)).stage is Stage.GO_AHEAD
        for byte in value_of(200):
            await stream.write(bytes([byte]))
            await asyncio.sleep(0)
        assert world.changes == []
        stream.close()
        assert decode_reply(await stream.read_exactly(REPLY_BYTES)).value_bytes == 200
        assert world.store.get(KEY) == value_of(200)

    run(scenario)


def test_transfers_of_one_caller_follow_each_other() -> None:
    async def scenario(world: World) -> None:
        a, c = (StateClient(peer, timeout_s=20) for peer in world.peers)
        puts = [
            state.put(f"{KEY}{number}", value_of(2000 + number))
            for number in range(16)
            for state in (a, c)
        ]
        await asyncio.gather(*puts)
        gets = [a.get(f"{KEY}{number}") for number in range(16)]
        assert await asyncio.gather(*gets) == [value_of(2000 + number) for number in range(16)]

    run(scenario)


def test_a_store_that_refuses_says_so() -> None:
    async def scenario(world: World) -> None:
        state = StateClient(world.peers[0])
        await state.put(f"{KEY}1", value_of(20_000))
        with pytest.raises(StateError) as caught:
            await state.put(f"{KEY}2", value_of(20_000))
        assert caught.value.status is Status.IO_ERROR
        assert world.told[-1] == ("node-a", "put", "reject status")
        assert world.store.get(f"{KEY}2") is None
        await state.put(f"{KEY}1", value_of(5000))

    run(scenario, sectors=64)


def test_what_is_not_there() -> None:
    async def scenario(world: World) -> None:
        reply = await ask(world, Request(Op.GET, 0, KEY).encode())
        assert reply == Reply(Op.GET, Status.NOT_FOUND, Stage.DONE)
        assert [record.message for record in world.others] == [
            "audit remote call outcome=ok peer=node-a service=statefsd op=2"
        ]

    run(scenario)
