"""A Python node that uses the state and reads the log of a guest on QEMU, as a program of its own.

    python -m nexus.remotefs.state.io.guest_program_support RPC IMAGE FOLDER QEMU VERSION

RPC is what the guest says of `rpc`.  Prints what happened as JSON; exits with 77 where this system
gives no network namespace.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Final

from nexus.dsoftbus.io.guest_scene import (
    GUEST_DISCOVERY_PORT,
    HOST_PORT,
    guest_peer,
    host_secret,
    run_with_guest,
)
from nexus.dsoftbus.io.keyfile import NodeKey, write_key
from nexus.dsoftbus.io.log import read_log
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.peer import Peer
from nexus.dsoftbus.io.settings import Settings
from nexus.dsoftbus.log_reader import LogReader
from nexus.remotefs.state.acl import NAMESPACE
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.io.client import StateClient
from nexus.wire.gateway import Response

GUEST: Final = """
[[dsoftbus.allow]]
peer = "host-1"
service = "statefsd"
operations = ["put", "get", "delete", "list", "sync"]
[[dsoftbus.allow]]
peer = "host-1"
service = "logd"
operations = ["query"]
[selftest]
mode = "server"
[state]
disk_kib = 1024
"""

# In a frame and not; in one and several of a guest's pieces; the largest.
SIZES: Final = (128, 129, 504, 8193, 65_536)
KEY: Final = f"{NAMESPACE}interop"

# So long a guest needs at most for what was asked to be in its log.
_PAUSE_S: Final = 0.5


def main(arguments: list[str]) -> int:
    """Use the guest."""
    rpc, *guest = arguments
    disk = Path(guest[1]) / "state.img"
    disk.write_bytes(bytes(1024 * 1024))
    return run_with_guest(guest, GUEST, _meet, dials=False, rpc=rpc)


def value_of(size: int) -> bytes:
    """Bytes that tell where they are."""
    return bytes(index * 31 % 251 for index in range(size))


async def _meet(uart: Path) -> dict[str, object]:
    settings = Settings(
        device_id="host-1",
        secret=host_secret(),
        port=HOST_PORT,
        peers=(guest_peer(is_deduplicating=True),),
    )
    async with Node(settings) as node:
        peer = await node.connect("node-g", 50)
        state = StateClient(peer, 20)
        result = {
            "small": await _use_frames(state),
            "sizes": await _use_transfers(state),
            "refused": await _refused(state),
            "repeated": await _repeat(peer, state),
            "log": await _read_log(peer),
        }
    return {**result, "commands": await asyncio.to_thread(_use_commands, uart.parent)}


async def _use_frames(state: StateClient) -> list[str]:
    await state.put(f"{KEY}/a", b"1")
    await state.sync()
    found = [(await state.get(f"{KEY}/a")).decode(), *(await state.list(KEY)).keys]
    await state.delete(f"{KEY}/a")
    return [*found, await _status(state.get(f"{KEY}/a"))]


async def _use_transfers(state: StateClient) -> list[int]:
    """Put and get values of every size; return the sizes that came back as they went."""
    same = []
    for size in SIZES:
        await asyncio.sleep(_PAUSE_S)  # A guest permits so many calls a second.
        await state.put(KEY, value_of(size))
        if await state.get(KEY) == value_of(size):
            same.append(size)
    return same


async def _refused(state: StateClient) -> list[str]:
    return [
        await _status(state.put("/state/keystore/x", value_of(500))),
        await _status(state.put(f"{NAMESPACE}../x", value_of(500))),
        await _status(state.put(KEY, bytes(65_537))),
    ]


async def _repeat(peer: Peer, state: StateClient) -> list[str]:
    """Lose the answer of a put, change the key otherwise, and let the put be repeated."""
    lost = asyncio.Event()
    calls = peer._calls
    take = calls.answered

    def drop(response: Response) -> None:
        calls.answered = take  # type: ignore[method-assign]  # The one call to lose.
        lost.set()

    calls.answered = drop  # type: ignore[method-assign]  # The one call to lose.
    putting = asyncio.create_task(state.put(f"{KEY}/r", b"first"))
    await lost.wait()
    await state.put(f"{KEY}/r", b"second")
    assert peer.link is not None, "no session"
    peer.link.abort()
    await putting
    return [(await state.get(f"{KEY}/r")).decode()]


async def _read_log(peer: Peer) -> list[str]:
    reader = LogReader()
    await asyncio.sleep(_PAUSE_S)
    told = [
        f"{record.level.name} {record.message}"
        async for records in read_log(peer, reader)
        for record in records
    ]
    return [*told, f"dropped {reader.dropped} missed {reader.missed}"]


def _use_commands(folder: Path) -> list[object]:
    """Do it again with the commands, as a user does."""
    write_key(folder / "host.key", NodeKey("host-1", host_secret()))
    (folder / "value").write_bytes(value_of(10_000))
    (folder / "bus.toml").write_text(f"""key_file = "host.key"
port = {HOST_PORT}
[[peer]]
id = "node-g"
address = "127.0.0.1"
discovery_port = {GUEST_DISCOVERY_PORT}
public_key = "{guest_peer().public_key.hex()}"
""")

    def nexus(*words: str) -> bytes:
        command = [sys.executable, "-m", "nexus.cli.main", *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=40)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    nexus("state", "put", "node-g", f"{KEY}/c", "--file", "value")
    value = nexus("state", "get", "node-g", f"{KEY}/c")
    lines = nexus("log", "node-g", "--scope=dsoftbusd").decode().splitlines()
    return [value == value_of(10_000), lines]


async def _status(call: Awaitable[object]) -> str:
    try:
        await call
    except StateError as exc:
        return exc.status.name
    return "OK"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
