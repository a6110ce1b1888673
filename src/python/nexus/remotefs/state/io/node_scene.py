"""Three real nodes on loopback sockets for tests: B has a store in memory, A and C use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from nexus.dsoftbus.audit import Record
from nexus.dsoftbus.io.keyfile import make_key
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_scene import KEY_A, KEY_B, introduce, peer_of, settings_of
from nexus.dsoftbus.io.peer import Peer
from nexus.dsoftbus.policy import Rule
from nexus.dsoftbus.rate import Limit
from nexus.remotefs.state.acl import NAMESPACE, ChangeRecord
from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.io.service import LONGEST_S, SILENCE_S, StateService
from nexus.remotefs.state.replies import SERVICE
from nexus.remotefs.state.store import Store
from nexus.wire.transfer import STREAM

KEY_C = make_key("node-c")
CALLERS = (KEY_A, KEY_C)
KEY = f"{NAMESPACE}k"
RULES = tuple(Rule(key.device_id, SERVICE, op) for key in CALLERS for op in range(1, 11))
PLENTY = Limit(10_000, 10_000)


@dataclass
class World:
    """A and C call, B serves."""

    store: Store
    device: MemoryDevice
    changes: list[ChangeRecord] = field(default_factory=list)
    others: list[Record] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)
    # Called with each record of a change, while the change is being made.
    on_change: Callable[[ChangeRecord], None] = lambda _: None

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """The records of changes, except for the keys."""
        return [(record.peer, record.verb, record.ending) for record in self.changes]

    def changed(self, record: ChangeRecord) -> None:
        """Keep a record."""
        self.changes.append(record)
        self.on_change(record)


@asynccontextmanager
async def running(
    *,
    is_deduplicating: bool = True,
    rules: tuple[Rule, ...] = RULES,
    rate: Limit = PLENTY,
    silence_s: float = SILENCE_S,
    longest_s: float = LONGEST_S,
    sectors: int = 2048,
) -> AsyncIterator[World]:
    """Run three nodes; give A's and C's view of B."""
    device = MemoryDevice(bytes(512 * sectors))
    world = World(Store(device), device)
    service = StateService(world.store, world.changed, silence_s, longest_s)
    callers = (peer_of(key) for key in CALLERS)
    settings = replace(settings_of(KEY_B, *callers), rules=rules, rate=rate)
    sink = service.without_changes(world.others.append)
    streams = {STREAM: service.transfer}
    b = Node(settings, {SERVICE: service}, sink, streams, service.session_ended)
    view = peer_of(KEY_B, is_deduplicating=is_deduplicating)
    a, c = (Node(settings_of(key, view)) for key in CALLERS)
    async with asyncio.timeout(30), a, b, c:
        introduce(a, b)
        introduce(c, b)
        world.peers = [await node.connect("node-b") for node in (a, c)]
        yield world
