"""Two nodes and the encoding of their calls: what they agree on, and when they cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from nexus.contract import bundle, samgr, state
from nexus.dsoftbus.carrier import Offer
from nexus.dsoftbus.io.errors import (
    BusError,
    DeadlineError,
    FailedError,
    MisuseError,
    NoMessagesError,
    RefusedError,
)
from nexus.dsoftbus.io.node_scene import (
    HANDLERS,
    KEY_A,
    KEY_B,
    RESOLVE,
    RESOLVE_OK,
    TwoNodes,
    peer_of,
    settings_of,
    two_nodes,
)
from nexus.dsoftbus.io.peer import Peer
from nexus.dsoftbus.io.settings import Call, Handler, Settings
from nexus.dsoftbus.io.waiting_support import until
from nexus.wire import state as frames
from nexus.wire.rpc import Mode

KEY = "/state/shared/a"


def store(call: Call) -> bytes:
    request = frames.decode_request(call.payload)
    value = b"kept" if request.op is frames.Op.GET else b""
    return frames.Reply(request.op, frames.Status.OK, value, nonce=request.nonce).encode()


def run(
    scenario: Callable[[TwoNodes, Peer], Awaitable[None]],
    a: Mode,
    b: Mode,
    handlers: dict[int, Handler] | None = None,
    change: Callable[[Settings], Settings] = lambda settings: settings,
) -> None:
    async def main() -> None:
        ours = replace(settings_of(KEY_A, peer_of(KEY_B)), rpc_mode=a)
        theirs = change(replace(settings_of(KEY_B, peer_of(KEY_A)), rpc_mode=b))
        served = {**HANDLERS, 4: store, **(handlers or {})}
        async with (
            asyncio.timeout(10),
            two_nodes(served, settings_a=ours, settings_b=theirs) as nodes,
        ):
            await scenario(nodes, await nodes.a.connect("node-b"))

    asyncio.run(main())


def offer_of(peer: Peer) -> Offer:
    assert peer.link is not None
    assert peer.link.carrier is not None
    return peer.link.carrier.offer


def audit_of(nodes: TwoNodes) -> list[str]:
    return [record.message for record in nodes.b.audit_log]


async def call_everything(peer: Peer) -> list[object]:
    """Call in each way there is; return what came, of calls that failed their error."""
    found: list[object] = [
        await peer.call(1, RESOLVE),
        await peer.resolve("logd"),
        await peer.samgr.resolve_status("x"),
        await peer.bundlemgr.list(),
        await peer.statefs.put(KEY, b"v"),
        await peer.statefs.get(KEY),
        await peer.call(4, frames.Request(frames.Op.GET, KEY, nonce=5).encode()),
        await peer.statefs.put("k" * 97, b"v"),
    ]
    for refused in (
        lambda: peer.log.stats(),
        lambda: peer.packagefs.stat("pkg:/a"),
        lambda: peer.statefs.delete(KEY),
    ):
        with pytest.raises(RefusedError) as caught:
            await refused()
        found.append(str(caught.value))
    return found


def everything(a: Mode, b: Mode) -> tuple[list[object], list[str], Offer]:
    seen: list[tuple[list[object], list[str], Offer]] = []

    async def scenario(nodes: TwoNodes, peer: Peer) -> None:
        found = await call_everything(peer)
        seen.append((found, audit_of(nodes), offer_of(peer)))

    run(scenario, a, b)
    return seen[0]


EXPECTED = [
    RESOLVE_OK,
    True,
    samgr.ResolveStatusResults(samgr.Status.OK),
    bundle.ListResults(bundle.Status.OK, 1),
    state.PutResults(state.Status.OK),
    state.GetResults(state.Status.OK, b"kept"),
    frames.Reply(frames.Op.GET, frames.Status.OK, b"kept", nonce=5).encode(),
    state.PutResults(state.Status.OK),
    *["node-b refused the call"] * 3,
]
AUDIT = [
    "audit remote call outcome=ok peer=node-a service=samgrd op=6",
    "audit remote call outcome=ok peer=node-a service=samgrd op=6",
    "audit remote call outcome=ok peer=node-a service=samgrd op=6",
    "audit remote call outcome=ok peer=node-a service=bundlemgrd op=1",
    "audit remote call outcome=ok peer=node-a service=statefsd op=1",
    "audit remote call outcome=ok peer=node-a service=statefsd op=2",
    "audit remote call outcome=ok peer=node-a service=statefsd op=2",
    "audit remote call outcome=ok peer=node-a service=statefsd op=1",
    "audit remote call outcome=denied-service peer=node-a service=logd op=3",
    "audit remote call outcome=denied-service peer=node-a service=packagefsd op=1",
    "audit remote call outcome=denied-service peer=node-a service=statefsd op=3",
]


@pytest.mark.parametrize(
    ("a", "b", "offer"),
    [
        (Mode.FRAMES, Mode.FRAMES, Offer.NONE),
        (Mode.FRAMES, Mode.AUTO, Offer.NONE),
        (Mode.FRAMES, Mode.MESSAGES, Offer.NONE),
        (Mode.AUTO, Mode.FRAMES, Offer.DECLINED),
        (Mode.AUTO, Mode.AUTO, Offer.TAKEN),
        (Mode.AUTO, Mode.MESSAGES, Offer.TAKEN),
        (Mode.MESSAGES, Mode.AUTO, Offer.TAKEN),
        (Mode.MESSAGES, Mode.MESSAGES, Offer.TAKEN),
    ],
)
def test_what_is_asked_answered_and_recorded_is_the_same(a: Mode, b: Mode, offer: Offer) -> None:
    assert everything(a, b) == (EXPECTED, AUDIT, offer)


def test_a_peer_that_takes_no_messages_is_named_at_once() -> None:
    async def scenario(nodes: TwoNodes, peer: Peer) -> None:
        for _ in range(2):  # The first waits for the peer's word, the second has it.
            with pytest.raises(NoMessagesError, match='"auto" it is called by frames'):
                await peer.samgr.resolve_status("x")
        with pytest.raises(NoMessagesError):
            await peer.call(1, RESOLVE)
        assert audit_of(nodes) == []

    run(scenario, Mode.MESSAGES, Mode.FRAMES)


@pytest.mark.parametrize("a", [Mode.AUTO, Mode.MESSAGES])
def test_a_session_without_streams_carries_frames_only(a: Mode) -> None:
    async def scenario(nodes: TwoNodes, peer: Peer) -> None:
        if a is Mode.AUTO:
            assert await peer.resolve("x")
            return
        with pytest.raises(NoMessagesError):
            await peer.resolve("x")

    run(scenario, a, Mode.AUTO, change=lambda settings: replace(settings, streams=None))


def test_what_the_contract_has_no_word_for_goes_as_a_frame_or_not_at_all() -> None:
    reopen = frames.Request(frames.Op.REOPEN).encode()

    async def auto(nodes: TwoNodes, peer: Peer) -> None:
        assert await peer.resolve("x")
        with pytest.raises(RefusedError):
            await peer.call(4, reopen)
        assert audit_of(nodes)[1:] == [
            "audit remote call outcome=denied-service peer=node-a service=statefsd op=6"
        ]

    async def schema(nodes: TwoNodes, peer: Peer) -> None:
        with pytest.raises(MisuseError, match="not a method of the contract"):
            await peer.call(4, reopen)

    run(auto, Mode.AUTO, Mode.AUTO)
    run(schema, Mode.MESSAGES, Mode.AUTO)


@pytest.mark.parametrize("a", [Mode.FRAMES, Mode.AUTO])
def test_a_handler_that_says_nothing_fails_its_call_alike(a: Mode) -> None:
    async def scenario(nodes: TwoNodes, peer: Peer) -> None:
        with pytest.raises(FailedError, match="of node-b did not answer"):
            await peer.resolve("x")
        assert audit_of(nodes) == [
            "audit remote call outcome=failed peer=node-a service=samgrd op=6"
        ]

    run(scenario, a, Mode.AUTO, {1: lambda call: None})


@pytest.mark.parametrize("a", [Mode.FRAMES, Mode.AUTO])
def test_a_deadline_is_the_callers_own(a: Mode) -> None:
    async def never(call: Call) -> bytes:
        await asyncio.Event().wait()
        return b""

    async def scenario(nodes: TwoNodes, peer: Peer) -> None:
        with pytest.raises(DeadlineError):
            await peer.samgr.resolve_status("x", timeout_s=0.05)

    run(scenario, a, Mode.AUTO, {1: never})


def test_many_calls_at_once_are_each_answered_by_their_own() -> None:
    def echo(call: Call) -> bytes:
        request = frames.decode_request(call.payload)
        return frames.Reply(request.op, frames.Status.OK, request.key.encode()).encode()

    async def scenario(nodes: TwoNodes, peer: Peer) -> None:
        keys = [f"{KEY}{number}" for number in range(300)]
        answers = await asyncio.gather(*(peer.statefs.get(key) for key in keys))
        assert [answer.value.decode() for answer in answers] == keys

    run(scenario, Mode.AUTO, Mode.AUTO, {4: echo})


def test_a_change_is_made_once_though_its_session_is_lost_under_it() -> None:
    made: list[str] = []
    gate = asyncio.Event()

    async def put(call: Call) -> bytes:
        made.append(frames.decode_request(call.payload).key)
        await gate.wait()
        return frames.Reply(frames.Op.PUT, frames.Status.OK).encode()

    async def main() -> None:
        ours = settings_of(KEY_A, peer_of(KEY_B, is_deduplicating=True))
        async with asyncio.timeout(10), two_nodes({4: put}, settings_a=ours) as nodes:
            peer = await nodes.a.connect("node-b")
            call = asyncio.create_task(peer.statefs.put(KEY, b"v"))
            await until(lambda: bool(made))
            assert offer_of(peer) is Offer.TAKEN
            assert peer.link is not None
            peer.link.abort()
            await peer.wait_ready()
            gate.set()
            assert (await call).status is state.Status.OK
            assert made == [KEY]
            assert audit_of(nodes) == [
                "audit remote call outcome=ok peer=node-a service=statefsd op=1"
            ]

    asyncio.run(main())


def test_errors_of_calls_are_of_the_bus() -> None:
    assert issubclass(NoMessagesError, BusError)
