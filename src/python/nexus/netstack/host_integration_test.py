"""Hosts with the guests' stack on one switch: data both ways, loss, repetition, refusals.

Needs the shared library, which Pants puts beside the test (see BUILD).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Final

import pytest

from nexus.core.randomness import KeyedRandom, Ratio
from nexus.netstack.host import UNSENT_BYTES_MAX, ByteStream, StackHost
from nexus.netstack.library import Library, NetworkStackError, WouldBlockError
from nexus.netstack.stack import Failure, Interface, Peer, State
from nexus.simulation.link import Fault, LinkOptions
from nexus.simulation.world import World

LIBRARY: Final = Path("src.guest.lib.net_host/library.so")
GROUP: Final = IPv4Address("239.42.0.1")
STEP_NS: Final = 1_000_000
PATIENCE_NS: Final = 60_000_000_000
WORDS: Final = bytes(range(256)) * 256

GOOD: Final = LinkOptions()
BAD: Final = LinkOptions(
    jitter_ns=2_000_000,
    loss=Ratio(1, 10),
    duplicate=Ratio(1, 20),
    corrupt=Ratio(1, 20),
)


def interface(last: int) -> Interface:
    return Interface(
        mac=bytes((0x52, 0x54, 0, 0x12, 0x34, last)),
        address=IPv4Interface(f"10.42.0.{last}/24"),
        secret=bytes([last]) * 16,
        group=GROUP,
    )


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(LIBRARY)


class Echo:
    """Sends back all that comes, and closes when the peer does."""

    def __init__(self, library: Library) -> None:
        self.host = StackHost(library, interface(11), 100_000_000)
        self.host.on_frame = self.work
        self._listener = self.host.stack.listen(7)
        self._stream: ByteStream | None = None

    def work(self) -> None:
        if self._stream is None:
            try:
                self._stream = ByteStream(self._listener.accept())
            except WouldBlockError:
                return
        if not self._stream.is_ended:
            self._stream.send(self._stream.receive())


class Asker:
    """Says the words, and keeps what comes back."""

    def __init__(self, library: Library) -> None:
        self.host = StackHost(library, interface(10), 100_000_000)
        self.host.on_frame = self.work
        peer = Peer(IPv4Address("10.42.0.11"), 7)
        self.stream = ByteStream(self.host.stack.connect(peer, 0))
        self.stream.send(WORDS)
        self.heard = b""

    def work(self) -> None:
        self.heard += self.stream.receive()


def run_to(world: World, end_ns: int) -> None:
    while world.now_ns < end_ns:
        world.step(world.now_ns + STEP_NS)


def exchange(library: Library, options: LinkOptions, step_ns: int = STEP_NS) -> tuple[World, Asker]:
    asker, echo = Asker(library), Echo(library)
    world = World({"A": asker.host, "B": echo.host}, options, KeyedRandom(3))
    while len(asker.heard) < len(WORDS):
        assert world.now_ns < PATIENCE_NS, f"heard {len(asker.heard)} bytes"
        world.step(world.now_ns + step_ns)
    return world, asker


def test_what_is_said_comes_back(library: Library) -> None:
    world, asker = exchange(library, GOOD)
    assert asker.heard == WORDS
    assert asker.stream.connection.status().retransmissions == 0
    assert not world.faults


def test_a_bad_wire_changes_no_byte(library: Library) -> None:
    world, asker = exchange(library, BAD)
    assert asker.heard == WORDS
    assert {event.fault for event in world.faults} == {Fault.LOSS, Fault.DUPLICATE, Fault.CORRUPT}
    assert asker.stream.connection.status().retransmissions > 0


@pytest.mark.parametrize("options", [GOOD, BAD])
def test_the_same_run_has_the_same_frames(library: Library, options: LinkOptions) -> None:
    first, _ = exchange(library, options)
    again, _ = exchange(library, options)
    assert again.now_ns == first.now_ns
    assert again.trace.digest() == first.trace.digest()


def test_how_the_world_slices_time_changes_nothing(library: Library) -> None:
    worlds = [exchange(library, BAD, step_ns)[0] for step_ns in (STEP_NS, 70_010)]
    end_ns = min(world.now_ns for world in worlds)
    first, again = (
        sorted(line for line in world.trace.text().splitlines() if int(line.split()[0]) < end_ns)
        for world in worlds
    )
    assert len(first) > 100
    assert again == first


def test_a_port_without_a_listener_refuses(library: Library) -> None:
    asker = Asker(library)
    other = StackHost(library, interface(11), 100_000_000)
    world = World({"A": asker.host, "B": other}, GOOD, KeyedRandom(3))
    with pytest.raises(NetworkStackError, match="tcp_read: the connection failed"):
        run_to(world, PATIENCE_NS)
    status = asker.stream.connection.status()
    assert (status.state, status.failure) == (State.CLOSED, Failure.REFUSED)


def test_datagrams_to_the_group(library: Library) -> None:
    hosts = [StackHost(library, interface(last), 100_000_000) for last in (10, 11)]
    sender, receiver = (host.stack.bind(37_020) for host in hosts)
    sender.send(Peer(GROUP, 37_020), b"here")
    hosts[0].touch()
    world = World(dict(zip("AB", hosts, strict=True)), GOOD, KeyedRandom(3))
    run_to(world, 10 * STEP_NS)
    assert receiver.receive() == (Peer(IPv4Address("10.42.0.10"), 37_020), b"here")
    with pytest.raises(WouldBlockError):
        receiver.receive()


def test_what_the_stack_refuses(library: Library) -> None:
    stack = StackHost(library, interface(10), 100_000_000).stack
    socket = stack.bind(7)
    with pytest.raises(NetworkStackError, match="udp_bind: the port is taken"):
        stack.bind(7)
    with pytest.raises(NetworkStackError, match="udp_send: larger than a datagram"):
        socket.send(Peer(IPv4Address("10.42.0.11"), 7), bytes(1473))
    with pytest.raises(NetworkStackError, match="udp_send: no way to that address"):
        socket.send(Peer(IPv4Address("8.8.8.8"), 7), b"")
    with pytest.raises(NetworkStackError, match="tcp_connect: no address"):
        stack.connect(Peer(IPv4Address("127.0.0.1"), 7), 0)
    with pytest.raises(ValueError, match=r"port: 65536 is not in 0\.\.65535"):
        stack.bind(1 << 16)
    socket.close()
    with pytest.raises(NetworkStackError, match="udp_receive: no such socket"):
        socket.receive()
    stack.bind(7).close()
    listeners = [stack.listen(port) for port in range(1, 9)]
    with pytest.raises(NetworkStackError, match="all sockets are in use"):
        stack.listen(9)
    listeners[0].close()
    stack.listen(9)


def test_what_waits_is_bounded(library: Library) -> None:
    asker = Asker(library)
    with pytest.raises(NetworkStackError, match=f"over {UNSENT_BYTES_MAX} bytes"):
        asker.stream.send(bytes(UNSENT_BYTES_MAX))


def test_no_library_and_no_interface(library: Library, tmp_path: Path) -> None:
    with pytest.raises(NetworkStackError, match=r"nowhere\.so"):
        Library(tmp_path / "nowhere.so")
    (tmp_path / "text.so").write_text("no library")
    with pytest.raises(NetworkStackError, match=r"text\.so"):
        Library(tmp_path / "text.so")
    loopback = Interface(
        mac=bytes(6), address=IPv4Interface("127.0.0.1/8"), secret=bytes(16), group=GROUP
    )
    with pytest.raises(NetworkStackError, match="init: an argument"):
        StackHost(library, loopback, 10)
    with pytest.raises(ValueError, match="secret: 4 bytes; expected 16"):
        Interface(mac=bytes(6), address=IPv4Interface("10.0.0.1/8"), secret=bytes(4))
