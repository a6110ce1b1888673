"""Every attack of testprojects/attacker, against a Python node over a real socket.

After each, the same things must hold: the attacker achieved nothing, the local audit has the
reason, the attacker was told at most "refused", and the honest session still works.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from nexus.dsoftbus.audit import AuditRecord, Outcome
from nexus.dsoftbus.half_open import HALF_OPEN_MAX
from nexus.dsoftbus.io.attacker_fake import Attacker
from nexus.dsoftbus.io.keyfile import NodeKey, make_key
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_scene import (
    HANDLERS,
    KEY_A,
    KEY_B,
    RESOLVE,
    introduce,
    peer_of,
    settings_of,
)
from nexus.dsoftbus.io.settings import Call
from nexus.dsoftbus.io.waiting_support import until
from nexus.dsoftbus.policy import Rule
from nexus.dsoftbus.rate import Limit
from nexus.wire import mux as wire
from nexus.wire import samgr
from nexus.wire.announce import Announce
from nexus.wire.gateway import Request, Response, Status, Type, decode_frame
from nexus.wire.stream import frame_message

KEY_C = make_key("node-c")
STRANGER = make_key("node-x")
REGISTER = samgr.Request(samgr.Op.REGISTER, "evil", 1, 2).encode()


@dataclass
class Victim:
    """B, the honest peer A with a session, and what reached B's services for others."""

    b: Node
    a: Node
    reached: list[Call]
    attackers: list[Attacker] = field(default_factory=list)

    async def attacked(self) -> Attacker:
        """Connect to B from outside; the connection is closed with the run."""
        attacker = await Attacker.connect(self.b.port)
        self.attackers.append(attacker)
        return attacker

    def outcomes(self) -> list[tuple[str, str | None]]:
        """List outcome and peer of each of B's audit records, except those about A."""
        return [
            (record.outcome.value, record.peer)
            for record in self.b.audit_log
            if isinstance(record, AuditRecord) and record.peer != "node-a"
        ]

    def announce(self, key: NodeKey, device_id: str) -> None:
        """Announce to B in any name, in a datagram of its own."""
        datagram = Announce(device_id, 1, key.public).encode()
        self.datagram(datagram)

    def datagram(self, datagram: bytes) -> None:
        """Send B any datagram."""
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.sendto(datagram, ("127.0.0.1", self.b.discovery_port))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the loop run until something holds."""
        await until(condition)

    async def enrol(self) -> Attacker:
        """C is a peer like A, with a session of its own; what it does with it is another thing."""
        self.announce(KEY_C, "node-c")
        await self.until(lambda: self.b.discovery.find("node-c") is not None)
        attacker = await self.attacked()
        await attacker.shake_hands(KEY_C, "node-c", KEY_B.public)
        assert attacker.is_ready
        return attacker


def run(scenario: Callable[[Victim], Awaitable[None]]) -> None:
    reached: list[Call] = []

    def registry(call: Call) -> bytes | None:
        reply = HANDLERS[1](call)
        if call.peer != "node-a":
            reached.append(call)
        assert isinstance(reply, bytes)
        return reply

    async def main() -> None:
        settings_b = replace(
            settings_of(KEY_B, peer_of(KEY_A), peer_of(KEY_C)),
            rules=(Rule("node-a", 1, 6), Rule("node-c", 1, 6)),
            rate=Limit(8, 1),
        )
        b = Node(settings_b, {1: registry})
        a = Node(settings_of(KEY_A, peer_of(KEY_B)))
        async with asyncio.timeout(20), b, a:
            introduce(a, b)
            peer = await a.connect("node-b")
            assert await peer.resolve("x")
            honest = peer.link
            victim = Victim(b, a, reached)
            try:
                await scenario(victim)
            finally:
                for attacker in victim.attackers:
                    attacker.writer.close()
            # The honest session is the one it was, and works.
            assert peer.link is honest
            assert await peer.resolve("x")

    asyncio.run(main())


def test_forged_announces_do_not_displace_the_real_one() -> None:
    async def scenario(victim: Victim) -> None:
        for _ in range(3):
            victim.announce(STRANGER, "node-a")
        victim.datagram(b"NXSB\1\0")
        victim.datagram(b"")
        await victim.until(lambda: victim.b.discovery.malformed_count == 2)
        assert victim.b.discovery.mismatch_count == 3
        entry = victim.b.discovery.find("node-a")
        assert entry is not None
        assert entry.public_key == KEY_A.public

    run(scenario)


def test_a_flood_of_invented_names_does_not_push_out_a_peer() -> None:
    async def scenario(victim: Victim) -> None:
        for number in range(100):
            victim.announce(STRANGER, f"x{number}")
        await victim.until(lambda: victim.b.discovery.find("x99") is not None)
        assert len(victim.b.live()) <= 16
        assert victim.b.discovery.find("node-a") is not None

    run(scenario)


@pytest.mark.parametrize(
    ("key", "claims", "audited"),
    [
        (STRANGER, "node-x", "node-x"),
        (STRANGER, "node-a", "node-a"),
        (KEY_C, "node-a", "node-a"),
    ],
    ids=["unknown key", "another's name", "an enrolled key under another's name"],
)
def test_an_identity_that_does_not_bind(key: NodeKey, claims: str, audited: str) -> None:
    async def scenario(victim: Victim) -> None:
        before = len(victim.b.audit_log)
        attacker = await victim.attacked()
        await attacker.shake_hands(key, claims, KEY_B.public)
        assert not attacker.is_ready
        new = list(victim.b.audit_log)[before:]
        assert [(r.outcome, r.peer) for r in new if isinstance(r, AuditRecord)] == [
            (Outcome.UNAUTHENTICATED, audited)
        ]
        assert victim.b.session_count == 1

    run(scenario)


def test_an_enrolled_key_that_was_never_announced_waits_in_vain() -> None:
    async def scenario(victim: Victim) -> None:
        attacker = await victim.attacked()
        await attacker.shake_hands(KEY_C, "node-c", KEY_B.public)  # Until B's deadline of 2 s.
        assert not attacker.is_ready
        assert victim.outcomes() == [("denied-unauthenticated", "node-c")]

    run(scenario)


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        frame_message(Request(1, 1, 1000, RESOLVE).encode()),
        frame_message(wire.Settings(1, 512, 1).encode()),
        frame_message(bytes(48)),
        b"\xff\xff",
        b"\x00\x00",
    ],
    ids=["http", "request", "settings", "no point", "oversized", "empty"],
)
def test_garbage_and_data_before_authentication(first: bytes) -> None:
    async def scenario(victim: Victim) -> None:
        attacker = await victim.attacked()
        await attacker.send(first)
        said = await attacker.closed()
        # All zeros is the form of a first message, but of no key that gives a secret.
        assert said == b""
        assert victim.outcomes() == [("denied-unauthenticated", None)]
        assert victim.reached == []

    run(scenario)


def test_data_in_the_middle_of_the_handshake() -> None:
    async def scenario(victim: Victim) -> None:
        attacker = await victim.attacked()
        shaking = asyncio.create_task(
            attacker.shake_hands(KEY_C, "node-c", KEY_B.public, admits=False)
        )
        await until(lambda: attacker.session is not None and attacker.session.peer_id is not None)
        await attacker.send(frame_message(Request(1, 1, 1000, RESOLVE).encode()))
        await shaking
        assert victim.outcomes() == [("denied-unauthenticated", None)]
        assert victim.reached == []

    run(scenario)


def test_a_replayed_message_ends_the_session() -> None:
    async def scenario(victim: Victim) -> None:
        attacker = await victim.enrol()
        assert attacker.session is not None
        await attacker.say_settings()
        attacker.session.send_plaintext(wire.Open(1, 0, "gateway").encode())
        message = attacker.session.take_output()
        await attacker.send(message)
        await attacker.send(message)
        await attacker.closed()
        assert victim.outcomes() == [("denied-decrypt", "node-c")]

    run(scenario)


def test_a_message_over_the_limit_is_not_awaited() -> None:
    async def scenario(victim: Victim) -> None:
        victim.b.links.frame_bytes_max = 1024  # As a node with less memory states.
        attacker = await victim.enrol()
        await attacker.send((1041).to_bytes(2, "big"))
        await attacker.closed()
        assert victim.outcomes() == [("denied-oversized", "node-c")]

    run(scenario)


REFUSED: list[tuple[str, bytes, str]] = [
    ("oversized request", Request(1, 7, 1, RESOLVE.ljust(256, b"x")).encode(), "oversized"),
    ("malformed request", b"\x01\x01\x00\x00" + bytes(14), "malformed"),
    ("service off the allowlist", Request(2, 7, 1000, b"BN\1\1").encode(), "service"),
    ("unknown service", Request(200, 7, 1000, RESOLVE).encode(), "service"),
    ("operation off the allowlist", Request(1, 7, 1000, REGISTER).encode(), "service"),
    ("another protocol inside", Request(1, 7, 1000, b"SF\1\6\1x").encode(), "service"),
]


@pytest.mark.parametrize("on_stream", [False, True], ids=["bare", "stream"])
@pytest.mark.parametrize(("frame", "reason"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_an_enrolled_peer_is_refused(frame: bytes, reason: str, on_stream: bool) -> None:
    too_long = frame[:2] + (257).to_bytes(2, "little") + frame[4:] + b"x"
    frame = too_long if reason == "oversized" else frame

    async def scenario(victim: Victim) -> None:
        attacker = await victim.enrol()
        if on_stream:
            await attacker.say_settings()
            await attacker.frame(wire.Open(1, 0, "gateway").encode())
            await attacker.frame(wire.Data(1, frame).encode())
            answer = (await attacker.next_frame(wire.Type.DATA))[wire.DATA_HEAD_BYTES :]
        else:
            await attacker.frame(frame)
            answer = await attacker.next_frame(Type.RESPONSE)
        response = decode_frame(answer)
        assert isinstance(response, Response)
        # One word, and nothing that tells one reason from another.
        assert (response.status, response.payload) == (Status.REFUSED, b"")
        assert victim.outcomes() == [(f"denied-{reason}", "node-c")]
        assert victim.reached == []

    run(scenario)


def test_a_flood_of_calls_costs_only_its_maker() -> None:
    async def scenario(victim: Victim) -> None:
        attacker = await victim.enrol()
        for number in range(40):
            await attacker.frame(Request(1, number, 1000, RESOLVE).encode())
        await victim.until(lambda: len(victim.outcomes()) == 40)
        outcomes = [outcome for outcome, _ in victim.outcomes()]
        assert outcomes[:8] == ["ok"] * 8
        assert outcomes.count("denied-rate") >= 30

    run(scenario)


def test_a_flood_of_silent_connections_leaves_room_for_a_peer() -> None:
    async def scenario(victim: Victim) -> None:
        crowd = [await victim.attacked() for _ in range(HALF_OPEN_MAX + 20)]
        for silent in crowd[:20]:  # The oldest made room.
            assert await silent.closed() == b""
        # On a slow machine some are given up for their age before others need their room.
        counters = victim.b.counters
        assert counters.connections_evicted + counters.connections_timed_out >= 20
        attacker = await victim.enrol()
        assert attacker.is_ready

    run(scenario)
