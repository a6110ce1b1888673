"""Two nodes over real loopback sockets: sessions, calls, deadlines, cancellation, the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any  # Any: a stand-in, or a value of a wrong type.

import pytest

from nexus.dsoftbus.audit import AuditRecord, Outcome
from nexus.dsoftbus.io.keyfile import make_key
from nexus.dsoftbus.io.node import Node
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
    with_rate,
)
from nexus.dsoftbus.io.service import SERVING_MAX
from nexus.dsoftbus.io.settings import (
    Call,
    DeadlineError,
    FailedError,
    Handler,
    RefusedError,
    UnavailableError,
)
from nexus.dsoftbus.io.waiting_support import until
from nexus.dsoftbus.rate import Limit


def run(scenario: Callable[[TwoNodes], Awaitable[None]], **options: object) -> None:
    async def main() -> None:
        mixed: Any = options
        async with asyncio.timeout(10), two_nodes(**mixed) as nodes:
            await scenario(nodes)

    asyncio.run(main())


def outcomes(node: Node) -> list[Outcome]:
    return [record.outcome for record in node.audit_log if isinstance(record, AuditRecord)]


def test_resolve_and_list_over_one_session() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        assert await peer.resolve("bundlemgrd")
        assert await peer.bundle_count() == 1
        assert outcomes(nodes.b) == [Outcome.OK, Outcome.OK]
        peers = [r.peer for r in nodes.b.audit_log if isinstance(r, AuditRecord)]
        assert peers == ["node-a", "node-a"]
        assert nodes.a.session_count == nodes.b.session_count == 1

    run(scenario)


def test_either_side_may_call_on_the_session_that_one_dialled() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        await nodes.a.connect("node-b")
        back = await nodes.b.connect("node-a")
        assert nodes.b.session_count == 1
        with pytest.raises(RefusedError):
            await back.resolve("x")  # A permits nothing to B.

    run(scenario, settings_a=replace(settings_of(KEY_A, peer_of(KEY_B)), rules=()))


def test_answers_find_their_calls_whatever_their_order() -> None:
    gates: dict[bytes, asyncio.Event] = {}

    async def slow(call: Call) -> bytes:
        gate = gates.setdefault(call.payload, asyncio.Event())
        await gate.wait()
        return call.payload[:4]

    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        payloads = [b"SF\1\2" + bytes([n]) for n in range(100)]
        calls = [asyncio.create_task(peer.call(4, payload)) for payload in payloads]
        await until(lambda: len(gates) == 100)
        assert peer.in_flight == 100
        for payload in reversed(payloads):
            gates[payload].set()
        assert await asyncio.gather(*calls) == [b"SF\1\2"] * 100
        assert peer.in_flight == 0

    run(scenario, handlers={4: slow})


def test_a_deadline_ends_the_call_on_both_sides() -> None:
    cancelled = asyncio.Event()

    async def never(call: Call) -> bytes:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return b""

    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        # The peer's own "failed" may be a little faster than our clock.
        with pytest.raises((DeadlineError, FailedError)):
            await peer.call(4, b"SF\1\2", timeout_s=0.05)
        await cancelled.wait()
        assert peer.in_flight == 0
        assert await peer.resolve("x")

    run(scenario, handlers={1: HANDLERS[1], 4: never})


def test_a_cancelled_call_leaves_nothing_and_its_late_answer_is_dropped() -> None:
    gate = asyncio.Event()

    async def slow(call: Call) -> bytes:
        await gate.wait()
        return b"late"

    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        task = asyncio.create_task(peer.call(4, b"SF\1\2"))
        await until(lambda: bool(peer.in_flight))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert peer.in_flight == 0
        gate.set()
        assert await peer.resolve("x")

    run(scenario, handlers={1: HANDLERS[1], 4: slow})


def test_more_calls_than_may_be_served_at_once_wait_and_all_are_answered() -> None:
    serving, most = 0, 0

    async def count(call: Call) -> bytes:
        nonlocal serving, most
        serving += 1
        most = max(most, serving)
        await asyncio.sleep(0)
        serving -= 1
        return RESOLVE_OK

    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        calls = [peer.call(1, RESOLVE) for _ in range(3 * SERVING_MAX)]
        assert await asyncio.gather(*calls) == [RESOLVE_OK] * len(calls)
        assert most <= SERVING_MAX

    run(scenario, handlers={1: count})


def _raise(call: Call) -> bytes:
    raise RuntimeError("a defect of the handler")


@pytest.mark.parametrize(
    "failing", [{2: lambda call: None}, {2: _raise}, {}], ids=["no reply", "raises", "absent"]
)
def test_a_failing_handler_costs_its_caller_one_answer(failing: dict[int, Handler]) -> None:
    async def scenario(nodes: TwoNodes) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        peer = await nodes.a.connect("node-b")
        with pytest.raises(FailedError):
            await peer.call(2, b"BN\1\1")
        assert await peer.resolve("x")

    others = {number: handler for number, handler in HANDLERS.items() if number != 2}
    run(scenario, handlers=others | failing)


def test_over_the_rate_is_refused() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        results = await asyncio.gather(
            *(peer.resolve("x") for _ in range(5)), return_exceptions=True
        )
        assert [r for r in results if r is True] == [True, True]
        assert sum(isinstance(r, RefusedError) for r in results) == 3
        assert outcomes(nodes.b)[2:] == [Outcome.RATE] * 3

    settings_b = with_rate(settings_of(KEY_B, peer_of(KEY_A)), Limit(2, 1))
    run(scenario, settings_b=settings_b)


def test_a_peer_that_is_not_configured_cannot_be_connected() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        with pytest.raises(UnavailableError, match="these are: node-b"):
            await nodes.a.connect("node-x")

    run(scenario)


@pytest.mark.parametrize("who", ["dialler", "responder"])
def test_a_wrong_pinned_key_gives_no_session(who: str) -> None:
    other_a, other_b = make_key("node-a"), make_key("node-b")
    settings_a = settings_of(KEY_A, peer_of(other_b if who == "dialler" else KEY_B))
    settings_b = settings_of(KEY_B, peer_of(other_a if who == "responder" else KEY_A))

    async def scenario(nodes: TwoNodes) -> None:
        with pytest.raises(UnavailableError, match="no session"):
            await nodes.a.connect("node-b", timeout_s=0.3)
        assert nodes.a.session_count == nodes.b.session_count == 0
        heard_by = nodes.a if who == "dialler" else nodes.b
        assert heard_by.discovery.mismatch_count

    run(scenario, settings_a=settings_a, settings_b=settings_b)


def test_a_lost_session_is_dialled_again_and_reads_are_repeated() -> None:
    gate = asyncio.Event()
    calls: list[int] = []

    async def first_two_hang(call: Call) -> bytes:
        calls.append(call.session)
        if len(calls) <= 2:
            await gate.wait()
        return b"ok"

    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        read = asyncio.create_task(peer.call(4, b"SF\1\2"))
        write = asyncio.create_task(peer.call(4, b"SF\1\1"))
        await until(lambda: len(calls) == 2)
        assert peer.link is not None
        peer.link.abort()
        with pytest.raises(UnavailableError, match="may have had its effect"):
            await write
        assert await read == b"ok"
        assert len(set(calls)) == 2

    run(scenario, handlers={4: first_two_hang})


def test_a_second_session_repeats_nothing_that_is_under_way_on_the_first() -> None:
    gate = asyncio.Event()
    calls: list[bytes] = []

    async def slow(call: Call) -> bytes:
        calls.append(call.payload)
        await gate.wait()
        return b"ok"

    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        first = peer.link
        write = asyncio.create_task(peer.call(4, b"SF\1\1"))
        await until(lambda: bool(calls))
        second = asyncio.create_task(nodes.b._dial_once("node-a"))
        await until(lambda: nodes.a.session_count == nodes.b.session_count == 2)
        assert peer.link is not first
        gate.set()
        assert await write == b"ok"
        assert len(calls) == 1
        second.cancel()

    run(scenario, handlers={4: slow})


def test_closing_waits_for_what_is_served_and_then_for_nothing() -> None:
    started, gate = asyncio.Event(), asyncio.Event()

    async def slow(call: Call) -> bytes:
        started.set()
        await gate.wait()
        return b"done"

    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        task = asyncio.create_task(peer.call(4, b"SF\1\2"))
        await started.wait()
        closing = asyncio.create_task(nodes.b.close())
        await asyncio.sleep(0)
        gate.set()
        assert await task == b"done"
        await closing
        assert nodes.b.session_count == 0

    run(scenario, handlers={4: slow})


def test_the_end_of_a_session_is_told_once_with_the_number_its_calls_had() -> None:
    calls: list[int] = []
    ended: list[int] = []

    def note(call: Call) -> bytes:
        calls.append(call.session)
        return RESOLVE_OK

    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        assert await peer.resolve("x")
        assert ended == []
        await nodes.a.close()
        await nodes.b.close()
        assert ended == calls

    run(scenario, handlers={1: note}, session_ended=ended.append)


def test_closing_the_caller_ends_its_calls() -> None:
    async def never(call: Call) -> bytes:
        await asyncio.Event().wait()
        return b""

    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        task = asyncio.create_task(peer.call(4, b"SF\1\2"))
        await until(lambda: bool(peer.in_flight))
        await nodes.a.close()
        with pytest.raises(UnavailableError, match="closed"):
            await task
        with pytest.raises(UnavailableError):
            await peer.resolve("x")

    run(scenario, handlers={4: never})


BARE_A = replace(settings_of(KEY_A, peer_of(KEY_B)), streams=None)
BARE_B = replace(settings_of(KEY_B, peer_of(KEY_A)), streams=None)


@pytest.mark.parametrize(
    "options",
    [{"settings_a": BARE_A}, {"settings_b": BARE_B}, {"settings_a": BARE_A, "settings_b": BARE_B}],
    ids=["caller", "server", "both"],
)
def test_nodes_without_streams_call_and_serve_bare(options: dict[str, object]) -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        calls = [peer.call(1, RESOLVE) for _ in range(3 * SERVING_MAX)]
        assert await asyncio.gather(*calls) == [RESOLVE_OK] * len(calls)
        with pytest.raises(UnavailableError, match="does not support streams"):
            await peer.open_stream("x")

    async def slow(call: Call) -> bytes:
        await asyncio.sleep(0)
        return RESOLVE_OK

    run(scenario, handlers={1: slow}, **options)
