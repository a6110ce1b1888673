"""A node's life: entered once, closed once, whatever is cancelled on the way; several at once."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nexus.dsoftbus.io.errors import ClosedError, MisuseError, UnavailableError
from nexus.dsoftbus.io.link import LINGER_NS
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_scene import (
    HANDLERS,
    KEY_A,
    KEY_B,
    introduce,
    peer_of,
    settings_of,
    two_nodes,
)
from nexus.dsoftbus.io.settings import Call, Settings
from nexus.dsoftbus.io.socket_options import UNSENT_BYTES
from nexus.dsoftbus.io.stream import BusStream
from nexus.dsoftbus.io.virtual_fake import Line, run_virtual
from nexus.dsoftbus.io.waiting_support import until

A = settings_of(KEY_A, peer_of(KEY_B))
B = settings_of(KEY_B, peer_of(KEY_A))


def descriptors() -> set[str]:
    """List the sockets that this process has open."""
    here = Path("/proc/self/fd")
    targets = {os.readlink(entry) for entry in here.iterdir() if entry.is_symlink()}
    return {target for target in targets if target.startswith("socket:")}


@pytest.mark.parametrize("steps", range(12))
def test_entering_that_is_cancelled_leaves_nothing_open(steps: int) -> None:
    async def main() -> None:
        before = descriptors()
        node = Node(A)
        entering = asyncio.ensure_future(node.__aenter__())
        for _ in range(steps):
            await asyncio.sleep(0)
        entering.cancel()
        try:
            await entering
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        else:
            await node.close()
        for _ in range(3):
            await asyncio.sleep(0)
        assert descriptors() == before

    asyncio.run(main())


def test_a_node_is_entered_once() -> None:
    async def main() -> None:
        before = descriptors()
        node = Node(A)
        async with node:
            with pytest.raises(MisuseError, match="open; a node is entered once"):
                await node.__aenter__()
        with pytest.raises(MisuseError, match="closed; a node is entered once"):
            await node.__aenter__()
        for _ in range(3):
            await asyncio.sleep(0)
        assert descriptors() == before

    asyncio.run(main())


def test_connect_names_the_cause() -> None:
    async def main() -> None:
        node = Node(A)
        with pytest.raises(MisuseError, match="not entered"):
            await node.connect("node-b")
        async with node:
            with pytest.raises(UnavailableError, match="these are: node-b"):
                await node.connect("node-x")
        with pytest.raises(ClosedError, match="closed"):
            await node.connect("node-b")
        with pytest.raises(ClosedError, match="closed"):
            await node.peers["node-b"].call(1, b"x")

    asyncio.run(main())


def test_close_that_is_cancelled_closes_at_once() -> None:
    async def never(call: Call) -> bytes:
        await asyncio.Event().wait()
        return b""

    async def main() -> None:
        settings_b = replace(B, grace_ms=60_000)
        async with two_nodes({4: never}, settings_b=settings_b) as nodes:
            peer = await nodes.a.connect("node-b")
            call = asyncio.ensure_future(peer.call(4, b"SF\1\2"))
            await until(lambda: nodes.b.counters.calls_served > 0)
            left: list[int] = []

            async def close() -> None:
                try:
                    await nodes.b.close()
                finally:
                    left.append(nodes.b.session_count)

            closing = asyncio.ensure_future(close())
            await asyncio.sleep(0)
            closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing
            assert left == [0], "closed as soon as the call is over, and not some time later"
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", nodes.b.port)
            await nodes.b.close()  # And again is nothing.
            call.cancel()

    asyncio.run(main())


def test_closing_waits_for_no_grace_where_nothing_is_served() -> None:
    async def main() -> None:
        settings_a = replace(A, grace_ms=60_000)
        async with two_nodes(settings_a=settings_a) as nodes:
            await nodes.a.connect("node-b")
            async with asyncio.timeout(20):
                await nodes.a.close()

    asyncio.run(main())


def test_closing_waits_for_nobody_who_takes_nothing() -> None:
    async def main() -> None:
        a, b = Node(A), Node(B, HANDLERS)
        line = Line(a, b)
        await line.settle()
        loop = asyncio.get_running_loop()
        line.dialled.session.ping()
        line.dialled.wake()
        begun_s = loop.time()
        await a.close()  # Nothing is delivered any more.
        assert loop.time() - begun_s <= A.grace_ms / 1000 + LINGER_NS / 1e9
        assert line.near.is_closed

    run_virtual(main())


def fixed_ports(settings: Settings) -> Settings:
    """Ports that are free now, and are the same for each program that is this node."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", 0))
        ports = tcp.getsockname()[1], udp.getsockname()[1]
    return replace(settings, port=ports[0], discovery_port=ports[1])


def test_several_programs_are_one_node_at_once() -> None:
    """Two that only dial, while a third serves under the same name and the same ports."""

    async def main() -> None:
        settings_a = fixed_ports(A)
        peer_a = replace(peer_of(KEY_A), discovery_port=settings_a.discovery_port)
        settings_b = fixed_ports(settings_of(KEY_B, peer_a))
        peer_b = replace(peer_of(KEY_B), discovery_port=settings_b.discovery_port)
        settings_a = replace(settings_a, peers=(peer_b,))
        client = replace(settings_a, is_listening=False)
        async with asyncio.timeout(10), Node(settings_b, HANDLERS) as served:
            async with Node(settings_a, HANDLERS), Node(client) as first, Node(client) as second:
                for node in (first, second, first):
                    peer = await node.connect("node-b")
                    assert await peer.resolve("x")
                assert first.port == second.port == 0
                with pytest.raises(OSError, match=r"cannot listen on 127.0.0.1:\d+ \(TCP\)"):
                    await Node(settings_a).__aenter__()
            assert served.counters.sessions_faulted == 0

    asyncio.run(main())


def test_what_is_not_sent_yet_is_bounded_in_the_kernel() -> None:
    async def main() -> None:
        async with two_nodes() as nodes:
            peer = await nodes.a.connect("node-b")
            assert peer.link is not None
            assert peer.link._transport is not None
            sock = peer.link._transport.get_extra_info("socket")
            option: int = getattr(socket, "TCP_NOTSENT_LOWAT")  # noqa: B009 - Linux alone has it.
            assert sock.getsockopt(socket.IPPROTO_TCP, option) == UNSENT_BYTES

    asyncio.run(main())


def _uvloop() -> Callable[[], asyncio.AbstractEventLoop]:
    import uvloop  # type: ignore[import-not-found,unused-ignore]  # pants: no-infer-dep

    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made


@pytest.mark.skipif(
    importlib.util.find_spec("uvloop") is None, reason="uvloop is an extra that is not installed"
)
def test_a_node_works_on_uvloop() -> None:
    async def main() -> None:
        async with asyncio.timeout(10):
            a, b = Node(A), Node(B, HANDLERS, streams={"echo": _echo})
            async with a, b:
                introduce(a, b)
                peer = await a.connect("node-b")
                assert await peer.resolve("x")
                assert await peer.ping() >= 0
                data = bytes(range(256)) * 8192
                stream = await peer.open_stream("echo")
                writing = asyncio.ensure_future(_write(stream, data))
                assert await stream.read(-1) == data
                await writing

    with asyncio.Runner(loop_factory=_uvloop()) as runner:
        runner.run(main())


async def _echo(stream: BusStream) -> None:
    async for piece in stream:
        await stream.write(piece)


async def _write(stream: BusStream, data: bytes) -> None:
    await stream.write(data)
    stream.close()
