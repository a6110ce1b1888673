"""The scene of tests of values above a frame: a world of three nodes, one transfer by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any  # Any: a stand-in, or a value of a wrong type.

from nexus.dsoftbus.io.stream import BusStream
from nexus.remotefs.state.io.node_scene import KEY, World, running
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


def value_of(size: int) -> bytes:
    """Bytes that tell where they are."""
    return bytes(index * 31 % 251 for index in range(size))


def run(scenario: Callable[[World], Awaitable[None]], **options: Any) -> None:
    """Play a scenario in a world of its own."""

    async def main() -> None:
        async with running(**options) as world:
            await scenario(world)

    asyncio.run(main())


async def ask(world: World, sent: bytes) -> Reply:
    """Send bytes, close, and read the one reply that must follow."""
    peer = world.peers[0]
    async with peer.turn(STREAM):
        stream = await peer.open_stream(STREAM, PRIORITY)
        await stream.write(sent)
        reply = decode_reply(await stream.read_exactly(REPLY_BYTES))
        assert await stream.read() == b""
        stream.close()
        await stream.over()
        return reply


async def begin_put(world: World, size: int, identity: int = 0) -> BusStream:
    """Begin to put a value of that size; the peer has said that it may come."""
    stream = await world.peers[0].open_stream(STREAM, PRIORITY)
    await stream.write(Request(Op.PUT, identity, KEY, size).encode())
    reply = decode_reply(await stream.read_exactly(REPLY_BYTES))
    assert reply == Reply(Op.PUT, Status.OK, Stage.GO_AHEAD)
    return stream
