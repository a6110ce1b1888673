"""Typed calls between two nodes: what the schema says of a method is what both sides see."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from nexus.contract import bundle, samgr, state
from nexus.dsoftbus.io.node_scene import HANDLERS, TwoNodes, two_nodes
from nexus.dsoftbus.io.settings import Call, FailedError, Handler, MisuseError, RefusedError
from nexus.wire import state as frames


def run(scenario: Callable[[TwoNodes], Awaitable[None]], **handlers: Handler) -> None:
    async def main() -> None:
        served = {**HANDLERS, 4: handlers["store"]} if handlers else HANDLERS
        async with asyncio.timeout(10), two_nodes(served) as nodes:
            await scenario(nodes)

    asyncio.run(main())


def store(call: Call) -> bytes:
    request = frames.decode_request(call.payload)
    if request.op is frames.Op.PUT:
        assert (request.key, request.value) == ("/state/shared/a", b"v")
    value = b"kept" if request.op is frames.Op.GET else b""
    return frames.Reply(request.op, frames.Status.OK, value).encode()


def test_each_service_has_its_methods() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        assert await peer.samgr.resolve_status("x") == samgr.ResolveStatusResults(samgr.Status.OK)
        assert await peer.bundlemgr.list() == bundle.ListResults(bundle.Status.OK, 1)
        assert await peer.statefs.put("/state/shared/a", b"v") == state.PutResults(state.Status.OK)
        got = await peer.statefs.get("/state/shared/a", timeout_s=2.0)
        assert got == state.GetResults(state.Status.OK, b"kept")

    run(scenario, store=store)


def test_the_gateway_judges_it_like_any_call() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        with pytest.raises(RefusedError):
            await peer.log.stats()

    run(scenario)


def test_what_cannot_be_asked_is_said_before_it_is_sent() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        with pytest.raises(MisuseError, match="did you mean 'get'"):
            await peer.invoke("statefsd", "gett", state.GetParams("k"), 1.0)
        with pytest.raises(MisuseError, match="packagefsd stat"):
            await peer.packagefs.stat("p" * 193)
        with pytest.raises(MisuseError):
            await peer.statefs.put("k" * 96, b"v" * 256)

    run(scenario)


def test_an_answer_of_another_method_is_a_failure_of_the_peer() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        # Its own gateway sees it, since it has to write an answer of the method.
        with pytest.raises(FailedError, match="of node-b did not answer"):
            await peer.statefs.get("/state/shared/a")

    run(scenario, store=lambda call: frames.Reply(frames.Op.SYNC, frames.Status.OK).encode())
