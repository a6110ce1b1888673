"""Announces of one node, with a clock turned by hand and a transport that keeps what is sent."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Any  # Any: a stand-in, or a value of a wrong type.

import pytest

from nexus.dsoftbus.io.discovery import PORTS_MAX, Discovery
from nexus.dsoftbus.io.hand_clock_fake import HandClock
from nexus.dsoftbus.io.node_scene import KEY_A, KEY_B, peer_of, settings_of
from nexus.dsoftbus.io.settings import Settings
from nexus.wire.announce import GROUP, Announce

MS = 1_000_000
OWN = settings_of(KEY_A, replace(peer_of(KEY_B), address="10.42.0.11", discovery_port=37020))


class Wire(asyncio.DatagramTransport):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.is_closed = False

    def sendto(self, data: Any, addr: Any = None) -> None:
        self.sent.append((data, addr))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def taken(self) -> list[tuple[str, int]]:
        """Return the addresses that something was sent to since the last call."""
        targets = [address for _, address in self.sent]
        self.sent.clear()
        return targets


class World:
    """A node that is `node-a` and knows `node-b`, which lives at 10.42.0.11."""

    def __init__(self, settings: Settings = OWN) -> None:
        self.clock = HandClock()
        self.wire = Wire()
        self.heard: list[str] = []
        self.discovery = Discovery(settings, self.heard.append, self.clock)
        self.discovery.connection_made(self.wire)

    def hear(self, announce: Announce, address: str = "10.42.0.11", port: int = 37020) -> None:
        self.discovery.datagram_received(announce.encode(), (address, port))


def announce_of(device_id: str = "node-b", key: bytes = KEY_B.public, port: int = 99) -> Announce:
    return Announce(device_id=device_id, public_key=key, port=port, services=())


OF_A = announce_of("node-a", KEY_A.public)


def test_announces_go_to_the_peer_on_a_schedule_that_does_not_drift() -> None:
    world = World()
    world.discovery.start(OF_A)
    assert world.wire.sent == [(OF_A.encode(), ("10.42.0.11", 37020))]
    world.wire.taken()
    world.clock.turn_to(19 * MS)
    assert world.wire.taken() == []
    world.clock.turn_to(60 * MS)
    assert len(world.wire.taken()) == 3
    # A timer that comes late does not move those after it.
    (due, late) = world.clock.waiting.pop()
    assert due == 80 * MS
    world.clock.at_ns = 85 * MS
    late()
    assert world.clock.waiting[0][0] == 100 * MS


def test_after_a_long_pause_there_is_one_announce_and_not_one_for_each_that_was_missed() -> None:
    world = World()
    world.discovery.start(OF_A)
    world.wire.taken()
    (_, late) = world.clock.waiting.pop()
    world.clock.at_ns = 1000 * MS
    late()
    assert len(world.wire.taken()) == 1
    assert world.clock.waiting[0][0] == 1000 * MS


def test_the_group_and_other_targets_are_told_too() -> None:
    world = World(replace(OWN, is_multicast=True, discovery_port=37020))
    world.discovery.add_target("10.42.0.12", 5)
    world.discovery.start(OF_A)
    assert world.wire.taken() == [("10.42.0.11", 37020), (GROUP, 37020), ("10.42.0.12", 5)]


def test_what_a_configured_peer_announces_is_known_until_it_is_too_old() -> None:
    world = World()
    world.hear(announce_of())
    assert world.heard == ["node-b"]
    entry = world.discovery.find("node-b")
    assert entry is not None
    assert entry.is_configured
    assert [each.device_id for each in world.discovery.entries()] == ["node-b"]
    assert world.discovery.addresses("node-b") == [("10.42.0.11", 99)]
    world.clock.turn_to(OWN.peer_ttl_ms * MS)
    assert world.discovery.find("node-b") is None
    assert world.discovery.entries() == []


def test_a_stranger_is_listed_and_nobody_is_told() -> None:
    world = World()
    world.hear(announce_of("node-x", bytes(range(32))), "10.42.0.99")
    assert world.heard == []
    entry = world.discovery.find("node-x")
    assert entry is not None
    assert not entry.is_configured


def test_another_key_our_own_name_and_nonsense_enter_nothing() -> None:
    world = World()
    world.hear(announce_of(key=bytes(range(32))))
    world.hear(OF_A)
    world.discovery.datagram_received(b"nonsense", ("10.42.0.11", 37020))
    assert (world.discovery.mismatch_count, world.discovery.malformed_count) == (1, 1)
    assert world.discovery.entries() == []
    assert world.heard == []
    assert world.discovery.addresses("node-b") == []


def test_another_port_of_the_peers_address_is_answered_while_it_is_heard_from_there() -> None:
    world = World()
    world.discovery.start(OF_A)
    world.wire.taken()
    world.hear(announce_of(), port=4000)
    assert world.wire.taken() == [("10.42.0.11", 4000)], "at once"
    world.hear(announce_of(), port=4000)
    assert world.wire.taken() == [], "only once"
    world.clock.turn_to(20 * MS)
    assert world.wire.taken() == [("10.42.0.11", 37020), ("10.42.0.11", 4000)]
    world.hear(announce_of(), port=37020)
    world.hear(announce_of(), address="10.42.0.99", port=4000)
    assert world.wire.taken() == [], "the usual port, and another address"
    silent = (20 + OWN.peer_ttl_ms) * MS
    world.clock.turn_to(silent)
    assert ("10.42.0.11", 4000) not in world.wire.taken()[-1:]


def test_before_it_announces_a_node_answers_nobody() -> None:
    world = World()
    world.hear(announce_of(), port=4000)
    assert world.wire.taken() == []
    world.discovery.start(OF_A)
    assert world.wire.taken() == [("10.42.0.11", 37020), ("10.42.0.11", 4000)]


def test_as_many_other_ports_as_there_is_room_for() -> None:
    world = World()
    world.discovery.start(OF_A)
    world.wire.taken()
    for port in range(4000, 4000 + PORTS_MAX + 1):
        world.hear(announce_of(), port=port)
    assert [port for _, port in world.wire.taken()] == list(range(4000, 4000 + PORTS_MAX))
    world.hear(announce_of(), port=4000)
    world.clock.turn_to(20 * MS)
    assert len(world.wire.taken()) == 1 + PORTS_MAX


def test_after_its_end_it_says_nothing_more() -> None:
    world = World()
    world.discovery.start(OF_A)
    world.wire.taken()
    world.discovery.close()
    assert world.wire.is_closed
    assert world.clock.waiting == []
    world.hear(announce_of(), port=4000)
    assert world.wire.taken() == []


def test_waiting_for_an_announce_waits_for_the_next_one() -> None:
    async def wait() -> None:
        world = World()
        world.hear(announce_of())
        waiting = asyncio.ensure_future(world.discovery.wait_heard("node-b"))
        await asyncio.sleep(0)
        assert not waiting.done(), "what was heard before does not count"
        world.hear(announce_of())
        await waiting

    asyncio.run(wait())


def test_multicast_leaves_by_the_nodes_interface_and_goes_no_further_than_the_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options: dict[int, object] = {}

    class Noting(socket.socket):
        def setsockopt(self, level: int, name: int, *value: Any) -> None:
            if level == socket.IPPROTO_IP:
                (options[name],) = value

    monkeypatch.setattr(socket, "socket", Noting)

    async def run() -> None:
        settings = replace(OWN, is_multicast=True)
        opened = Discovery(settings, lambda _: None, HandClock())
        assert await opened.open() > 0
        opened.close()

    asyncio.run(run())
    own, group = socket.inet_aton("127.0.0.1"), socket.inet_aton(GROUP)
    assert options == {
        socket.IP_ADD_MEMBERSHIP: group + own,
        socket.IP_MULTICAST_IF: own,
        socket.IP_MULTICAST_TTL: 1,
    }
