"""A node that serves packages on a thread of its own, and the file of another that may read them.

For tests of what starts its own node: `bus.toml` of `host-1` is what they are given.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nexus.dsoftbus.io.configuration import load_settings
from nexus.dsoftbus.io.keyfile import NodeKey, make_key, write_key
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.ports_support import free_udp_ports
from nexus.remotefs.package.backend import Backend
from nexus.remotefs.package.io.service import PackageService
from nexus.remotefs.package.replies import SERVICE
from nexus.wire.package_stream import STREAM

ALLOW = """
[rate]
burst = 65535
per_second = 65535

[[allow]]
peer = "host-1"
service = "packagefsd"
operations = ["stat", "open", "read", "close"]
"""


@dataclass
class Served:
    """The files, and what serves."""

    config: Path
    packages: PackageService
    stop: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(
    folder: Path, backend: Backend, *, has_streams: bool = True, allow: str = ALLOW
) -> Iterator[Served]:
    """Run node-b for as long as the block takes.

    Args:
        folder: Gets the files of both nodes.
        backend: What is served.
        has_streams: Whether ranges are read over streams; a guest has none.
        allow: What `b.toml` permits.
    """
    write_files(folder, allow)
    packages = PackageService(backend)
    served = Served(folder / "bus.toml", packages)
    started = threading.Event()
    streams = {STREAM: packages.read_stream} if has_streams else {}

    async def serve() -> None:
        node = Node(
            load_settings(folder / "b.toml"),
            {SERVICE: packages},
            streams=streams,
            session_ended=packages.session_ended,
        )
        async with node:
            started.set()
            await asyncio.to_thread(served.stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(10), "node-b did not start"
        yield served
    finally:
        served.stop.set()
        thread.join(10)


def write_files(folder: Path, allow: str = ALLOW) -> None:
    """Write the keys and the configuration of both nodes, `bus.toml` and `b.toml`."""
    host, node = make_key("host-1"), make_key("node-b")
    write_key(folder / "host.key", host)
    write_key(folder / "b.key", node)
    port_a, port_b = free_udp_ports()
    (folder / "bus.toml").write_text(_config("host.key", port_a, node, port_b))
    (folder / "b.toml").write_text(_config("b.key", port_b, host, port_a) + allow)


def _config(key_file: str, port: int, peer: NodeKey, peer_port: int) -> str:
    return f"""key_file = "{key_file}"
discovery_port = {port}
announce_interval_ms = 50

[[peer]]
id = "{peer.device_id}"
address = "127.0.0.1"
discovery_port = {peer_port}
public_key = "{peer.public.hex()}"
"""
