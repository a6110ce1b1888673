"""Transactions over real sessions, called by frames and by messages, typed and by the client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from nexus.contract import state as contract
from nexus.dsoftbus.policy import Rule
from nexus.remotefs.state.acl import NAMESPACE
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.io.client import StateClient
from nexus.remotefs.state.io.node_scene import RULES, World, running
from nexus.remotefs.state.replies import SERVICE
from nexus.wire.state import Op, Status

A, B = f"{NAMESPACE}a", f"{NAMESPACE}b"


def run(scenario: Callable[[World], Awaitable[None]], rules: tuple[Rule, ...] = RULES) -> None:
    async def main() -> None:
        async with running(rules=rules) as world:
            await scenario(world)

    asyncio.run(main())


def test_a_block_commits_or_leaves_nothing() -> None:
    async def scenario(world: World) -> None:
        state = StateClient(world.peers[0])
        async with await state.begin() as transaction:
            await transaction.put(A, bytes(300))
            await transaction.put(B, b"b")
            assert world.store.snapshot() == {}
        assert world.store.snapshot() == {A: bytes(300), B: b"b"}
        transaction = await state.begin()

        async def fail() -> None:
            async with transaction:
                await transaction.put(A, b"other")
                raise ValueError("mine")

        with pytest.raises(ValueError, match="mine"):
            await fail()
        assert world.store.get(A) == bytes(300)
        with pytest.raises(StateError, match="begin another"):
            await transaction.commit()
        assert {verb for _, verb, _ in world.told} == {"txn-put", "txn-commit", "txn-abort"}

    run(scenario)


def test_what_was_committed_in_its_block_is_over_and_nothing_more_is_asked() -> None:
    async def scenario(world: World) -> None:
        async with await StateClient(world.peers[0]).begin() as transaction:
            await transaction.put(A, b"1")
            await transaction.commit()
        await transaction.abort()
        assert world.store.snapshot() == {A: b"1"}
        assert [verb for _, verb, _ in world.told] == ["txn-put", "txn-commit"]

    run(scenario)


def test_typed_calls_say_the_same() -> None:
    async def scenario(world: World) -> None:
        statefs = world.peers[0].statefs
        begun = await statefs.txn_begin()
        assert (await statefs.txn_put(begun.txn, A, b"v")).status is contract.Status.OK
        assert (await statefs.txn_abort(begun.txn + 1)).status is contract.Status.NOT_FOUND
        assert (await statefs.txn_commit(begun.txn)).status is contract.Status.OK
        assert world.store.snapshot() == {A: b"v"}

    run(scenario)


def test_another_peer_and_another_session_have_none_of_it() -> None:
    async def scenario(world: World) -> None:
        mine, other = (peer.statefs for peer in world.peers)
        begun = await mine.txn_begin()
        assert (await other.txn_commit(begun.txn)).status is contract.Status.NOT_FOUND
        assert (await mine.txn_begin()).status is contract.Status.TXN_LIMIT
        link = world.peers[0].link
        assert link is not None
        link.abort()
        assert (await mine.txn_commit(begun.txn)).status is contract.Status.NOT_FOUND
        assert ("node-a", "txn-abort", "allow") in world.told
        assert world.store.snapshot() == {}

    run(scenario)


def test_it_takes_a_right_of_its_own() -> None:
    async def scenario(world: World) -> None:
        with pytest.raises(StateError, match="without transactions") as caught:
            await StateClient(world.peers[0]).begin()
        assert caught.value.status is Status.ACCESS_DENIED

    run(scenario, tuple(Rule("node-a", SERVICE, op) for op in (Op.PUT, Op.GET, Op.SYNC)))
