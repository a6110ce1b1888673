"""A client whose peer answers transfers wrongly, late or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any  # Any: a stand-in, or a value of a wrong type.

import pytest

from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_scene import KEY_A, KEY_B, introduce, peer_of, settings_of
from nexus.dsoftbus.io.settings import (
    DeadlineError,
    UnavailableError,
)
from nexus.dsoftbus.io.stream import BusStream
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.io.client import StateClient
from nexus.remotefs.state.io.node_scene import KEY
from nexus.wire.state import Status
from nexus.wire.transfer import (
    STREAM,
    Op,
    Reply,
    Stage,
)

# The client against peers that are scripted.

Serve = Callable[[BusStream], Awaitable[None]]


def with_peer(
    serve: Serve | None, use: Callable[[StateClient], Awaitable[None]], **of_b: Any
) -> None:
    """Let a client use a node that serves this stream handler."""

    async def main() -> None:
        view = peer_of(KEY_B, is_deduplicating=True)
        settings = settings_of(KEY_B, peer_of(KEY_A))
        b = Node(replace(settings, **of_b), streams={STREAM: serve} if serve else {})
        a = Node(settings_of(KEY_A, view))
        async with asyncio.timeout(20), a, b:
            introduce(a, b)
            await use(StateClient(await a.connect("node-b"), timeout_s=1.0))

    asyncio.run(main())


def answering(*pieces: bytes) -> Serve:
    """Read a head, then say this."""

    async def serve(stream: BusStream) -> None:
        await stream.read()
        for piece in pieces:
            await stream.write(piece)

    return serve


OK_PUT = Reply(Op.PUT, Status.OK, Stage.DONE, 129).encode()
GO_AHEAD = Reply(Op.PUT, Status.OK, Stage.GO_AHEAD).encode()


@pytest.mark.parametrize(
    "serve",
    [
        answering(),
        answering(OK_PUT[:-1]),
        answering(Reply(Op.PUT, Status.OK, Stage.DONE, 128).encode()),
        answering(Reply(Op.GET, Status.OK, Stage.DONE, 129).encode()),
        answering(GO_AHEAD),
        answering(GO_AHEAD, GO_AHEAD),
        answering(b"\xff" * 12),
    ],
)
def test_an_answer_to_a_put_that_makes_no_sense(serve: Serve) -> None:
    async def use(state: StateClient) -> None:
        with pytest.raises(StateError, match="cannot be read") as caught:
            await state.put(KEY, bytes(129))
        assert caught.value.status is Status.IO_ERROR

    with_peer(serve, use)


def test_a_peer_that_knows_no_transfers_or_no_streams() -> None:
    async def use(state: StateClient) -> None:
        with pytest.raises(StateError, match="up to 128 bytes") as caught:
            await state.put(KEY, bytes(129))
        assert caught.value.status is Status.UNSUPPORTED

    with_peer(None, use)
    with_peer(None, use, streams=None)


def test_a_peer_that_says_nothing() -> None:
    async def serve(stream: BusStream) -> None:
        await asyncio.Event().wait()

    async def use(state: StateClient) -> None:
        for _ in range(2):  # The stream of the first one is out of the way.
            with pytest.raises(DeadlineError, match="within 1 s"):
                await state.put(KEY, bytes(129))

    with_peer(serve, use)


def test_a_node_that_is_closed_is_not_asked_for_ever() -> None:
    async def main() -> None:
        a = Node(settings_of(KEY_A, peer_of(KEY_B, is_deduplicating=True)))
        async with asyncio.timeout(20):
            async with a:
                state = StateClient(a.peers["node-b"], timeout_s=5.0)
            with pytest.raises(UnavailableError, match="closed"):
                await state.put(KEY, bytes(129))

    asyncio.run(main())
