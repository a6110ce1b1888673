"""A mutation that is repeated after its session was lost acts once, over real sockets."""

from __future__ import annotations

import asyncio

from nexus.dsoftbus.io.link import Link
from nexus.dsoftbus.io.node_scene import KEY_A, KEY_B, TwoNodes, peer_of, settings_of, two_nodes
from nexus.dsoftbus.io.settings import Call
from nexus.dsoftbus.io.waiting_support import until

PUT = b"SF\1\1key=value"


async def lose_session(nodes: TwoNodes) -> None:
    peer = nodes.a.peers["node-b"]
    assert peer.link is not None
    old = peer.link
    old.abort()
    await until(lambda: peer.link not in (None, old))


def play(when: str) -> tuple[list[bytes], bytes]:
    """Lose the session while the handler runs, or after it answered; return what it did."""
    done: list[bytes] = []
    before: list[Link | None] = []
    started, gate = asyncio.Event(), asyncio.Event()

    async def put(call: Call) -> bytes:
        started.set()
        if when == "while it runs":
            await gate.wait()
        done.append(call.payload)
        for link in before:
            assert link is not None
            link.abort()
        return b"SF\1\x81\0"

    async def main() -> bytes:
        settings_a = settings_of(KEY_A, peer_of(KEY_B, is_deduplicating=True))
        async with asyncio.timeout(10), two_nodes({4: put}, settings_a=settings_a) as nodes:
            peer = await nodes.a.connect("node-b")
            if when == "after it answered":
                # The node remembers the change, and its answer finds no session.
                before.append(peer.link)
            call = asyncio.create_task(peer.call(4, PUT))
            await started.wait()
            if when == "while it runs":
                await lose_session(nodes)
                gate.set()
            return await call

    return done, asyncio.run(main())


def test_lost_while_it_runs() -> None:
    assert play("while it runs") == ([PUT], b"SF\1\x81\0")


def test_lost_after_it_answered() -> None:
    assert play("after it answered") == ([PUT], b"SF\1\x81\0")


def test_every_call_is_a_new_one() -> None:
    done: list[bytes] = []

    def put(call: Call) -> bytes:
        done.append(call.payload)
        return b"SF\1\x81\0"

    async def main() -> None:
        settings_a = settings_of(KEY_A, peer_of(KEY_B, is_deduplicating=True))
        async with asyncio.timeout(10), two_nodes({4: put}, settings_a=settings_a) as nodes:
            peer = await nodes.a.connect("node-b")
            await peer.call(4, PUT)
            await lose_session(nodes)
            await peer.call(4, PUT)

    asyncio.run(main())
    assert done == [PUT, PUT]
