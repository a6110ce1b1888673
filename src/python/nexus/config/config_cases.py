"""Small correct files for tests, and a way to change one thing in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.config.load import load_any
from nexus.config.settings import Setting
from nexus.config.world import World

NODE_A: Final = """\
[node]
id = "node-a"
mac = "52:54:00:12:34:0a"

[network]
address = "10.42.0.10/24"

[dsoftbus]
static_key = { test_seed = "node-a" }
port = 34567
announce = ["samgrd", "bundlemgrd"]

[[dsoftbus.peer]]
id = "node-b"
address = "10.42.0.11"
port = 34568
public_key = { test_seed = "node-b" }
dial = true

[[dsoftbus.allow]]
peer = "node-b"
service = "samgrd"
operations = ["resolve-status"]

[selftest]
mode = "client"
peer = "node-b"
"""

NODE_B: Final = """\
[node]
id = "node-b"
mac = "52:54:00:12:34:0b"

[network]
address = "10.42.0.11/24"
"""

NODE_B_START: Final = NODE_B.replace("[network]", 'start = ["logd", "netstackd"]\n[network]')

WORLD: Final = """\
seed = 7
forbid = ["kernel: panic"]

[link]
delay_us = 200
loss = "1/50"

[[machine]]
label = "A"
node = "node-a.toml"

[[machine]]
label = "B"
node = "node-b.toml"
image = "other"

[[expect]]
machine = "A"
phase = "launch"
marker = "init: ready"

[[expect]]
machine = "B"
phase = "session"
pattern = "dsoftbusd: cross-vm session ok .*"
"""


def write_world(
    folder: Path, *, world: str = WORLD, a: str = NODE_A, b: str = NODE_B_START
) -> Path:
    """Write a world and its two nodes; returns the world's path."""
    (folder / "node-a.toml").write_text(a)
    (folder / "node-b.toml").write_text(b)
    (folder / "world.toml").write_text(world)
    return folder / "world.toml"


def write_node(folder: Path, text: str) -> Path:
    """Write a node's file; returns its path."""
    path = folder / "node-a.toml"
    path.write_text(text)
    return path


def load_world(path: Path, settings: Sequence[Setting] = ()) -> World:
    """Read and check a world's file and those of its nodes."""
    world = load_any(path, settings)
    assert isinstance(world, World), f"{path} is a node's file"
    return world
