"""A peer as its user meets it: what it says of itself, what each answer raises, which arguments
cannot be.  Its calls are a stand-in, so that every answer can be given."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar, cast  # Any: stand-ins, and arguments of wrong types.

import pytest

from nexus.dsoftbus.io import errors
from nexus.dsoftbus.io.calls import Calls
from nexus.dsoftbus.io.clock import LoopClock
from nexus.dsoftbus.io.interceptor import Interceptor, OutgoingCall
from nexus.dsoftbus.io.node_scene import KEY_B, RESOLVE_OK, peer_of, two_nodes
from nexus.dsoftbus.io.peer import Peer
from nexus.dsoftbus.io.settings import Call, Reply
from nexus.wire import bundle, samgr
from nexus.wire.gateway import Response, Status
from nexus.wire.methods import METHODS, Method

T = TypeVar("T")

SETTINGS = peer_of(KEY_B)


class FakeCalls:
    """Calls to a peer that gives one answer to everything."""

    def __init__(self, response: Response | None = None, session: Any = None) -> None:
        self.settings, self.clock, self.session = SETTINGS, LoopClock(), session
        self.in_flight = 3
        self.asked: list[tuple[int, bytes, float]] = []
        self._response = response

    async def exchange(self, service: int, payload: bytes, timeout_s: float) -> Response:
        self.asked.append((service, payload, timeout_s))
        assert self._response is not None
        return self._response

    async def invoke(
        self, spoken: object, request: bytes, timeout_s: float
    ) -> tuple[Response, None]:
        return await self.exchange(1, request, timeout_s), None

    async def wait_ready(self) -> Any:
        if self.session is None:
            await asyncio.Event().wait()
        return self.session


def peer_with(calls: FakeCalls, *interceptors: Interceptor) -> Peer:
    return Peer(SETTINGS, 7, cast("Calls", calls), interceptors)


def answer(payload: bytes, status: Status = Status.OK) -> Peer:
    return peer_with(FakeCalls(Response(status, 1, payload)))


def run(call: Callable[[], Awaitable[T]]) -> T:
    async def main() -> T:
        async with asyncio.timeout(10):
            return await call()

    return asyncio.run(main())


def test_a_peer_without_calls_never_has_a_session() -> None:
    peer = Peer(SETTINGS, 7)
    assert (peer.is_ready, peer.link, peer.encoding, peer.in_flight) == (False, None, "frames", 0)
    assert (peer.settings, peer.device_id) == (SETTINGS, "node-b")
    with pytest.raises(
        errors.UnavailableError,
        match=r"^no session with node-b within 0\.01 s: is it announced, and are the keys of both"
        r" sides as configured\?",
    ):
        run(lambda: peer.wait_ready(0.01))
    assert peer.next_correlation() != peer.next_correlation()


def test_a_peer_with_a_session_says_so_and_how_calls_go() -> None:
    async def main() -> None:
        async with two_nodes() as nodes:
            peer = await nodes.a.connect("node-b")
            assert await peer.resolve("bundlemgrd")
            assert (peer.is_ready, peer.encoding, peer.in_flight) == (True, "messages", 0)
            assert peer.link is not None
            assert 0 <= await peer.ping() < 5.0
            assert [entry.device_id for entry in nodes.a.live()] == ["node-b"]
            peer.link.abort()
            await nodes.a.close()
            assert (peer.is_ready, peer.encoding) == (False, "frames")

    run(main)


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (Status.REFUSED, errors.RefusedError, "node-b refused the call"),
        (
            Status.BUSY,
            errors.BusyError,
            "the service of node-b takes no more calls now",
        ),
        (Status.FAILED, errors.FailedError, "the service of node-b did not answer"),
    ],
)
def test_each_status_is_an_error_of_its_own(
    status: Status, kind: type[Exception], text: str
) -> None:
    peer = answer(b"", status)
    for call in (
        lambda: peer.call(1, b"x"),
        lambda: peer.resolve("x"),
        lambda: peer.samgr.resolve_status("x", timeout_s=1.0),
    ):
        with pytest.raises(kind, match=f"^{text}"):
            run(call)


def test_what_a_call_was_asked_with_is_what_is_sent() -> None:
    calls = FakeCalls(Response(Status.OK, 1, RESOLVE_OK))
    peer = peer_with(calls)
    assert run(lambda: peer.call(255, b"x")) == RESOLVE_OK
    assert run(lambda: peer.resolve("logd", 0.5)) is True
    request = samgr.Request(samgr.Op.RESOLVE_STATUS, "logd").encode()
    assert calls.asked == [(255, b"x", 5.0), (1, request, 0.5)]
    assert peer.in_flight == 3


def test_answers_are_read_or_named() -> None:
    missing = samgr.SlotReply(samgr.Op.RESOLVE_STATUS, samgr.Status.NOT_FOUND).encode()
    assert run(lambda: answer(missing).resolve("x")) is False
    for count in (0, 1, 9):
        peer = answer(bundle.ListReply(bundle.Status.OK, count).encode())
        assert run(peer.bundle_count) == count
    for payload in (b"", b"nonsense"):
        peer = answer(payload)
        for call in (
            partial(peer.resolve, "x"),
            peer.bundle_count,
            partial(peer.samgr.resolve_status, "x", timeout_s=1.0),
        ):
            with pytest.raises(errors.FailedError, match=r"^node-b answered with "):
                run(call)
    other = bundle.ListReply(bundle.Status.UNSUPPORTED, 0).encode()
    with pytest.raises(errors.FailedError, match=r"^node-b cannot list its bundles"):
        run(lambda: answer(other).bundle_count())


@pytest.mark.parametrize("name", ["", "x" * 65, 7, None, "\ud800"])
def test_a_name_that_cannot_be_asked_for_is_a_misuse(name: Any) -> None:
    with pytest.raises(errors.MisuseError, match=r"^name: .*; expected the name of a service"):
        run(lambda: answer(RESOLVE_OK).resolve(name))


def test_a_method_that_is_not_in_the_contract_is_named_with_its_nearest() -> None:
    peer = answer(RESOLVE_OK)
    with pytest.raises(
        errors.MisuseError, match=r"^method: samgrd has no 'resolve-statu'.*resolve-status"
    ):
        run(lambda: peer.invoke("samgrd", "resolve-statu", None, 1.0))
    with pytest.raises(errors.MisuseError, match=r"^method: nothing has no 'resolve-status'"):
        run(lambda: peer.invoke("nothing", "resolve-status", None, 1.0))
    method: Method = METHODS[0]
    with pytest.raises(errors.MisuseError, match=r"^samgrd resolve-status: "):
        run(lambda: peer.invoke("samgrd", method.name, method.params("x" * 99), 1))


@pytest.mark.parametrize("length", [1, 58])
@pytest.mark.parametrize("priority", [0, 7])
def test_a_stream_that_may_be_opened_waits_for_a_session(length: int, priority: int) -> None:
    with pytest.raises(errors.UnavailableError, match="no session"):
        run(lambda: peer_with(FakeCalls()).open_stream("x" * length, priority, 0.01))


@pytest.mark.parametrize(
    ("name", "priority", "text"),
    [
        ("", 4, r"name: '' has 0 bytes; expected 1 to 58"),
        ("x" * 59, 4, r"has 59 bytes; expected 1 to 58"),
        ("\u00fc" * 30, 4, r"has 60 bytes; expected 1 to 58"),
        (None, 4, r"name: None; expected text"),
        ("\ud800", 4, r"; expected text"),
        ("x", -1, r"priority: -1; expected 0 \(first\) to 7"),
        ("x", 8, r"priority: 8; expected 0 \(first\) to 7"),
        ("x", True, r"priority: True; expected 0 \(first\) to 7"),
        ("x", "4", r"priority: '4'; expected 0 \(first\) to 7"),
        ("x", 4.0, r"priority: 4\.0; expected 0 \(first\) to 7"),
    ],
)
def test_a_stream_that_cannot_be_is_a_misuse(name: Any, priority: Any, text: str) -> None:
    with pytest.raises(errors.MisuseError, match=text):
        run(lambda: peer_with(FakeCalls()).open_stream(name, priority, 0.01))


def session_of(**values: Any) -> Any:
    """A session whose link has these values."""
    link = SimpleNamespace(settled=asyncio.Event(), carrier=None, wake=lambda: None, **values)
    return SimpleNamespace(link=link, streams=None)


def test_a_peer_that_says_nothing_or_is_lost_or_speaks_no_streams_has_none() -> None:
    async def main() -> None:
        session = session_of()
        peer = peer_with(FakeCalls(session=session))
        with pytest.raises(errors.UnavailableError, match=r"^node-b .* 0\.01 s"):
            await peer.open_stream("x", timeout_s=0.01)
        session.link.settled.set()
        with pytest.raises(errors.SessionLostError, match=r"^the session with node-b was lost"):
            await peer.open_stream("x")
        session.link.carrier = SimpleNamespace(streams=None)
        with pytest.raises(errors.NoStreamsError, match=r"^node-b .* streams"):
            await peer.open_stream("x")

    run(main)


@pytest.mark.parametrize(("asked", "priority"), [({}, 4), ({"priority": 0}, 0)])
def test_a_stream_has_the_priority_it_is_opened_with_or_one_in_the_middle(
    asked: dict[str, int], priority: int
) -> None:
    opened: list[tuple[object, ...]] = []

    def open_stream(*what: object) -> int:
        opened.append(what)
        return 1

    async def main() -> None:
        session = session_of()
        session.link.settled.set()
        session.link.carrier = SimpleNamespace(streams=1, open=open_stream)
        session.streams = SimpleNamespace(add=lambda number, name: (number, name))
        await peer_with(FakeCalls(session=session)).open_stream("x", **asked)

    run(main)
    assert opened == [("x", priority)]


def test_a_ping_takes_as_long_as_it_takes_or_ends_with_its_cause() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    async def lost() -> None:
        raise ConnectionError

    async def main() -> None:
        for ping, kind, text in (
            (never, errors.DeadlineError, r"^node-b gave no answer in 0\.01 s"),
            (lost, errors.SessionLostError, r"^the session with node-b was lost"),
        ):
            peer = peer_with(FakeCalls(session=session_of(ping=ping)))
            with pytest.raises(kind, match=text):
                await peer.ping(0.01)

    run(main)


def test_one_lock_for_each_name_of_a_stream() -> None:
    peer = peer_with(FakeCalls())
    assert peer.turn("a") is peer.turn("a")
    assert peer.turn("a") is not peer.turn("b")


def test_an_interceptor_that_overrides_nothing_changes_nothing() -> None:
    calls = FakeCalls(Response(Status.OK, 1, RESOLVE_OK))
    plain = Interceptor()
    assert run(lambda: peer_with(calls, plain).resolve("x", 1.5)) is True
    assert run(lambda: peer_with(calls, plain).samgr.resolve_status("x", timeout_s=1.5)) is not None
    assert [each[2] for each in calls.asked] == [1.5, 1.5]

    async def serve(call: Call) -> Reply:
        return RESOLVE_OK

    call = cast("Call", object())
    assert run(lambda: plain.incoming(call, serve)) == RESOLVE_OK


def test_an_interceptor_may_answer_itself() -> None:
    class Own(Interceptor):
        async def outgoing(
            self, call: OutgoingCall, proceed: Callable[[OutgoingCall], Awaitable[bytes]]
        ) -> bytes:
            assert call == OutgoingCall("node-b", 9, b"x", 2.0)
            return b"mine"

    assert run(lambda: peer_with(FakeCalls(), Own()).call(9, b"x", 2.0)) == b"mine"
