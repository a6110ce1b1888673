"""Values above a frame, between real nodes: B has a store in memory, A and C use it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any  # Any: a stand-in, or a value of a wrong type.

import pytest

from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_scene import KEY_A, KEY_B, introduce, peer_of, settings_of
from nexus.dsoftbus.io.settings import (
    DeadlineError,
    SessionLostError,
    StreamResetError,
    UnavailableError,
)
from nexus.dsoftbus.io.stream import BusStream
from nexus.dsoftbus.io.waiting_support import until
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.dsoftbus.policy import Rule
from nexus.dsoftbus.rate import Limit
from nexus.remotefs.state.acl import NAMESPACE
from nexus.remotefs.state.io.client import StateClient
from nexus.remotefs.state.io.node_scene import KEY, World, running
from nexus.remotefs.state.replies import SERVICE
from nexus.remotefs.state.store import StateError
from nexus.wire.state import Status
from nexus.wire.transfer import (
    HEAD_BYTES,
    PRIORITY,
    REPLY_BYTES,
    STREAM,
    Head,
    Op,
    Reply,
    Request,
    Stage,
    decode_reply,
)

SIZES = (1, 128, 129, 503, 504, 4096, 8193, 65_535, 65_536)


def value_of(size: int) -> bytes:
    """Bytes that tell where they are."""
    return bytes(index * 31 % 251 for index in range(size))


def run(scenario: Callable[[World], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        async with running(**options) as world:
            await scenario(world)

    asyncio.run(main())


def test_round_trip_of_every_size() -> None:
    async def scenario(world: World) -> None:
        a, c = (StateClient(peer) for peer in world.peers)
        for size in SIZES:
            await a.put(f"{KEY}{size}", value_of(size))
            assert await c.get(f"{KEY}{size}") == value_of(size)
            assert world.store.get(f"{KEY}{size}") == value_of(size)
        # One record a put, and none has a key or a value.
        assert world.told == [("node-a", "put", "allow")] * len(SIZES)
        assert len({change.key_hash for change in world.changes}) == len(SIZES)
        shown = " ".join(record.message for record in (*world.changes, *world.others))
        assert KEY not in shown
        # A get that was too large for a frame was two operations of the peer.
        assert sum("op=2" in record.message for record in world.others) == len(SIZES) + 5
        assert all("outcome=ok" in record.message for record in world.others)

    run(scenario)


@pytest.mark.parametrize("size", [0, 65_537, 1 << 31])
def test_a_value_that_no_store_takes(size: int) -> None:
    async def scenario(world: World) -> None:
        reply = await ask(world, Head(Op.PUT, 0, len(KEY), size).encode() + KEY.encode())
        assert reply == Reply(Op.PUT, Status.VALUE_TOO_LARGE, Stage.DONE)
        assert world.told == [("node-a", "put", "reject oversized")]
        assert not any(world.device.content)

    run(scenario)


async def ask(world: World, sent: bytes) -> Reply:
    """Send bytes, close, and read the one reply that must follow."""
    peer = world.peers[0]
    async with peer.turn(STREAM):
        stream = await peer.open_stream(STREAM, PRIORITY)
        await stream.write(sent)
        reply = decode_reply(await stream.read_exactly(REPLY_BYTES))
        assert await stream.read() == b""
        stream.close()
        await stream.over()
        return reply


@pytest.mark.parametrize(
    ("key", "status", "why"),
    [
        ("/state/keystore/x", Status.ACCESS_DENIED, "outside_acl"),
        (NAMESPACE, Status.ACCESS_DENIED, "outside_acl"),
        (f"{NAMESPACE}../keystore/x", Status.INVALID_KEY, "prefix_escape"),
        (f"{NAMESPACE}a\0", Status.INVALID_KEY, "prefix_escape"),
        ("", Status.MALFORMED, "bad_request"),
        (NAMESPACE + "k" * 83, Status.VALUE_TOO_LARGE, "oversized"),
        (NAMESPACE + "k" * 60_000, Status.VALUE_TOO_LARGE, "oversized"),
    ],
)
@pytest.mark.parametrize("op", list(Op))
def test_keys_that_are_refused_before_anything_is_done(
    op: Op, key: str, status: Status, why: str
) -> None:
    async def scenario(world: World) -> None:
        head = Head(op, 0, len(key.encode()), 129 if op is Op.PUT else 0)
        # Of a key that is too long the head is enough.
        sent = head.encode() + (key.encode() if len(key) < 97 else b"")
        assert await ask(world, sent) == Reply(op, status, Stage.DONE)
        expected = [("node-a", "put", f"reject {why}")] if op is Op.PUT else []
        assert world.told == expected
        assert not any(world.device.content)

    run(scenario)


def test_a_key_that_is_no_text() -> None:
    async def scenario(world: World) -> None:
        reply = await ask(world, Head(Op.PUT, 0, 2, 9).encode() + b"\xff\xff")
        assert reply.status is Status.MALFORMED
        assert world.told == [("node-a", "put", "reject bad_request")]

    run(scenario)


def test_what_the_client_is_told_of_a_key() -> None:
    async def scenario(world: World) -> None:
        state = StateClient(world.peers[0])
        for key, status in (
            ("/state/keystore/x", Status.ACCESS_DENIED),
            (f"{NAMESPACE}\udcff", Status.INVALID_KEY),
            (NAMESPACE + "k" * 83, Status.VALUE_TOO_LARGE),
        ):
            with pytest.raises(StateError) as caught:
                await state.put(key, bytes(129))
            assert caught.value.status is status
        assert not any(world.device.content)

    run(scenario)


@pytest.mark.parametrize(
    "rules", [(), (Rule("node-a", SERVICE, 2),), (Rule("node-a", SERVICE, 1),)]
)
def test_what_the_allowlist_does_not_have(rules: tuple[Rule, ...]) -> None:
    async def scenario(world: World) -> None:
        world.store.put(KEY, bytes(1000))
        before = bytes(world.device.content)
        permitted = {rule.opcode for rule in rules}
        for op in Op:
            if op.value in permitted:
                continue
            sent = Request(op, 0, KEY, 9 if op is Op.PUT else 0).encode()
            reply = await ask(world, sent)
            assert reply == Reply(op, Status.ACCESS_DENIED, Stage.DONE)
            assert world.others[-1].message == (
                "audit remote call outcome=denied-service peer=node-a service=statefsd"
                f" op={op.value}"
            )
        assert bytes(world.device.content) == before
        assert world.told == []

    run(scenario, rules=rules)


def test_a_transfer_costs_one_token() -> None:
    async def scenario(world: World) -> None:
        state = StateClient(world.peers[0])
        await state.put(KEY, bytes(60_000))
        with pytest.raises(StateError) as caught:
            await state.put(KEY, bytes(1000))
        assert caught.value.status is Status.ACCESS_DENIED
        assert "denied-rate" in world.others[-1].message
        assert world.told == [("node-a", "put", "allow")]
        assert world.store.get(KEY) == bytes(60_000)

    run(scenario, rate=Limit(1, 0))


@pytest.mark.parametrize(
    "sent",
    [
        b"XX" + Request(Op.PUT, 1, KEY, 129).encode()[2:],
        b"ST\x02" + Request(Op.PUT, 1, KEY, 129).encode()[3:],
        b"ST\x01\x03" + Request(Op.PUT, 1, KEY, 129).encode()[4:],
        Request(Op.GET, 1, KEY).encode()[:16] + b"\1\0\0\0" + KEY.encode(),
        Request(Op.PUT, 1, KEY, 129).encode()[:14] + b"\1\0" + bytes(4),
        *(Request(Op.PUT, 1, KEY, 129).encode()[:n] for n in range(HEAD_BYTES + len(KEY))),
    ],
)
def test_a_head_that_makes_no_sense_is_reset_and_recorded(sent: bytes) -> None:
    async def scenario(world: World) -> None:
        stream = await world.peers[0].open_stream(STREAM)
        if sent:
            await stream.write(sent)
        stream.close()
        with pytest.raises(StreamResetError) as caught:
            await stream.read()
        assert caught.value.reason == ResetReason.NONSENSE.value
        assert [record.message for record in world.others] == [
            "audit remote call outcome=denied-malformed peer=node-a service=statefsd op=-"
        ]
        assert world.told == []
        assert not any(world.device.content)

    run(scenario)


async def begin_put(world: World, size: int, identity: int = 0) -> BusStream:
    stream = await world.peers[0].open_stream(STREAM, PRIORITY)
    await stream.write(Request(Op.PUT, identity, KEY, size).encode())
    reply = decode_reply(await stream.read_exactly(REPLY_BYTES))
    assert reply == Reply(Op.PUT, Status.OK, Stage.GO_AHEAD)
    return stream


@pytest.mark.parametrize("kind", ["reset", "early close", "a byte too many", "lost", "silence"])
@pytest.mark.parametrize("count", [0, 1, 8192, 9999])
def test_a_put_that_does_not_end_changes_nothing_and_leaves_its_number_free(
    kind: str, count: int
) -> None:
    size, identity = 10_000, (7 << 32) + 5

    async def scenario(world: World) -> None:
        world.store.put(KEY, b"before")
        stream = await begin_put(world, size, identity)
        await stream.write(value_of(size)[:count])
        if kind == "reset":
            stream.reset()
        elif kind == "early close":
            stream.close()
        elif kind == "a byte too many":
            await stream.write(value_of(size + 1)[count:])
        elif kind == "lost":
            assert world.peers[0].link is not None
            world.peers[0].link.abort()
        expected = {"early close": 2, "a byte too many": 2, "silence": 0}
        if kind in expected:
            with pytest.raises(StreamResetError) as caught:
                await stream.read()
            assert caught.value.reason == expected[kind]
        elif kind == "lost":
            with pytest.raises(SessionLostError):
                await stream.read()
        await until(lambda: bool(world.changes))
        assert world.told == [("node-a", "put", "reject status")]
        assert world.store.get(KEY) == b"before"
        assert world.store.open_transactions == ()
        # The same call again, and it is made.
        again = await begin_put(world, size, identity)
        await again.write(value_of(size))
        again.close()
        reply = decode_reply(await again.read_exactly(REPLY_BYTES))
        assert reply == Reply(Op.PUT, Status.OK, Stage.DONE, size)
        assert world.store.get(KEY) == value_of(size)

    run(scenario, silence_s=0.2 if kind == "silence" else 5.0)


def test_a_put_that_drips_is_given_up() -> None:
    async def scenario(world: World) -> None:
        stream = await begin_put(world, 10_000)
        with pytest.raises(StreamResetError) as caught:
            await drip(stream)
        assert caught.value.reason == ResetReason.UNWANTED.value
        assert world.told == [("node-a", "put", "reject status")]
        assert world.store.get(KEY) is None

    run(scenario, longest_s=0.2)


async def drip(stream: BusStream) -> None:
    while True:
        await stream.write(b"x")
        await asyncio.sleep(0.01)


def test_a_transfer_in_single_bytes_is_whole() -> None:
    async def scenario(world: World) -> None:
        stream = await world.peers[0].open_stream(STREAM, PRIORITY)
        for byte in Request(Op.PUT, 0, KEY, 200).encode():
            await stream.write(bytes([byte]))
            await asyncio.sleep(0)
        assert decode_reply(await stream.read_exactly(REPLY_BYTES)).stage is Stage.GO_AHEAD
        for byte in value_of(200):
            await stream.write(bytes([byte]))
            await asyncio.sleep(0)
        assert world.changes == []
        stream.close()
        assert decode_reply(await stream.read_exactly(REPLY_BYTES)).value_bytes == 200
        assert world.store.get(KEY) == value_of(200)

    run(scenario)


@pytest.mark.parametrize("is_deduplicating", [True, False])
def test_a_put_whose_answer_is_lost_is_made_once(is_deduplicating: bool) -> None:
    async def scenario(world: World) -> None:
        a, c = (StateClient(peer, timeout_s=10) for peer in world.peers)
        link = world.peers[0].link
        assert link is not None
        made = asyncio.Event()

        def lose(_: object) -> None:
            if not made.is_set():
                made.set()
                link.abort()  # The answer is written and never read.

        world.on_change = lose
        putting = asyncio.create_task(a.put(KEY, value_of(60_000)))
        await made.wait()
        await c.put(KEY, value_of(500))  # Another peer, before the repetition.
        if is_deduplicating:
            await putting
        else:
            with pytest.raises(UnavailableError, match="may have been made or not"):
                await putting
        assert world.store.get(KEY) == value_of(500)
        assert world.told == [("node-a", "put", "allow"), ("node-c", "put", "allow")]

    run(scenario, is_deduplicating=is_deduplicating)


def test_a_refusal_is_remembered_too() -> None:
    identity, key = (7 << 32) + 5, "/state/keystore/x"

    async def scenario(world: World) -> None:
        for _ in range(3):
            reply = await ask(world, Request(Op.PUT, identity, key, 129).encode())
            assert reply.status is Status.ACCESS_DENIED
        assert len(world.changes) == 1
        # Under this number nothing else can be asked.
        reply = await ask(world, Request(Op.PUT, identity, KEY, 129).encode())
        assert reply == Reply(Op.PUT, Status.IO_ERROR, Stage.DONE)
        assert len(world.changes) == 1

    run(scenario)


def test_a_number_that_is_forgotten_has_no_effect() -> None:
    epoch = 7 << 32

    async def scenario(world: World) -> None:
        for number in range(1, 258):
            await ask(world, Request(Op.PUT, epoch + number, "/x", 129).encode())
        world.changes.clear()
        reply = await ask(world, Request(Op.PUT, epoch + 1, "/x", 129).encode())
        assert reply == Reply(Op.PUT, Status.IO_ERROR, Stage.DONE)
        assert world.changes == []

    run(scenario)


def test_transfers_of_one_caller_follow_each_other() -> None:
    async def scenario(world: World) -> None:
        a, c = (StateClient(peer, timeout_s=20) for peer in world.peers)
        puts = [
            state.put(f"{KEY}{number}", value_of(2000 + number))
            for number in range(16)
            for state in (a, c)
        ]
        await asyncio.gather(*puts)
        gets = [a.get(f"{KEY}{number}") for number in range(16)]
        assert await asyncio.gather(*gets) == [value_of(2000 + number) for number in range(16)]

    run(scenario)


def test_a_store_that_refuses_says_so() -> None:
    async def scenario(world: World) -> None:
        state = StateClient(world.peers[0])
        await state.put(f"{KEY}1", value_of(20_000))
        with pytest.raises(StateError) as caught:
            await state.put(f"{KEY}2", value_of(20_000))
        assert caught.value.status is Status.IO_ERROR
        assert world.told[-1] == ("node-a", "put", "reject status")
        assert world.store.get(f"{KEY}2") is None
        await state.put(f"{KEY}1", value_of(5000))

    run(scenario, sectors=64)


def test_what_is_not_there() -> None:
    async def scenario(world: World) -> None:
        reply = await ask(world, Request(Op.GET, 0, KEY).encode())
        assert reply == Reply(Op.GET, Status.NOT_FOUND, Stage.DONE)
        assert [record.message for record in world.others] == [
            "audit remote call outcome=ok peer=node-a service=statefsd op=2"
        ]

    run(scenario)


# The client against peers that are scripted.

Serve = Callable[[BusStream], Awaitable[None]]


def with_peer(
    serve: Serve | None, use: Callable[[StateClient], Awaitable[None]], **of_b: Any
) -> None:
    """Let a client use a node that serves this stream handler."""

    async def main() -> None:
        view = peer_of(KEY_B, is_deduplicating=True)
        settings = settings_of(KEY_B, peer_of(KEY_A))
        b = Node(replace(settings, **of_b), streams={STREAM: serve} if serve else {})
        a = Node(settings_of(KEY_A, view))
        async with asyncio.timeout(20), a, b:
            introduce(a, b)
            await use(StateClient(await a.connect("node-b"), timeout_s=1.0))

    asyncio.run(main())


def answering(*pieces: bytes) -> Serve:
    """Read a head, then say this."""

    async def serve(stream: BusStream) -> None:
        await stream.read()
        for piece in pieces:
            await stream.write(piece)

    return serve


OK_PUT = Reply(Op.PUT, Status.OK, Stage.DONE, 129).encode()
GO_AHEAD = Reply(Op.PUT, Status.OK, Stage.GO_AHEAD).encode()


@pytest.mark.parametrize(
    "serve",
    [
        answering(),
        answering(OK_PUT[:-1]),
        answering(Reply(Op.PUT, Status.OK, Stage.DONE, 128).encode()),
        answering(Reply(Op.GET, Status.OK, Stage.DONE, 129).encode()),
        answering(GO_AHEAD),
        answering(GO_AHEAD, GO_AHEAD),
        answering(b"\xff" * 12),
    ],
)
def test_an_answer_to_a_put_that_makes_no_sense(serve: Serve) -> None:
    async def use(state: StateClient) -> None:
        with pytest.raises(StateError, match="cannot be read") as caught:
            await state.put(KEY, bytes(129))
        assert caught.value.status is Status.IO_ERROR

    with_peer(serve, use)


def test_a_peer_that_knows_no_transfers_or_no_streams() -> None:
    async def use(state: StateClient) -> None:
        with pytest.raises(StateError, match="up to 128 bytes") as caught:
            await state.put(KEY, bytes(129))
        assert caught.value.status is Status.UNSUPPORTED

    with_peer(None, use)
    with_peer(None, use, streams=None)


def test_a_peer_that_says_nothing() -> None:
    async def serve(stream: BusStream) -> None:
        await asyncio.Event().wait()

    async def use(state: StateClient) -> None:
        for _ in range(2):  # The stream of the first one is out of the way.
            with pytest.raises(DeadlineError, match="within 1 s"):
                await state.put(KEY, bytes(129))

    with_peer(serve, use)


def test_a_node_that_is_closed_is_not_asked_for_ever() -> None:
    async def main() -> None:
        a = Node(settings_of(KEY_A, peer_of(KEY_B, is_deduplicating=True)))
        async with asyncio.timeout(20):
            async with a:
                state = StateClient(a.peers["node-b"], timeout_s=5.0)
            with pytest.raises(UnavailableError, match="closed"):
                await state.put(KEY, bytes(129))

    asyncio.run(main())
