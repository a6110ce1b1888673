"""The public interface as a user meets it: odd arguments, misbehaving handlers, named errors."""

from __future__ import annotations

import asyncio
import inspect
import logging
import pickle
from collections.abc import Awaitable, Callable
from typing import Any  # Any: a stand-in, or a value of a wrong type.

import pytest

from nexus.core.errors import NexusError
from nexus.dsoftbus.audit import AuditRecord, Outcome, Record
from nexus.dsoftbus.io import errors
from nexus.dsoftbus.io.counters import Counters
from nexus.dsoftbus.io.interceptor import Interceptor, OutgoingCall
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_scene import KEY_A, KEY_B, RESOLVE_OK, TwoNodes, peer_of, settings_of
from nexus.dsoftbus.io.node_scene import two_nodes as running
from nexus.dsoftbus.io.peer import Peer
from nexus.dsoftbus.io.settings import Call, FailedError, Reply
from nexus.dsoftbus.io.stream import BusStream
from nexus.wire.gateway import Response, Status

ODD: list[Any] = [None, -1, 0, float("inf"), float("nan"), "1", 10**400, True, b"", [], object()]


async def echo(stream: BusStream) -> None:
    async for piece in stream:
        await stream.write(piece)


def run(scenario: Callable[[TwoNodes], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), running(**options) as nodes:
            await scenario(nodes)

    asyncio.run(main())


def public(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}


def test_there_is_nothing_public_that_is_not_for_users() -> None:
    assert public(BusStream) == {
        "name",
        "gate",
        "number",
        "peer",
        "read",
        "read_exactly",
        "write",
        "close",
        "over",
        "reset",
    }
    assert public(Peer) == {
        "settings",
        "device_id",
        "is_ready",
        "link",
        "encoding",
        "in_flight",
        "wait_ready",
        "call",
        "resolve",
        "bundle_count",
        "ping",
        "open_stream",
        "turn",
        "next_correlation",
        "invoke",
        "samgr",
        "bundlemgr",
        "packagefs",
        "statefs",
        "log",
    }
    assert public(Node) == {"connect", "live", "public_key", "session_count", "audit_log", "close"}


def test_errors_are_also_the_built_in_ones_that_mean_the_same() -> None:
    kinds: dict[type[Exception], type[Exception]] = {
        errors.DeadlineError: TimeoutError,
        errors.UnavailableError: ConnectionError,
        errors.RefusedError: PermissionError,
        errors.SessionLostError: ConnectionError,
        errors.ClosedError: ConnectionError,
        errors.BusyError: errors.FailedError,
        errors.MisuseError: ValueError,
        errors.MisuseTypeError: TypeError,
    }
    for kind, meaning in kinds.items():
        error = kind("why")
        assert isinstance(error, meaning)
        assert isinstance(error, NexusError)
        assert str(error) == "why"
        assert isinstance(pickle.loads(pickle.dumps(error)), kind)
        assert not isinstance(error, OSError) or error.errno
    reset = errors.StreamResetError("why", 2)
    assert (str(reset), reset.reason) == ("why", 2)


def test_nothing_undeclared_escapes() -> None:
    """Every public coroutine, with every odd argument in every place, on a live session."""

    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        good: dict[str, tuple[Any, ...]] = {
            "connect": ("node-b", 5.0),
            "call": (1, b"SM\1\6\1x", 5.0),
            "resolve": ("x", 5.0),
            "bundle_count": (5.0,),
            "ping": (5.0,),
            "wait_ready": (5.0,),
            "open_stream": ("echo", 4, 5.0),
        }
        for name, arguments in good.items():
            method = getattr(nodes.a if name == "connect" else peer, name)
            for place in range(len(arguments)):
                for odd in ODD:
                    given = (*arguments[:place], odd, *arguments[place + 1 :])
                    made = await attempt(method(*given))
                    if isinstance(made, BusStream):
                        made.reset()
        for odd in ODD:
            stream = await peer.open_stream("echo")
            await attempt(stream.write(odd))
            stream.close()
            await attempt(stream.read_exactly(odd))
            await attempt(stream.read(odd))
            stream.reset()
        assert nodes.a.session_count == 1

    run(scenario, streams={"echo": echo})


async def attempt(doing: Awaitable[Any]) -> Any:
    """Return what it gave, or the declared error that it ended with, which says why in a line."""
    try:
        return await doing
    except NexusError as exc:
        lines = str(exc).splitlines()
    assert len(lines) == 1
    return None


def test_reading_and_writing_as_elsewhere() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        async with await peer.open_stream("echo") as stream:
            buffer = bytearray(b"first")
            await stream.write(buffer)
            buffer[:] = b"XXXXX"
            await stream.write(memoryview(b" second"))
            assert await stream.read(0) == b""
            with pytest.raises(TypeError, match="str; expected bytes"):
                await stream.write("text")  # type: ignore[arg-type]  # The mistake that is tested.
            with pytest.raises(ValueError, match="-2"):
                await stream.read(-2)
            stream.close()
            with pytest.raises(errors.MisuseError, match="closed for writing"):
                await stream.write(b"x")
            assert await stream.read(-1) == b"first second"
            assert await stream.read() == b""

    run(scenario, streams={"echo": echo})


def test_async_for_and_async_with() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        async with await peer.open_stream("echo") as stream:
            await stream.write(bytes(100_000))
            stream.close()
            assert sum([len(piece) async for piece in stream]) == 100_000
        with pytest.raises(RuntimeError, match="mine"):
            async with await peer.open_stream("echo") as stream:
                raise RuntimeError("mine")
        with pytest.raises(errors.StreamResetError):
            await stream.read()

    run(scenario, streams={"echo": echo})


async def _cancelled(call: Call) -> bytes:
    raise asyncio.CancelledError


def _cancelled_at_once(call: Call) -> bytes:
    raise asyncio.CancelledError


async def _late_text(call: Call) -> bytes:
    return "text"  # type: ignore[return-value]  # The mistake that is tested.


@pytest.mark.parametrize(
    "handler",
    [lambda call: "text", _late_text, _cancelled, _cancelled_at_once, lambda call: 7],
    ids=["text", "text later", "cancelled", "cancelled at once", "a number"],
)
def test_a_handler_that_misbehaves_costs_its_caller_one_answer(
    handler: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        with pytest.raises(FailedError):
            await peer.call(2, b"BN\1\1")
        assert await peer.resolve("x")
        assert nodes.b.counters.handlers_failed == 1

    run(scenario, handlers={1: lambda call: RESOLVE_OK, 2: handler})
    assert "the handler of service 2" in caplog.text


def test_a_sink_that_raises_costs_nobody_a_session(caplog: pytest.LogCaptureFixture) -> None:
    def broken(record: Record) -> None:
        raise BrokenPipeError("standard output is closed")

    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        nodes.b._trail._sink = broken
        for _ in range(5):
            assert await peer.resolve("x")
        assert nodes.b.session_count == 1
        assert nodes.b.counters.sink_failures == 5
        assert len(list(nodes.b.audit_log)) == 5

    with caplog.at_level(logging.ERROR, "nexus.dsoftbus"):
        run(scenario)
    assert "the audit sink failed" in caplog.text
    assert "standard output is closed" in caplog.text


def test_a_ping_on_a_lost_session_is_a_declared_error() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        assert peer.link is not None
        pinging = asyncio.create_task(peer.ping())
        await asyncio.sleep(0)
        peer.link.abort()
        with pytest.raises(errors.SessionLostError):
            await pinging

    run(scenario)


def test_interceptors_stand_around_calls_on_both_sides() -> None:
    seen: list[str] = []

    class Trace(Interceptor):
        def __init__(self, name: str) -> None:
            self.name = name

        async def outgoing(
            self, call: OutgoingCall, proceed: Callable[[OutgoingCall], Awaitable[bytes]]
        ) -> bytes:
            seen.append(f"{self.name} calls {call.peer} {call.service}")
            return await proceed(call)

        async def incoming(self, call: Call, proceed: Callable[[Call], Awaitable[Reply]]) -> Reply:
            seen.append(f"{self.name} serves {call.peer} {call.service}")
            return await proceed(call)

    async def main() -> None:
        a = Node(settings_of(KEY_A, peer_of(KEY_B)), interceptors=[Trace("a1"), Trace("a2")])
        b = Node(
            settings_of(KEY_B, peer_of(KEY_A)),
            {1: lambda call: RESOLVE_OK},
            interceptors=[Trace("b")],
        )
        async with asyncio.timeout(10), a, b:
            a.discovery.add_target("127.0.0.1", b.discovery_port)
            peer = await a.connect("node-b")
            assert await peer.resolve("x")

    asyncio.run(main())
    assert seen == ["a1 calls node-b 1", "a2 calls node-b 1", "b serves node-a 1"]


def test_counters_say_what_happened() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        await peer.resolve("x")
        with pytest.raises(errors.RefusedError):
            await peer.call(3, b"PK\1\1")
        ours, theirs = nodes.a.counters.snapshot(), nodes.b.counters.snapshot()
        assert (ours["calls_sent"], ours["calls_answered"]) == (2, 2)
        assert (theirs["calls_served"], theirs["calls_denied"]) == (1, 1)
        assert ours["sessions_opened"] == theirs["sessions_opened"] == 1
        assert ours["bytes_sent"] == theirs["bytes_received"] > 0
        assert set(ours) == set(Counters.__slots__)
        outcomes = [r.outcome for r in nodes.b.audit_log if isinstance(r, AuditRecord)]
        assert outcomes == [Outcome.OK, Outcome.SERVICE]

    run(scenario)


def test_a_busy_service_is_an_error_of_its_own() -> None:
    async def scenario(nodes: TwoNodes) -> None:
        peer = await nodes.a.connect("node-b")
        calling = asyncio.create_task(peer.call(1, b"SM\1\6\1x"))
        await asyncio.sleep(0)
        (correlation,) = peer._calls._pending
        peer._calls.answered(Response(Status.BUSY, correlation))
        with pytest.raises(errors.BusyError, match="takes no more calls now; try again later"):
            await calling

    run(scenario)
