"""Measures of DSoftBus, and of echoes over plain TCP, with which its calls are compared.

Every function here does its work once and returns how long it took (or how much it held).
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from nexus.contract.gateway import Service
from nexus.dsoftbus.io.keyfile import NodeKey, make_key
from nexus.dsoftbus.io.link import Link
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.peer import Peer
from nexus.dsoftbus.io.settings import PeerSettings, Settings
from nexus.dsoftbus.io.stream import BusStream, StreamHandler
from nexus.dsoftbus.policy import Rule
from nexus.dsoftbus.rate import Limit
from nexus.dsoftbus.session import Session
from nexus.dsoftbus.session_events import Identity
from nexus.wire import rpc, samgr

BULK_BYTES: Final = 16 * 1024 * 1024
PIECE_BYTES: Final = 16 * 1024
HANDSHAKES: Final = 60
CALLS: Final = 4000
IN_FLIGHT: Final = 100
SESSIONS: Final = 1000

KEY_A: Final = make_key("bench-a")
KEY_B: Final = make_key("bench-b")
RESOLVE: Final = samgr.Request(samgr.Op.RESOLVE_STATUS, "bundlemgrd").encode()
RESOLVE_OK: Final = samgr.SlotReply(samgr.Op.RESOLVE_STATUS, samgr.Status.OK).encode()

# The bytes of our call on the wire inside its session; the echo carries as many.
ECHO_BYTES: Final = 18 + len(RESOLVE)


def stream_bulk() -> float:
    """Send the bulk through one stream between two nodes over loopback."""
    return asyncio.run(_stream_bulk())


def session_handshakes() -> float:
    """Run sessions to ready on both ends, in memory: handshake, ids, the first frame."""
    begun_s = time.process_time()
    for _ in range(HANDSHAKES):
        a = Session.dial(_identity(KEY_A), KEY_B.public, 0)
        b = Session.accept(_identity(KEY_B), 0)
        b.receive(a.take_output(), 0)
        a.receive(b.take_output(), 0)
        a.admit(0)
        b.receive(a.take_output(), 0)
        b.admit(0)
        a.receive(b.take_output(), 0)
    return time.process_time() - begun_s


def calls() -> float:
    """Call a handler across loopback, a hundred in flight."""
    return asyncio.run(_calls())


def calls_by_messages() -> float:
    """Call a method across loopback as messages of the schema, a hundred in flight."""
    return asyncio.run(_typed_calls(rpc.Mode.MESSAGES))


def calls_by_frames() -> float:
    """Call the same method as frames of its service."""
    return asyncio.run(_typed_calls(rpc.Mode.FRAMES))


def echoes() -> float:
    """Echo messages of the same size over plain TCP, a hundred in flight."""
    return asyncio.run(_echoes())


def idle_sessions() -> float:
    """Return how many bytes of this process one end of an idle session takes."""
    return asyncio.run(_idle_sessions())


async def _stream_bulk() -> float:
    done = asyncio.Event()

    async def drain(stream: BusStream) -> None:
        count = 0
        while data := await stream.read():
            count += len(data)
        assert count == BULK_BYTES, f"{count} bytes"
        done.set()

    a, b = _nodes({"bulk": drain})
    async with a, b:
        peer = await _meet(a, b)
        stream, piece = await peer.open_stream("bulk"), os.urandom(PIECE_BYTES)
        begun_s = time.process_time()
        for _ in range(BULK_BYTES // PIECE_BYTES):
            await stream.write(piece)
        stream.close()
        await done.wait()
        return time.process_time() - begun_s


async def _calls() -> float:
    a, b = _nodes({})
    async with a, b:
        peer = await _meet(a, b)

        async def work() -> None:
            for _ in range(CALLS // IN_FLIGHT):
                await peer.call(Service.SAMGRD, RESOLVE)

        begun_s = time.process_time()
        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        return time.process_time() - begun_s


async def _typed_calls(mode: rpc.Mode) -> float:
    a, b = _nodes({}, rpc_mode=mode)
    async with a, b:
        peer = await _meet(a, b)

        async def work() -> None:
            for _ in range(CALLS // IN_FLIGHT):
                await peer.samgr.resolve_status("bundlemgrd")

        begun_s = time.process_time()
        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        return time.process_time() - begun_s


async def _echoes() -> float:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(2)
                writer.write(head + await reader.readexactly(int.from_bytes(head, "big")))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    waiting: deque[asyncio.Future[bytes]] = deque()

    async def receive() -> None:
        for _ in range(CALLS):
            head = await reader.readexactly(2)
            waiting.popleft().set_result(await reader.readexactly(int.from_bytes(head, "big")))

    async def work() -> None:
        message = ECHO_BYTES.to_bytes(2, "big") + os.urandom(ECHO_BYTES)
        for _ in range(CALLS // IN_FLIGHT):
            future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            waiting.append(future)
            writer.write(message)
            await writer.drain()
            await future

    begun_s = time.process_time()
    await asyncio.gather(receive(), *(work() for _ in range(IN_FLIGHT)))
    took_s = time.process_time() - begun_s
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    return took_s


async def _idle_sessions() -> float:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    a, b = _nodes({}, sessions_max=SESSIONS + 2)
    async with a, b:
        await _meet(a, b)
        loop = asyncio.get_running_loop()
        gc.collect()
        before = _resident_bytes()
        for _ in range(SESSIONS):
            link = a.links.dial(KEY_B.public)
            await loop.create_connection(partial(_same, link), "127.0.0.1", b.port)
            await link.settled.wait()
        assert b.session_count == a.session_count == SESSIONS + 1, f"{b.session_count}"
        gc.collect()
        held = _resident_bytes() - before
        return held / (2 * SESSIONS)


def _same(link: Link) -> Link:
    return link


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _nodes(
    streams: Mapping[str, StreamHandler],
    sessions_max: int = 4,
    rpc_mode: rpc.Mode = rpc.Mode.FRAMES,
) -> tuple[Node, Node]:
    ours = replace(settings_of(KEY_A, KEY_B), rpc_mode=rpc_mode)
    a = Node(ours, sessions_per_peer_max=sessions_max)
    b = Node(
        replace(settings_of(KEY_B, KEY_A), rpc_mode=rpc_mode),
        {1: lambda call: RESOLVE_OK},
        streams=streams,
        sessions_per_peer_max=sessions_max,
    )
    return a, b


async def _meet(a: Node, b: Node) -> Peer:
    a.discovery.add_target("127.0.0.1", b.discovery_port)
    b.discovery.add_target("127.0.0.1", a.discovery_port)
    peer = await a.connect("bench-b", 30)
    await peer.ping()
    return peer


def settings_of(key: NodeKey, other: NodeKey, port: int | None = None) -> Settings:
    """Return the settings of a node that knows another one, perhaps at a port of its own."""
    peer = PeerSettings(
        device_id=other.device_id,
        public_key=other.public,
        address="127.0.0.1",
        discovery_port=9,
        port=port,
    )
    return Settings(
        device_id=key.device_id,
        secret=key.secret,
        discovery_port=0,
        announce_ms=100,
        peer_ttl_ms=60_000,
        peers=(peer,),
        rules=(Rule(other.device_id, Service.SAMGRD, samgr.Op.RESOLVE_STATUS),),
        rate=Limit(60_000, 60_000),
    )


def _identity(key: NodeKey) -> Identity:
    return Identity(
        device_id=key.device_id, static_secret=key.secret, ephemeral_secret=os.urandom(32)
    )
