"""A link (`core.line`) on one machine: a relay of connections in a process of its own.

What comes in on one side goes out on the other when it is due: after the bytes before it, at the
link's speed, and after the link's delay, each way.  Opening a connection takes no time of the link,
since the relay itself answers; every question and its answer take two delays.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Final

from nexus.core.line import Line

CHUNK_BYTES: Final = 64 * 1024
# On the way at once, each way of a connection: more than the link holds in its delay.
CHUNKS_MAX: Final = 64


@contextlib.contextmanager
def linked(port: int) -> Iterator[int]:
    """Put a link before a port of this machine; gives the port to ask instead."""
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; from nexus.bench.link import relay; relay({port})"
    )
    # The relay ends with its standard input, and so with us.
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None, "it is a pipe"
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def relay(port: int) -> None:
    """Relay connections until the standard input ends; print the port first."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(port))


async def serve(port: int) -> None:
    """Serve until the standard input ends."""

    async def connect(near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        try:
            far, to_far = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            to_near.close()
            return
        try:
            await asyncio.gather(carry(near, to_far), carry(far, to_near))
        finally:
            to_near.close()
            to_far.close()

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes in one direction to their end, and say there that it is the end."""
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_MAX)

    async def take() -> None:
        line = Line()
        while True:
            try:
                chunk = await reader.read(CHUNK_BYTES)
            except ConnectionError:
                chunk = b""
            await waiting.put((line.due(len(chunk), time.monotonic()), chunk))
            if not chunk:
                return

    taking = asyncio.create_task(take())
    try:
        while True:
            due, chunk = await waiting.get()
            await asyncio.sleep(due - time.monotonic())
            if not chunk:
                writer.write_eof()
                return
            writer.write(chunk)
            await writer.drain()
    except OSError:
        # A side that is gone has nothing more to say in the other direction either.
        writer.close()
    finally:
        taking.cancel()
