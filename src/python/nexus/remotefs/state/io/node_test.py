"""Real nodes on loopback sockets: B has a store in memory, A and C use it."""

from __future__ import annotations

import asyncio

import pytest

from nexus.dsoftbus.audit import Record
from nexus.dsoftbus.io.node_scene import KEY_B, peer_of
from nexus.dsoftbus.io.peer import Peer
from nexus.dsoftbus.io.settings import RefusedError, UnavailableError
from nexus.dsoftbus.policy import Rule
from nexus.remotefs.state.acl import NAMESPACE
from nexus.remotefs.state.block import DeviceError, MemoryDevice
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.io.client import Listing, StateClient
from nexus.remotefs.state.io.node_scene import KEY, running
from nexus.remotefs.state.replies import SERVICE
from nexus.remotefs.state.store import Store
from nexus.wire.gateway import Response
from nexus.wire.state import Op, Request, Status, decode_reply


def test_a_value_is_set_read_and_removed() -> None:
    async def run() -> None:
        async with running() as world:
            state = StateClient(world.peers[0])
            assert await state.list() == Listing((), is_complete=True)
            await state.put(KEY, b"1")
            await state.put(f"{KEY}2", bytes(range(128)))
            assert await state.get(KEY) == b"1"
            assert await StateClient(world.peers[1]).get(f"{KEY}2") == bytes(range(128))
            assert await state.list() == Listing((KEY, f"{KEY}2"), is_complete=True)
            assert await state.list(limit=1) == Listing((KEY,), is_complete=False)
            assert await state.list(f"{KEY}2") == Listing((f"{KEY}2",), is_complete=True)
            await state.sync()
            assert Store(MemoryDevice(bytes(world.device.content))).get(KEY) == b"1"
            await state.delete(KEY)
            with pytest.raises(StateError, match="there is no such key"):
                await state.get(KEY)
            assert world.told == [
                ("node-a", "put", "allow"),
                ("node-a", "put", "allow"),
                ("node-a", "delete", "allow"),
            ]
            shown = " ".join(record.message for record in (*world.changes, *world.others))
            assert KEY not in shown
            # A call that changes nothing has the gateway's record; a change has no second one.
            assert [opcode_of(record) for record in world.others] == [4, 2, 2, 4, 4, 4, 5, 2]

    asyncio.run(run())


def opcode_of(record: Record) -> int | None:
    """The operation of the gateway's record."""
    opcode: int | None = getattr(record, "opcode", None)
    return opcode


@pytest.mark.parametrize(
    ("key", "status", "recorded"),
    [
        ("/state/keystore/x", Status.ACCESS_DENIED, ["outside_acl"]),
        ("/state/sharedx", Status.ACCESS_DENIED, ["outside_acl"]),
        ("x", Status.ACCESS_DENIED, ["outside_acl"]),
        (NAMESPACE, Status.ACCESS_DENIED, ["outside_acl"]),
        (f"{NAMESPACE}../keystore/x", Status.INVALID_KEY, ["prefix_escape"]),
        (f"{NAMESPACE}a/..", Status.INVALID_KEY, ["prefix_escape"]),
        (f"{NAMESPACE}a\\b", Status.INVALID_KEY, ["prefix_escape"]),
        (f"{NAMESPACE}a\0", Status.INVALID_KEY, ["prefix_escape"]),
        ("", Status.MALFORMED, ["bad_request"]),
        (NAMESPACE + "k" * 83, Status.VALUE_TOO_LARGE, ["oversized"]),
        # No frame can hold these: the client refuses them, and the peer hears nothing.
        (f"{NAMESPACE}\udcff", Status.INVALID_KEY, []),
        (NAMESPACE + "k" * 241, Status.VALUE_TOO_LARGE, []),
        (NAMESPACE + "k" * 300, Status.VALUE_TOO_LARGE, []),
    ],
)
def test_keys_that_are_refused_change_nothing(
    key: str, status: Status, recorded: list[str]
) -> None:
    async def run() -> None:
        async with running() as world:
            state = StateClient(world.peers[0])
            for call in (state.get(key), state.put(key, b"v"), state.delete(key)):
                with pytest.raises(StateError) as caught:
                    await call
                assert caught.value.status is status
                assert str(caught.value).count(": ") >= 1
            assert not any(world.device.content)
            assert world.told == [
                ("node-a", verb, f"reject {why}") for why in recorded for verb in ("put", "delete")
            ]

    asyncio.run(run())


def test_values_and_limits_that_are_refused_change_nothing() -> None:
    async def run() -> None:
        async with running() as world:
            state = StateClient(world.peers[0])
            for value in (b"", bytes(65_537), bytes(70_000)):
                with pytest.raises(StateError, match="a value 1 to 65536") as caught:
                    await state.put(KEY, value)
                assert caught.value.status is Status.VALUE_TOO_LARGE
            for limit in (0, 65, -1, 70_000):
                with pytest.raises(StateError, match=r"expected 1\.\.64"):
                    await state.list(limit=limit)
            assert not any(world.device.content)
            assert world.told == [("node-a", "put", "reject oversized")]

    asyncio.run(run())


def test_what_the_allowlist_does_not_have() -> None:
    async def run() -> None:
        async with running(rules=(Rule("node-a", SERVICE, Op.GET),)) as world:
            with pytest.raises(StateError, match="not permit") as caught:
                await StateClient(world.peers[0]).put(KEY, b"v")
            assert caught.value.status is Status.ACCESS_DENIED
            with pytest.raises(StateError, match="no such key"):
                await StateClient(world.peers[0]).get(KEY)
            assert not any(world.device.content)
            assert world.told == []
            assert "denied-service" in world.others[0].message

    asyncio.run(run())


