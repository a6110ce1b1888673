"""A peer's state as a mapping, from threads and from the loop's own."""

from __future__ import annotations

import asyncio

import pytest

from nexus.core.duration import TimeoutValueError
from nexus.dsoftbus.io.bridge import WrongThreadError
from nexus.dsoftbus.io.settings import RefusedError
from nexus.remotefs.state.acl import NAMESPACE
from nexus.remotefs.state.client import StateMap
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.io.channel import call_from_thread, map_from_thread
from nexus.remotefs.state.io.client import StateClient
from nexus.remotefs.state.io.node_scene import running
from nexus.wire.state import Status


def test_a_mapping_on_a_thread_without_an_event_loop() -> None:
    def use(shared: StateMap) -> None:
        shared["a"] = b"1"
        shared.update(b=b"2")
        shared.sync()
        assert dict(shared) == {"a": b"1", "b": b"2"}
        assert shared.pop("a") == b"1"
        assert "a" not in shared
        with pytest.raises(StateError, match="invalid_key"):
            shared["../x"] = b"1"

    def use_large(shared: StateMap) -> None:
        for size in (128, 129, 504, 65_536):
            shared["large"] = bytes(size)
            assert shared["large"] == bytes(size)
        for value in (b"", bytes(65_537)):
            with pytest.raises(StateError, match="a value 1 to 65536"):
                shared["large"] = value
        with pytest.raises(KeyError):
            shared["none"]

    def use_small(shared: StateMap) -> None:
        # Without what carries large values it has frames only.
        for use in (lambda: shared["large"], lambda: shared.update(large=bytes(129))):
            with pytest.raises(StateError) as caught:
                use()
            assert caught.value.status is Status.VALUE_TOO_LARGE

    async def run() -> None:
        async with running() as world:
            loop = asyncio.get_running_loop()
            await asyncio.to_thread(use, StateMap(call_from_thread(world.peers[0], loop)))
            await asyncio.to_thread(use, map_from_thread(world.peers[0], loop))
            await asyncio.to_thread(use_large, map_from_thread(world.peers[0], loop))
            await asyncio.to_thread(use_small, StateMap(call_from_thread(world.peers[0], loop)))
        async with running(rules=()) as world:
            call = call_from_thread(world.peers[0], asyncio.get_running_loop())
            with pytest.raises(RefusedError):
                await asyncio.to_thread(StateMap(call).sync)

    asyncio.run(run())


def test_a_mapping_on_the_loops_own_thread_raises_instead_of_hanging() -> None:
    async def run() -> None:
        async with running() as world:
            shared = map_from_thread(world.peers[0], asyncio.get_running_loop())
            for use in (lambda: shared["a"], lambda: len(shared), lambda: "a" in shared):
                with pytest.raises(WrongThreadError, match="event loop"):
                    use()
            with pytest.raises(WrongThreadError):
                shared["a"] = bytes(200)
            assert not world.changes

    asyncio.run(run())


def test_a_mapping_shows_all_keys_however_many() -> None:
    wanted = {f"{number:03}": bytes([number]) for number in range(1, 200)}

    async def run() -> None:
        async with running() as world:
            for key, value in wanted.items():
                world.store.put(NAMESPACE + key, value)
            shared = map_from_thread(world.peers[0], asyncio.get_running_loop())
            assert await asyncio.to_thread(dict, shared) == wanted
            assert await asyncio.to_thread(len, shared) == 199
            state = StateClient(world.peers[0])
            assert [key async for key in state.list_all()] == [NAMESPACE + key for key in wanted]
            first = await state.list()
            assert not first.is_complete
            second = await state.list(after=first.keys[-1])
            assert second.keys[0] == f"{NAMESPACE}{len(first.keys) + 1:03}"

    asyncio.run(run())


@pytest.mark.parametrize("timeout_s", [0, -1, float("inf"), float("nan"), None])
def test_a_timeout_that_is_not_one(timeout_s: float) -> None:
    async def run() -> None:
        async with running() as world:
            loop = asyncio.get_running_loop()
            with pytest.raises(TimeoutValueError, match="above 0 and up to 3600"):
                StateClient(world.peers[0], timeout_s)
            with pytest.raises(TimeoutValueError):
                map_from_thread(world.peers[0], loop, timeout_s)

    asyncio.run(run())
