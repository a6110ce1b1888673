"""The time that a real guest's store is busy, in virtual time, by the number of its keys.

A list and a compaction go through the keys in their order once.  While the store is busy no other
caller is served, so one that went through all keys for each key kept local writers waiting for
seconds, and every session of the node was lost.
"""

from __future__ import annotations

from typing import Final

import pytest

from nexus.scene.packaged_support import boot
from nexus.scene.state_scene import STATE, Scene
from nexus.wire.state import Op, Request, Status

WRITER: Final = "host-1"
OTHER: Final = "host-2"
FEW: Final = 64
MANY: Final = 512
# A link's delay is a millisecond each way.
ROUND_TRIP_NS: Final = 2_000_000
BUSY_NS_MAX: Final = 100_000_000


@pytest.fixture(scope="module")
def filled() -> tuple[Scene, dict[int, dict[str, int]]]:
    """Give a guest with many keys, and how long each request took with few and with many."""
    scene = boot()
    took: dict[int, dict[str, int]] = {}
    for number in range(MANY):
        if number == FEW:
            took[FEW] = measure(scene)
        ask(scene, Request(Op.PUT, key_of(number), b"v"))
    took[MANY] = measure(scene)
    return scene, took


def key_of(number: int) -> str:
    return "/state/shared/" + "x" * 76 + f"{number:06d}"


def ask(scene: Scene, request: Request) -> int:
    """Ask, and return how long the answer took."""
    begun_ns = scene.world.now_ns
    reply = scene.state(WRITER, request)
    assert reply is not None
    assert reply.status is Status.OK, reply
    return scene.world.now_ns - begun_ns


def measure(scene: Scene) -> dict[str, int]:
    last = Request(Op.LIST, "/state/shared/", limit=64, after=key_of(MANY - 3))
    return {
        "list nothing": ask(scene, Request(Op.LIST, "/state/shared/none", limit=64)),
        "list a page": ask(scene, Request(Op.LIST, "/state/shared/", limit=64)),
        "list the end": ask(scene, last),
        "put": ask(scene, Request(Op.PUT, key_of(0), b"v")),
    }


@pytest.mark.parametrize("what", ["list nothing", "list a page", "list the end", "put"])
def test_eight_times_as_many_keys_take_hardly_longer(
    filled: tuple[Scene, dict[int, dict[str, int]]], what: str
) -> None:
    _, took = filled
    print(f"\n{what}: {took[FEW][what]} ns with {FEW} keys, {took[MANY][what]} with {MANY}")
    assert took[MANY][what] <= took[FEW][what] + 1_000_000


def test_compacting_many_keys_is_done_within_its_bound(
    filled: tuple[Scene, dict[int, dict[str, int]]],
) -> None:
    scene, _ = filled
    longest = 0
    for number in range(2 * MANY):
        longest = max(longest, ask(scene, Request(Op.PUT, key_of(number % MANY), b"w")))
    assert "statefsd: compaction done" in scene.console
    print(f"\nlongest put of {2 * MANY}, compactions included: {longest} ns")
    assert longest < BUSY_NS_MAX


def test_a_peer_that_has_its_share_leaves_others_theirs(
    filled: tuple[Scene, dict[int, dict[str, int]]],
) -> None:
    scene, _ = filled
    one_more = Request(Op.PUT, key_of(MANY), b"v")
    reply = scene.state(WRITER, one_more)
    assert reply is not None
    assert reply.status is Status.OVER_SHARE
    reply = scene.state(OTHER, one_more)
    assert reply is not None
    assert reply.status is Status.OK


def test_lists_of_one_peer_leave_the_sessions_of_others(
    filled: tuple[Scene, dict[int, dict[str, int]]],
) -> None:
    scene, _ = filled
    request = Request(Op.LIST, "/state/shared/none", limit=64).encode()
    for number in range(16):
        scene.peers[WRITER].ask(900_000 + number, STATE, request)
    scene.run_for(8_000_000_000)
    assert "session lost" not in scene.console
