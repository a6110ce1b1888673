"""Real multicast between two nodes, in a network namespace of its own.

The host's network is never used: the nodes run in a child process that has entered a new user and
network namespace, where there is nothing but its loopback.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, ctypes, fcntl, os, socket, struct, sys

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER | CLONE_NEWNET):
    sys.exit(77)

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP, IFF_MULTICAST = 0x8913, 0x8914, 1, 0x1000
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    flags = struct.pack("16sh14x", b"lo", IFF_UP | IFF_MULTICAST)
    fcntl.ioctl(sock, SIOCSIFFLAGS, flags)

from dataclasses import replace
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_scene import HANDLERS, KEY_A, KEY_B, peer_of, settings_of

def with_group(settings):
    return replace(settings, is_multicast=True, discovery_port=37020)

async def main():
    a = Node(with_group(settings_of(KEY_A, peer_of(KEY_B))))
    b = Node(with_group(settings_of(KEY_B, peer_of(KEY_A))), HANDLERS)
    async with asyncio.timeout(8), a, b:
        peer = await a.connect("node-b")
        print("resolved", await peer.resolve("bundlemgrd"))

asyncio.run(main())
"""

# The child's exit code when this system gives an ordinary user no namespaces.
NO_NAMESPACE = 77


def run_in_namespace() -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    child = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=30
    )
    if child.returncode == NO_NAMESPACE:
        pytest.skip("this system gives no network namespace")
    return child


def test_nodes_find_each_other_by_the_group_alone() -> None:
    child = run_in_namespace()
    assert child.returncode == 0, child.stderr
    assert child.stdout == "resolved True\n"
