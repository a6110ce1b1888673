"""Two peers read and change one key at the same time: the records say what came of it.

There is no compare-and-set, so a change may be lost; which one, the order in which the changes
reach the node decides, and the records are in that order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import permutations

import pytest

from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.io.client import StateClient
from nexus.remotefs.state.io.node_scene import KEY, World, running

NAMES = ("node-a", "node-c")
STEPS = ("a reads", "a writes", "c reads", "c writes")
# Each reads before it writes; all six ways in which two can do so.
ORDERS = [
    order
    for order in permutations(STEPS)
    if order.index("a reads") < order.index("a writes")
    and order.index("c reads") < order.index("c writes")
]
ROUNDS = 40


def modelled(order: Sequence[str]) -> bytes:
    """Return the value at the end, by one dictionary and one step after the other."""
    value, seen = b"0", dict[str, bytes]()
    for step in order:
        who, _, what = step.partition(" ")
        if what == "reads":
            seen[who] = value
        else:
            value = seen[who] + who.encode()
    return value


@pytest.mark.parametrize("order", ORDERS, ids=", ".join)
def test_a_read_modify_race_has_the_result_of_its_order(order: Sequence[str]) -> None:
    """Both add their letter to what they read."""

    async def run() -> bytes:
        async with running() as world:
            clients = dict(zip("ac", map(StateClient, world.peers), strict=True))
            await clients["a"].put(KEY, b"0")
            seen: dict[str, bytes] = {}
            for step in order:
                who, _, what = step.partition(" ")
                if what == "reads":
                    seen[who] = await clients[who].get(KEY)
                else:
                    await clients[who].put(KEY, seen[who] + who.encode())
            values = {await client.get(KEY) for client in clients.values()}
            assert values == {world.store.get(KEY)}
            return values.pop()

    value = modelled(order)
    assert asyncio.run(run()) == value
    is_apart = order[1] in ("a writes", "c writes")
    assert len(value) == (3 if is_apart else 2), "where they overlap, one change is lost"


async def change(client: StateClient, name: str, seen: list[bytes]) -> None:
    """Read and write, again and again, as fast as it goes."""
    for number in range(ROUNDS):
        try:
            seen.append(await client.get(KEY))
        except StateError:
            seen.append(b"")
        await client.put(KEY, f"{name} {number}".encode())


def history_of(world: World) -> list[tuple[str, bytes]]:
    """The peer behind each change, and the value that it left, from the records alone."""
    counts = dict.fromkeys(NAMES, 0)
    history = []
    for peer, verb, ending in world.told:
        assert (verb, ending) == ("put", "allow")
        history.append((peer, f"{peer} {counts[peer]}".encode()))
        counts[peer] += 1
    return history


def test_what_each_of_two_sees_is_what_the_order_of_the_records_says() -> None:
    async def run() -> None:
        async with running() as world:
            seen: dict[str, list[bytes]] = {name: [] for name in NAMES}
            clients = map(StateClient, world.peers)
            await asyncio.gather(
                *(change(c, name, seen[name]) for c, name in zip(clients, NAMES, strict=True))
            )
            history = history_of(world)
            assert len(history) == 2 * ROUNDS
            assert world.store.get(KEY) == history[-1][1]
            values = [b"", *(value for _, value in history)]
            for name in NAMES:
                own = [place for place, (peer, _) in enumerate(history, 1) if peer == name]
                for earliest, latest, value in zip([0, *own], own, seen[name], strict=False):
                    # Not older than its own last change, and before its next one.
                    assert values.index(value) in range(earliest, latest), (name, value)

    asyncio.run(run())


def test_of_two_that_remove_one_did() -> None:
    """A DEL that finds nothing says so: of two at once one is OK and the other NOT_FOUND."""

    async def run() -> None:
        async with running() as world:
            clients = [StateClient(peer) for peer in world.peers]
            for _ in range(ROUNDS):
                await clients[0].put(KEY, b"there")
                results = await asyncio.gather(
                    *(client.delete(KEY) for client in clients), return_exceptions=True
                )
                failures = [result for result in results if result is not None]
                assert len(failures) == 1
                assert isinstance(failures[0], StateError)
            endings = [ending for _, verb, ending in world.told if verb == "delete"]
            assert endings == ["allow", "reject status"] * ROUNDS

    asyncio.run(run())
