"""Attempts of one peer to take from another: addresses, records, places, tokens."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace

import pytest

from nexus.dsoftbus.audit import (
    AddressRecord,
    AuditRecord,
    DenialsRecord,
    Outcome,
    Record,
    StrangersRecord,
)
from nexus.dsoftbus.audit_desk import DENIALS
from nexus.dsoftbus.half_open import HALF_OPEN_MAX
from nexus.dsoftbus.io.dialler import ATTEMPT_S, BACKOFF_MAX_S
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_scene import (
    HANDLERS,
    KEY_A,
    KEY_B,
    peer_of,
    settings_of,
    two_nodes,
    with_rate,
)
from nexus.dsoftbus.io.settings import Call, PeerSettings
from nexus.dsoftbus.io.virtual_fake import Line, announce, run_virtual
from nexus.dsoftbus.io.waiting_support import until
from nexus.dsoftbus.rate import Limit
from nexus.dsoftbus.session_timers import HANDSHAKE_NS, LOST_NS
from nexus.wire.announce import Announce

PUT = b"SF\1\1key=value"
DONE = b"SF\1\x81\0"
ELSEWHERE = "127.0.0.66"

# A round through a trusted address and one other, and the pause behind it.
BOUND_S = 2 * (ATTEMPT_S + HANDSHAKE_NS / 1e9) + BACKOFF_MAX_S


@asynccontextmanager
async def silent_listener(address: str) -> AsyncIterator[tuple[int, list[object]]]:
    """Accept everything and say nothing; give the port, and the connections that came."""
    came: list[object] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer.get_extra_info("peername"))
        with closing(writer), suppress(ConnectionError):
            await reader.read()

    server = await asyncio.start_server(hold, address, 0)
    try:
        yield server.sockets[0].getsockname()[1], came
    finally:
        server.close()


async def be_refused(port: int) -> None:
    """Connect, say what is not a handshake, and see the connection closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with closing(writer):
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.read() == b""


