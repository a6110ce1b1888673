"""Two real nodes on loopback sockets, for tests: ports chosen by the system, no multicast."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from nexus.dsoftbus.io.keyfile import NodeKey, make_key
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.settings import Handler, PeerSettings, Settings
from nexus.dsoftbus.io.stream import StreamHandler
from nexus.dsoftbus.policy import Rule
from nexus.dsoftbus.rate import Limit
from nexus.wire import bundle, samgr

KEY_A = make_key("node-a")
KEY_B = make_key("node-b")
RULES = (Rule("node-a", 1, 6), Rule("node-a", 2, 1), Rule("node-a", 4, 1), Rule("node-a", 4, 2))
RESOLVE_OK = samgr.SlotReply(samgr.Op.RESOLVE_STATUS, samgr.Status.OK).encode()
RESOLVE = samgr.Request(samgr.Op.RESOLVE_STATUS, "bundlemgrd").encode()
LIST_ONE = bundle.ListReply(bundle.Status.OK, 1).encode()

HANDLERS: Mapping[int, Handler] = {1: lambda call: RESOLVE_OK, 2: lambda call: LIST_ONE}


@dataclass
class TwoNodes:
    """A calls, B serves."""

    a: Node
    b: Node


def settings_of(key: NodeKey, *peers: PeerSettings) -> Settings:
    """One node on loopback, announcing fast: tests wait for nothing else."""
    return Settings(
        device_id=key.device_id,
        secret=key.secret,
        discovery_port=0,
        announce_ms=20,
        peers=peers,
        rules=RULES,
        rate=Limit(10_000, 10_000),
        grace_ms=500,
    )


def peer_of(key: NodeKey, *, is_deduplicating: bool = False) -> PeerSettings:
    """A peer on loopback; the port it listens on for announces is added later."""
    return PeerSettings(
        device_id=key.device_id,
        public_key=key.public,
        address="127.0.0.1",
        discovery_port=9,  # The discard port: nothing is there.
        is_deduplicating=is_deduplicating,
    )


def introduce(*nodes: Node) -> None:
    """Let each node announce to each other one."""
    for node in nodes:
        for other in nodes:
            if other is not node:
                node.discovery.add_target("127.0.0.1", other.discovery_port)


@asynccontextmanager
async def two_nodes(
    handlers: Mapping[int, Handler] = HANDLERS,
    *,
    settings_a: Settings | None = None,
    settings_b: Settings | None = None,
    session_ended: Callable[[int], None] | None = None,
    streams: Mapping[str, StreamHandler] | None = None,
    sessions_max: int = 4,
) -> AsyncIterator[TwoNodes]:
    """Run both; they know each other."""
    a = Node(settings_a or settings_of(KEY_A, peer_of(KEY_B)), HANDLERS)
    b = Node(
        settings_b or settings_of(KEY_B, peer_of(KEY_A)),
        handlers,
        session_ended=session_ended,
        streams=streams,
        sessions_per_peer_max=sessions_max,
    )
    async with a, b:
        introduce(a, b)
        yield TwoNodes(a, b)


def with_rate(settings: Settings, limit: Limit) -> Settings:
    """The same node with another rate."""
    return replace(settings, rate=limit)
