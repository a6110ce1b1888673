"""The wait of an urgent call beside saturating streams, on a line slower than the processor.

The line is a proxy in this process: it takes so many bytes a second each way, from sockets whose
receive buffers are small, as a slow network would.
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from typing import Final

from nexus.bench.dsoftbus_measure import KEY_A, KEY_B, RESOLVE, RESOLVE_OK, settings_of
from nexus.contract.gateway import Service
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.peer import Peer
from nexus.dsoftbus.io.stream import BusStream

RATE: Final = 5_000_000
CALLS: Final = 200
STREAMS: Final = 8
_STEP_S: Final = 0.002
_BUFFER_BYTES: Final = 16_384


def urgent_call_ms() -> float:
    """Return the 99th percentile of a call's wait in ms, over that of the same line when idle."""
    return asyncio.run(_measure())


async def _measure() -> float:
    streams = {f"bulk{number}": _drain for number in range(STREAMS)}
    b = Node(settings_of(KEY_B, KEY_A), {1: lambda call: RESOLVE_OK}, streams=streams)
    listener = _listen()
    async with b:
        a = Node(settings_of(KEY_A, KEY_B, port=listener.getsockname()[1]))
        serving = asyncio.create_task(_serve(listener, b.port))
        try:
            async with a:
                a.discovery.add_target("127.0.0.1", b.discovery_port)
                b.discovery.add_target("127.0.0.1", a.discovery_port)
                return await _compare(await a.connect(KEY_B.device_id, 30))
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            listener.close()


async def _compare(peer: Peer) -> float:
    idle_s = await _percentile(peer)
    streams = [await peer.open_stream(f"bulk{number}", number) for number in range(STREAMS)]
    blasting = [asyncio.create_task(_blast(stream)) for stream in streams]
    await asyncio.sleep(1)
    busy_s = await _percentile(peer)
    for task in blasting:
        task.cancel()
    await asyncio.gather(*blasting, return_exceptions=True)
    return (busy_s - idle_s) * 1000


async def _percentile(peer: Peer) -> float:
    waits = []
    for _ in range(CALLS):
        begun_s = time.monotonic()
        await peer.call(Service.SAMGRD, RESOLVE, 60)
        waits.append(time.monotonic() - begun_s)
    return sorted(waits)[CALLS * 99 // 100]


async def _drain(stream: BusStream) -> None:
    async for _ in stream:
        pass


async def _blast(stream: BusStream) -> None:
    while True:
        await stream.write(bytes(65_536))


def _listen() -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    return listener


async def _serve(listener: socket.socket, port: int) -> None:
    loop = asyncio.get_running_loop()
    near, _ = await loop.sock_accept(listener)
    far = socket.socket()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    with near, far:
        for sock in (near, far):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(far, ("127.0.0.1", port))
        await asyncio.gather(_carry(near, far), _carry(far, near))


async def _carry(source: socket.socket, target: socket.socket) -> None:
    """Carry bytes at the line's rate; what was not used of it is lost."""
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    with suppress(OSError):
        while data := await loop.sock_recv(source, int(RATE * _STEP_S)):
            due_s = max(due_s, loop.time()) + len(data) / RATE
            await asyncio.sleep(due_s - loop.time())
            await loop.sock_sendall(target, data)