async def spoof(target: int, address: str, ports: list[int]) -> None:
    """Say every 5 ms that node-b is at an address, under its own key."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        number = 0
        while True:
            port = ports[number % len(ports)]
            datagram = Announce("node-b", port, KEY_B.public).encode()
            sock.sendto(datagram, ("127.0.0.1", target))
            number += 1
            await asyncio.sleep(0.005)


async def connect_beside(spoofed_address: str, ports: list[int], peer: PeerSettings) -> Node:
    """Let a spoofer begin, then an honest node; return A after it has its session."""
    settings_b = settings_of(KEY_B, peer_of(KEY_A))
    if peer.port is not None:
        settings_b = replace(settings_b, port=peer.port)
    a = Node(settings_of(KEY_A, peer))
    b = Node(settings_b, HANDLERS)
    async with asyncio.timeout(30), a:
        spoofing = asyncio.create_task(spoof(a.discovery_port, spoofed_address, ports))
        connecting = asyncio.create_task(a.connect("node-b", 25))
        await until(lambda: a.discovery.find("node-b") is not None)  # As the spoofer has it.
        async with b:
            a.discovery.add_target("127.0.0.1", b.discovery_port)
            b.discovery.add_target("127.0.0.1", a.discovery_port)
            loop = asyncio.get_running_loop()
            begun_s = loop.time()
            honest = await connecting
            assert await honest.resolve("x")
            assert loop.time() - begun_s < BOUND_S
            spoofing.cancel()
    return a


def test_announces_from_elsewhere_do_not_keep_two_nodes_apart() -> None:
    async def main() -> None:
        async with silent_listener(ELSEWHERE) as (port, came):
            a = await connect_beside(ELSEWHERE, [port], peer_of(KEY_B))
            assert came  # It was tried, and recorded.
            assert AddressRecord("node-b", ELSEWHERE, port) in list(a.audit_log)

    asyncio.run(main())


def test_announces_in_the_name_of_the_configured_address_neither() -> None:
    async def main() -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        async with silent_listener("127.0.0.1") as (false_port, _):
            peer = replace(peer_of(KEY_B), port=port)
            await connect_beside("127.0.0.1", [false_port, 1, 2, 3, 4, 5], peer)

    asyncio.run(main())


def test_a_session_is_neither_moved_nor_kept_by_announces() -> None:
    async def main() -> None:
        a, b = Node(settings_of(KEY_A, peer_of(KEY_B))), Node(settings_of(KEY_B, peer_of(KEY_A)))
        line = Line(a, b)
        await line.settle()
        for _ in range(100):
            announce(b, a, address=ELSEWHERE)
            announce(b, a)
            line.carry()
            await asyncio.sleep(0.01)
        assert a.peers["node-b"].link is line.dialled
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        while a.peers["node-b"].is_ready:  # The line is dead; its announces are replayed.
            announce(b, a)
            await asyncio.sleep(0.01)
        assert loop.time() - begun_s < LOST_NS / 1e9 + 0.05
        assert a.discovery.find("node-b") is not None

    run_virtual(main())


def test_strangers_push_out_no_record_and_are_summarised() -> None:
    told: list[Record] = []

    async def main() -> None:
        settings_a = settings_of(KEY_A, peer_of(KEY_B))
        async with (
            asyncio.timeout(60),
            two_nodes({4: lambda call: DONE}, settings_a=settings_a) as nodes,
        ):
            nodes.b._trail._sink = told.append
            peer = await nodes.a.connect("node-b")
            await peer.call(4, PUT)
            for _ in range(200):
                await be_refused(nodes.b.port)
            assert AuditRecord(Outcome.OK, "node-a", 4, 1) in list(nodes.b.audit_log)

    asyncio.run(main())
    refused = sum(record.refused for record in told if isinstance(record, StrangersRecord))
    single = [r for r in told if isinstance(r, AuditRecord) and r.peer is None]
    assert refused + len(single) == 200
    assert len(told) < 30


def test_an_honest_peer_gets_in_while_three_hundred_sockets_loop() -> None:
    async def loop_for_ever(port: int) -> None:
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                with closing(writer):
                    await reader.read()
            await asyncio.sleep(0.05)

    async def main() -> None:
        settings_b = settings_of(KEY_B, peer_of(KEY_A))
        async with asyncio.timeout(60), two_nodes(settings_b=settings_b) as nodes:
            loops = [asyncio.create_task(loop_for_ever(nodes.b.port)) for _ in range(300)]
            await until(lambda: nodes.b.counters.connections_evicted >= 300)
            peer = await nodes.a.connect("node-b", BOUND_S)
            assert await peer.resolve("x")
            assert nodes.b.counters.connections_evicted > HALF_OPEN_MAX
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            # Connections are accepted in their order: behind this one none is half made, and each
            # can be closed.
            await be_refused(nodes.b.port)
            nodes.b._trail.close()
            (summary,) = [r for r in nodes.b.audit_log if isinstance(r, StrangersRecord)]
            assert summary.source == "127.0.0.1"
            assert summary.evicted >= 300

    asyncio.run(main())


@pytest.mark.parametrize("frame", [b"", b"\x01" * 700, b"SM"], ids=["empty", "long", "short"])
def test_frames_that_are_none_cost_tokens_and_few_records(frame: bytes) -> None:
    async def main() -> None:
        settings_b = with_rate(settings_of(KEY_B, peer_of(KEY_A)), Limit(8, 1))
        a = Node(settings_of(KEY_A, peer_of(KEY_B)))
        b = Node(replace(settings_b, streams=None), HANDLERS)
        line = Line(a, b)
        await line.settle()
        for _ in range(500):
            line.dialled.session.send_plaintext(frame)
            line.near.write(line.dialled.session.take_output())
            line.near.deliver(1 << 30)
            await asyncio.sleep(0)
        b._trail.close()
        outcomes = [r.outcome for r in b.audit_log if isinstance(r, AuditRecord)]
        assert outcomes == [Outcome.MALFORMED] * DENIALS.burst
        (rest,) = [r.count for r in b.audit_log if isinstance(r, DenialsRecord)]
        assert rest + DENIALS.burst > 490
        resolving = asyncio.ensure_future(a.peers["node-b"].resolve("x"))
        await line.settle()
        with pytest.raises(PermissionError):  # Its allowance is used up.
            await resolving

    run_virtual(main())


@pytest.mark.parametrize("when", ["while it runs", "after it answered"])
def test_a_change_that_is_asked_for_again_has_one_record(when: str) -> None:
    async def main() -> None:
        made: list[bytes] = []
        gate = asyncio.Event()

        async def put(call: Call) -> bytes:
            made.append(call.payload)
            if when == "while it runs":
                await gate.wait()
            return DONE

        a = Node(settings_of(KEY_A, peer_of(KEY_B, is_deduplicating=True)))
        b = Node(settings_of(KEY_B, peer_of(KEY_A)), {4: put})
        line = Line(a, b)
        await line.settle()
        calling = asyncio.ensure_future(a.peers["node-b"].call(4, PUT))
        while not made:
            line.near.deliver(1 << 30)
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        line.dialled.abort()  # Nothing of B's was delivered.
        await asyncio.sleep(0.01)
        again = Line(a, b)
        for _ in range(5):
            await again.settle()
            gate.set()
            await asyncio.sleep(0.01)
        assert await calling == DONE
        assert made == [PUT]
        assert list(b.audit_log) == [AuditRecord(Outcome.OK, "node-a", 4, 1)]

    run_virtual(main())
