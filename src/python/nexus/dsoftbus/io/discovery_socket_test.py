"""The socket of announces: which port it has, what each failure says and leaves, and how long other
ports of a peer are answered."""

from __future__ import annotations

import asyncio
import errno
import socket
from dataclasses import replace
from typing import Any  # Any: arguments of the loop.

import pytest

from nexus.dsoftbus.io.discovery import PORTS_MAX, Discovery
from nexus.dsoftbus.io.discovery_test import OF_A, OWN, World, announce_of
from nexus.dsoftbus.io.hand_clock_fake import HandClock
from nexus.dsoftbus.io.node_scene import KEY_B, peer_of
from nexus.dsoftbus.io.settings import Settings
from nexus.dsoftbus.io.waiting_support import run

MS = 1_000_000


def discovery_of(settings: Settings) -> Discovery:
    return Discovery(settings, lambda _: None, HandClock())


def test_a_node_that_only_dials_takes_any_port_where_its_own_is_in_use() -> None:
    async def scenario() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            settings = replace(OWN, discovery_port=port)
            listening = discovery_of(settings)
            with pytest.raises(OSError, match="in use") as caught:
                await listening.open()
            assert caught.value.errno == errno.EADDRINUSE
            assert caught.value.strerror == (
                f"cannot announce from 127.0.0.1:{port} (UDP): Address already in use;"
                " is another program this node already?"
            )
            listening.close()
            dialling = discovery_of(replace(settings, is_listening=False))
            assert await dialling.open() not in (0, port)
            dialling.close()

    run(scenario)


@pytest.mark.parametrize("is_listening", [False, True])
def test_an_address_that_is_not_this_hosts_is_refused_whoever_asks(is_listening: bool) -> None:
    async def scenario() -> None:
        settings = replace(OWN, address="192.0.2.1", discovery_port=9, is_listening=is_listening)
        with pytest.raises(OSError, match=r"^\[Errno \d+\] cannot announce from 192\.0\.2\.1:9"):
            await discovery_of(settings).open()

    run(scenario)


def test_a_port_that_is_free_is_the_nodes_own_and_free_again_behind_its_end() -> None:
    async def scenario() -> None:
        for _ in range(2):
            first = discovery_of(OWN)
            port = await first.open()
            settings = replace(OWN, discovery_port=port)
            first.close()
            await asyncio.sleep(0)
            again = discovery_of(settings)
            assert await again.open() == port
            again.close()
            again.close()

    run(scenario)


def test_a_loop_that_refuses_the_socket_gets_it_ready_and_leaves_it_closed() -> None:
    async def scenario() -> None:
        seen: list[socket.socket] = []

        async def refuse(make: object, *, sock: socket.socket) -> None:
            seen.append(sock)
            assert (sock.getsockname()[0], sock.gettimeout()) == ("127.0.0.1", 0.0)
            raise RuntimeError("no room")

        loop = asyncio.get_running_loop()
        setattr(loop, "create_datagram_endpoint", refuse)  # noqa: B010 - it is the loop's own
        with pytest.raises(RuntimeError, match="no room"):
            await discovery_of(OWN).open()
        assert [sock.fileno() for sock in seen] == [-1]

    run(scenario)


def test_a_group_that_cannot_be_joined_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[socket.socket] = []

    class Refusing(socket.socket):
        def __init__(self, *what: Any) -> None:
            super().__init__(*what)
            made.append(self)

        def setsockopt(self, level: int, name: int, *value: Any) -> None:
            if name == socket.IP_ADD_MEMBERSHIP:
                raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(socket, "socket", Refusing)

    async def scenario() -> None:
        with pytest.raises(OSError, match="No such device"):
            await discovery_of(replace(OWN, is_multicast=True)).open()

    run(scenario)
    assert made[-1].fileno() == -1


def test_several_nodes_of_one_host_hear_one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    options: list[tuple[int, int, object]] = []

    class Noting(socket.socket):
        def setsockopt(self, level: int, name: int, *value: Any) -> None:
            if level == socket.SOL_SOCKET:
                options.append((name, bool(value[0]), self.getsockname()[1]))

    monkeypatch.setattr(socket, "socket", Noting)

    async def scenario() -> None:
        opened = discovery_of(replace(OWN, is_multicast=True))
        await opened.open()
        opened.close()

    run(scenario)
    assert options == [(socket.SO_REUSEADDR, True, 0)], "before it is bound"


def count_to(world: World, port: int) -> int:
    return sum(to == port for _, to in world.wire.taken())


def test_another_port_is_answered_for_as_long_as_an_announce_counts_and_no_longer() -> None:
    world = World()
    world.discovery.start(OF_A)
    world.hear(announce_of(), port=4000)
    world.wire.taken()
    ttl_ms = OWN.peer_ttl_ms
    world.clock.turn_to(ttl_ms * MS - 1)
    assert count_to(world, 4000) == ttl_ms // OWN.announce_ms - 1
    world.clock.turn_to(ttl_ms * MS)
    assert count_to(world, 4000) == 0
    world.hear(announce_of(), port=4000)
    assert count_to(world, 4000) == 1, "it is new again, and answered at once"


def test_each_peer_brings_room_for_four_other_ports() -> None:
    other = replace(peer_of(KEY_B), device_id="node-c", address="10.42.0.12", public_key=bytes(32))
    world = World(replace(OWN, peers=(*OWN.peers, other)))
    world.discovery.start(OF_A)
    world.wire.taken()
    for port in range(4000, 4000 + 3 * PORTS_MAX):
        world.hear(announce_of(), port=port)
    ports = [port for _, port in world.wire.taken()]
    assert ports == list(range(4000, 4000 + 2 * PORTS_MAX))


@pytest.mark.parametrize(("port", "known"), [(0, []), (99, [("10.42.0.11", 99)])])
def test_a_peer_that_only_dials_has_no_address(port: int, known: list[tuple[str, int]]) -> None:
    world = World()
    world.hear(announce_of(port=port))
    assert world.discovery.addresses("node-b") == known
    for address in known:
        world.discovery.fail("node-b", address)
        world.discovery.prove("node-b", address)
    assert world.discovery.addresses("node-b") == known


def test_without_a_socket_nothing_is_sent() -> None:
    clock = HandClock()
    discovery = Discovery(OWN, lambda _: None, clock)
    discovery.start(OF_A)
    assert [at_ns for at_ns, _ in clock.waiting] == [OWN.announce_ms * MS]
    discovery.close()
    assert clock.waiting == []
    discovery.error_received(ConnectionRefusedError())