REQUESTS = (
    Request(Op.PUT, KEY, b"value"),
    Request(Op.PUT, KEY, b"value", nonce=7),
    Request(Op.GET, KEY),
    Request(Op.DELETE, KEY, nonce=7),
    Request(Op.LIST, NAMESPACE, limit=9),
    Request(Op.SYNC, nonce=7),
)


def test_every_truncation_is_rejected_and_does_nothing() -> None:
    async def run() -> None:
        async with running() as world:
            before = bytes(world.device.content)
            for request in REQUESTS:
                frame = request.encode()
                for length in range(len(frame)):
                    if length < 4:
                        with pytest.raises(RefusedError):
                            await world.peers[0].call(SERVICE, frame[:length])
                        continue
                    reply = decode_reply(await world.peers[0].call(SERVICE, frame[:length]))
                    assert (reply.op, reply.status) == (request.op, Status.MALFORMED)
                # One byte more is not better.
                reply = decode_reply(await world.peers[0].call(SERVICE, frame + b"\0"))
                assert reply.status is Status.MALFORMED
            assert bytes(world.device.content) == before

    asyncio.run(run())


class Scripted(Peer):
    """A peer that answers with given bytes."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(peer_of(KEY_B), 1)
        self.answer = answer

    async def call(self, service: int, payload: bytes, timeout_s: float = 1.0) -> bytes:
        """Answer."""
        return self.answer


def test_every_truncation_of_an_answer_is_an_error_and_so_is_another_ones() -> None:
    async def run() -> None:
        async with running() as world:
            for request in (REQUESTS[0], Request(Op.GET, KEY), Request(Op.LIST, NAMESPACE)):
                whole = await world.peers[0].call(SERVICE, request.encode())
                for answer in [whole[:n] for n in range(len(whole))] + [whole + b"\0"]:
                    state = StateClient(Scripted(answer))
                    calls = {
                        Op.PUT: lambda s: s.put(KEY, b"v"),
                        Op.GET: lambda s: s.get(KEY),
                        Op.LIST: lambda s: s.list(),
                    }
                    with pytest.raises(StateError) as caught:
                        await calls[request.op](state)
                    assert caught.value.status is Status.IO_ERROR
                with pytest.raises(StateError, match="another request"):
                    await StateClient(Scripted(whole)).sync()

    asyncio.run(run())


@pytest.mark.parametrize("verb", ["put", "delete"])
@pytest.mark.parametrize("is_deduplicating", [True, False])
def test_a_repeated_change_takes_effect_once(verb: str, is_deduplicating: bool) -> None:
    async def run() -> None:
        async with running(is_deduplicating=is_deduplicating) as world:
            a, c = (StateClient(peer, timeout_s=10) for peer in world.peers)
            await c.put(KEY, b"first")
            is_lost = lose_next_answer(world.peers[0])
            change = a.put(KEY, b"from a") if verb == "put" else a.delete(KEY)
            changing = asyncio.create_task(change)
            await is_lost.wait()
            # B did it and A does not know.  Another peer writes in between.
            assert world.store.get(KEY) == (b"from a" if verb == "put" else None)
            await c.put(KEY, b"from c")
            assert world.peers[0].link is not None
            world.peers[0].link.abort()
            if is_deduplicating:
                await changing  # Repeated in the next session, answered as it was.
            else:
                with pytest.raises(UnavailableError, match="may have had its effect"):
                    await changing
            assert world.store.get(KEY) == b"from c"
            assert world.told == [
                ("node-c", "put", "allow"),
                ("node-a", verb, "allow"),
                ("node-c", "put", "allow"),
            ]

    asyncio.run(run())


def lose_next_answer(peer: Peer) -> asyncio.Event:
    """Drop what comes back to this peer object, once; say when."""
    happened = asyncio.Event()
    calls = peer._calls
    take = calls.answered

    def drop(response: Response) -> None:
        calls.answered = take  # type: ignore[method-assign]  # The one call to lose.
        happened.set()

    calls.answered = drop  # type: ignore[method-assign]  # The one call to lose.
    return happened


@pytest.mark.parametrize("broken", ["write", "flush"])
@pytest.mark.parametrize("size", [1, 129, 65_536])
def test_a_disk_that_fails_is_never_answered_ok(size: int, broken: str) -> None:
    def fail(*_: object) -> None:
        raise DeviceError("the medium")

    async def run() -> None:
        async with running() as world:
            state = StateClient(world.peers[0])
            await state.put(KEY, b"old")
            setattr(world.device, broken, fail)
            with pytest.raises(StateError) as caught:
                await state.put(KEY, bytes(size))
            assert caught.value.status is Status.IO_ERROR
            assert await state.get(KEY) == b"old"
            assert world.told[1:] == [("node-a", "put", "reject status")]

    asyncio.run(run())


@pytest.mark.parametrize("size", [1, 129])
def test_a_sink_that_fails_does_not_hide_that_a_change_was_made(size: int) -> None:
    def fail(_: object) -> None:
        raise BrokenPipeError

    async def run() -> None:
        errors: list[str] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: errors.append(context["message"])
        )
        async with running() as world:
            world.on_change = fail
            state = StateClient(world.peers[0])
            await state.put(KEY, bytes(size))
            assert await state.get(KEY) == bytes(size)
            assert [error.split(":")[0] for error in errors] == ["a record was not kept"]

    asyncio.run(run())
