"""Two nodes' files in a folder, and one of them serving as a process of its own, for tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nexus.dsoftbus.io.keyfile import NodeKey, make_key, write_key
from nexus.dsoftbus.io.ports_support import free_udp_ports

ALLOW = """
[[allow]]
peer = "host-1"
service = "samgrd"
operations = ["resolve-status"]

[[allow]]
peer = "host-1"
service = "bundlemgrd"
operations = ["list"]
"""


@dataclass
class Files:
    """`host-1` in bus.toml calls; `node-b` in b.toml serves."""

    folder: Path
    host: NodeKey
    node: NodeKey


def set_encoding(path: Path, word: str) -> None:
    """Say in a written configuration how its node calls."""
    path.write_text(f'rpc = "{word}"\n{path.read_text()}')


def write_files(folder: Path, allow: str = ALLOW) -> Files:
    """Write both configurations, with ports that were free a moment ago."""
    files = Files(folder, make_key("host-1"), make_key("node-b"))
    write_key(folder / "host.key", files.host)
    write_key(folder / "b.key", files.node)
    port_a, port_b = free_udp_ports()
    (folder / "bus.toml").write_text(_config("host.key", port_a, files.node, port_b))
    (folder / "b.toml").write_text(_config("b.key", port_b, files.host, port_a) + allow)
    return files


@contextmanager
def serving(folder: Path, *command: str, is_killed: bool = False) -> Iterator[list[str]]:
    """Run `nexus COMMAND` as node-b for as long as the block takes, and end it as people do.

    The lines that it printed are in the list afterwards.  With `is_killed` it ends as a program
    does that crashes (SIGKILL).
    """
    said: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-m", "nexus.cli.main", *command, "--config", "b.toml"],
        cwd=folder,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert "listen" in first
            yield said
            process.send_signal(signal.SIGKILL if is_killed else signal.SIGTERM)
            output, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, errors) == (-signal.SIGKILL if is_killed else 0, "")
    said += [first.rstrip("\n"), *output.splitlines()]


def _config(key_file: str, port: int, peer: NodeKey, peer_port: int) -> str:
    return f"""key_file = "{key_file}"
discovery_port = {port}
announce = ["samgrd", "bundlemgrd"]
announce_interval_ms = 50

[[peer]]
id = "{peer.device_id}"
address = "127.0.0.1"
discovery_port = {peer_port}
public_key = "{peer.public.hex()}"
"""
