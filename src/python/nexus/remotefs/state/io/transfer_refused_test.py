"""Values above a frame that a node refuses, and how: it does nothing, and the audit says why."""

from __future__ import annotations

import pytest

from nexus.dsoftbus.io.settings import (
    StreamResetError,
)
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.dsoftbus.policy import Rule
from nexus.dsoftbus.rate import Limit
from nexus.remotefs.state.acl import NAMESPACE
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.io.client import StateClient
from nexus.remotefs.state.io.node_scene import KEY, World
from nexus.remotefs.state.io.transfer_scene import ask, run
from nexus.remotefs.state.replies import SERVICE
from nexus.wire.state import Status
from nexus.wire.transfer import (
    HEAD_BYTES,
    STREAM,
    Head,
    Op,
    Reply,
    Request,
    Stage,
)


@pytest.mark.parametrize("size", [0, 65_537, 1 << 31])
def test_a_value_that_no_store_takes(size: int) -> None:
    async def scenario(world: World) -> None:
        reply = await ask(world, Head(Op.PUT, 0, len(KEY), size).encode() + KEY.encode())
        assert reply == Reply(Op.PUT, Status.VALUE_TOO_LARGE, Stage.DONE)
        assert world.told == [("node-a", "put", "reject oversized")]
        assert not any(world.device.content)

    run(scenario)


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
        # The head is enough where the key is too long.
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
