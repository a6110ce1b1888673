"""Two nodes over a line in memory: A calls, B serves."""

from __future__ import annotations

from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_scene import HANDLERS, KEY_A, KEY_B, peer_of, settings_of
from nexus.dsoftbus.io.stream import BusStream
from nexus.dsoftbus.io.virtual_fake import Line

A = settings_of(KEY_A, peer_of(KEY_B))
B = settings_of(KEY_B, peer_of(KEY_A))


async def swallow(stream: BusStream) -> None:
    async for _ in stream:
        pass


def nodes() -> tuple[Node, Node]:
    """A calls, B serves."""
    streams = {"bulk": swallow, **{f"bulk{n}": swallow for n in range(8)}}
    return Node(A), Node(B, HANDLERS, streams=streams)


async def ready_line(a: Node, b: Node) -> Line:
    line = Line(a, b)
    await line.settle()
    assert line.dialled.peer == "node-b"
    assert line.accepted.peer == "node-a"
    return line
