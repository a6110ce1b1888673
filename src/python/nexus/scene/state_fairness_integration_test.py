"""One peer's load on a real guest leaves the others their keepalives and their calls.

Needs what Pants puts beside the test (see BUILD).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from nexus.scene.packaged_support import boot
from nexus.scene.state_peer import VirtualPeer
from nexus.scene.state_scene import STATE, Scene
from nexus.wire.state import Op, Request, Status
from nexus.wire.transfer import Op as Way
from nexus.wire.transfer import Request as Head

BUSY, OTHER = "host-1", "host-2"
KEYS: Final = 128

# docs/spec/session.md, *Calls at local services*; and a link of a millisecond each way.
BOUND_NS: Final = 100_000_000 + 2_000_000
ROUNDS: Final = 40
ROUND_NS: Final = 10_000_000

BUNDLES: Final = 2
LARGE: Final = bytes(65_536)

Pressure = Callable[[VirtualPeer, int], None]


def _key(number: int) -> str:
    return "/state/shared/" + "x" * 76 + f"{number:06d}"


def _send(peer: VirtualPeer, number: int, service: int, payload: bytes) -> bool:
    """Ask if there is room; a caller that is not answered in time has none after a while."""
    try:
        peer.ask(number, service, payload)
    except AssertionError:
        return False
    return True


def lists(peer: VirtualPeer, turn: int) -> None:
    """Sixteen lists that find nothing."""
    request = Request(Op.LIST, "/state/shared/none", limit=64).encode()
    for number in range(16):
        _send(peer, 100_000 + 16 * turn + number, STATE, request)


def flood(peer: VirtualPeer, turn: int) -> None:
    """As many calls that are not allowed as there is room for."""
    number = 0
    while number < 200 and _send(peer, 200_000 + 200 * turn + number, BUNDLES, b"BN\1\1"):
        number += 1


def large_value(peer: VirtualPeer, turn: int) -> None:
    """A value of 64 KiB, again and again, as fast as there is credit."""
    if turn == 0:
        stream = peer.open("state/transfer", 6)
        peer.say(stream, Head(Way.PUT, 0, "/state/shared/large", len(LARGE)).encode())
    for stream, heard in list(peer.streams.items()):
        if not heard.is_closed and heard.reset is None:
            peer.say(stream, LARGE[:8192])


@pytest.mark.parametrize("press", [lists, flood, large_value])
def test_another_peers_keepalive_and_calls_are_answered_in_time(press: Pressure) -> None:
    scene = boot()
    for number in range(KEYS):
        scene.state(BUSY, Request(Op.PUT, _key(number), b"v"))
    other = scene.peers[OTHER]
    worst_ping_ns = worst_call_ns = 0
    for turn in range(ROUNDS):
        press(scene.peers[BUSY], turn)
        begun_ns = scene.world.now_ns
        _await_pong(scene, other)
        worst_ping_ns = max(worst_ping_ns, scene.world.now_ns - begun_ns)
        begun_ns = scene.world.now_ns
        reply = scene.state(OTHER, Request(Op.GET, _key(0)))
        assert reply is not None
        assert reply.status is Status.OK
        worst_call_ns = max(worst_call_ns, scene.world.now_ns - begun_ns)
        scene.run_for(ROUND_NS)
    print(f"\n{press.__name__}: pong after {worst_ping_ns} ns, answer after {worst_call_ns} ns")
    assert worst_ping_ns <= BOUND_NS
    assert worst_call_ns <= BOUND_NS
    assert f"session lost peer={OTHER}" not in scene.console


def _await_pong(scene: Scene, peer: VirtualPeer) -> None:
    session = peer._session
    assert session is not None
    nonce = session.ping()
    peer._flush()
    scene.run_until(lambda: session.pong_nonce >= nonce)
