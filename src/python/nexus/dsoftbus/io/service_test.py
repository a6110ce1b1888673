"""The serving side of one session, call by call: what is answered and recorded, how many are served
at once, and what a handler's defect, its time and the session's end do."""

from __future__ import annotations

import asyncio
import logging
from typing import Any  # Any: what a handler returns by mistake.

import pytest

from nexus.dsoftbus.audit import AuditRecord, Outcome
from nexus.dsoftbus.carrier import Nonsense
from nexus.dsoftbus.io.interceptor import Interceptor
from nexus.dsoftbus.io.service import SERVING_MAX
from nexus.dsoftbus.io.service_scene import LIST, PEER, RESOLVE, Serving, turns
from nexus.dsoftbus.io.settings import Call
from nexus.dsoftbus.io.waiting_support import run
from nexus.dsoftbus.rate import Limit
from nexus.wire.gateway import Response, Status

OK = AuditRecord(Outcome.OK, PEER, 1, 6)
FAILED = AuditRecord(Outcome.FAILED, PEER, 1, 6)


def answered(
    status: Status, payload: bytes = b"", stream: int | None = None
) -> list[tuple[Response, int | None]]:
    return [(Response(status, 9, payload), stream)]


@pytest.mark.parametrize("reply", [b"reply", bytearray(b"reply"), memoryview(b"reply")])
@pytest.mark.parametrize("stream", [None, 4])
def test_a_reply_is_answered_on_its_stream_and_recorded(reply: bytes, stream: int | None) -> None:
    async def later(call: Call) -> bytes:
        return reply

    async def scenario() -> None:
        calls: list[Call] = []

        def at_once(call: Call) -> bytes:
            calls.append(call)
            return reply

        for handler, idle in ((at_once, 0), (later, 1)):
            world = Serving({1: handler})
            world.ask(stream=stream)
            await turns()
            assert world.to.answers == answered(Status.OK, b"reply", stream)
            assert world.records == [OK]
            assert (world.counters.calls_served, world.counters.calls_denied) == (1, 0)
            assert (world.idle, world.session.is_idle) == (idle, True)
        assert calls == [Call(PEER, 3, 1, RESOLVE, 9)]

    run(scenario)


def test_what_is_not_permitted_reaches_no_handler() -> None:
    async def scenario() -> None:
        world = Serving({2: lambda call: b"never"})
        world.ask(LIST[:3] + b"\2", 2)
        assert world.to.answers == answered(Status.REFUSED)
        assert world.records == [AuditRecord(Outcome.SERVICE, PEER, 2, 2)]
        assert (world.counters.calls_served, world.counters.calls_denied) == (0, 1)

    run(scenario)


def test_what_is_not_even_a_frame_costs_a_token_and_has_a_record() -> None:
    async def scenario() -> None:
        world = Serving({1: lambda call: b"reply"}, Limit(2, 0))
        world.to.requests.append(Nonsense(Outcome.OVERSIZED, b""))
        world.ask()
        assert world.records == [AuditRecord(Outcome.OVERSIZED, PEER, None, None), OK]
        world.ask()
        assert world.records[2:] == [AuditRecord(Outcome.RATE, PEER, 1, 6)]
        assert [response.status for response, _ in world.to.answers] == [
            Status.OK,
            Status.REFUSED,
        ]

    run(scenario)


@pytest.mark.parametrize("is_bare", [False, True])
def test_so_many_calls_are_served_at_once_and_the_others_wait(is_bare: bool) -> None:
    gates: list[asyncio.Event] = []

    async def slow(call: Call) -> bytes:
        gates.append(asyncio.Event())
        await gates[-1].wait()
        return b"reply"

    async def scenario() -> None:
        gates.clear()
        world = Serving({1: slow})
        world.to.has_bare_requests = is_bare
        for _ in range(SERVING_MAX - 1):
            world.ask()
        assert set(world.to.asked) == {"release"}
        world.to.asked.clear()
        world.ask()
        assert world.to.asked == ["hold"] * is_bare
        world.ask()
        await turns()
        assert (len(gates), len(world.to.requests), world.session.is_idle) == (128, 1, False)
        world.to.asked.clear()
        gates[5].set()
        await turns()
        assert (len(gates), len(world.to.requests), len(world.to.answers)) == (129, 0, 1)
        assert world.idle == 0
        for gate in gates:
            gate.set()
        await turns()
        assert (len(world.to.answers), world.idle, world.session.is_idle) == (129, 1, True)

    run(scenario)


def test_a_handler_has_as_long_as_its_caller_waits() -> None:
    ended: list[str] = []

    async def never(call: Call) -> bytes:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")
        return b""

    async def scenario() -> None:
        world = Serving({1: never})
        world.ask(deadline_ms=250)
        await turns()
        world.clock.turn_to(249_999_999)
        await turns()
        assert (ended, world.to.answers) == ([], [])
        world.clock.turn_to(250_000_000)
        await turns()
        assert ended == ["cancelled"]
        assert world.to.answers == answered(Status.FAILED)
        assert world.records == [FAILED]
        assert world.counters.handlers_failed == 0, "it did nothing wrong"
        assert world.clock.waiting == []

    run(scenario)


async def _late_text(call: Call) -> Any:
    return "text"


async def _raises_late(call: Call) -> bytes:
    raise KeyError("mine")


async def _cancelled_late(call: Call) -> bytes:
    raise asyncio.CancelledError


def _raises(call: Call) -> bytes:
    raise KeyError("mine")


def _cancelled(call: Call) -> bytes:
    raise asyncio.CancelledError


def _text(call: Call) -> Any:
    return "text"


@pytest.mark.parametrize(
    ("handler", "said", "trace"),
    [
        (_text, "returned str; expected bytes or None", None),
        (_late_text, "returned str; expected bytes or None", None),
        (_raises, "raised", KeyError),
        (_raises_late, "raised", KeyError),
        (_cancelled, "raised", asyncio.CancelledError),
        (_cancelled_late, "was cancelled by itself", None),
    ],
)
def test_a_handlers_defect_is_one_line_and_one_answer(
    handler: Any, said: str, trace: type | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        world = Serving({1: handler})
        world.ask()
        await turns()
        assert world.to.answers == answered(Status.FAILED)
        assert world.records == [FAILED]
        assert (world.counters.handlers_failed, world.counters.calls_served) == (1, 1)
        assert world.session.is_idle

    with caplog.at_level(logging.ERROR, "nexus.dsoftbus"):
        run(scenario)
    [line] = caplog.records
    assert line.getMessage() == f"the handler of service 1 {said}"
    assert (line.exc_info and line.exc_info[0]) == trace


@pytest.mark.parametrize("handlers", [{}, {1: lambda call: None}], ids=["none", "no reply"])
def test_a_service_without_a_reply_fails_its_call_and_is_no_defect(handlers: Any) -> None:
    async def scenario() -> None:
        world = Serving(handlers)
        world.ask()
        assert world.to.answers == answered(Status.FAILED)
        assert world.records == [FAILED]
        assert world.counters.handlers_failed == 0

    run(scenario)


def test_the_end_of_a_session_cancels_what_it_serves_and_answers_nothing() -> None:
    ended: list[str] = []

    async def never(call: Call) -> bytes:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")
        return b""

    async def scenario() -> None:
        world = Serving({1: never})
        world.ask()
        await turns()
        world.to.asked.clear()
        world.session.end()
        await turns()
        assert ended == ["cancelled"]
        assert world.records == [FAILED], "it may have had its effect"
        assert (world.to.answers, world.to.asked) == ([], [])
        assert (world.idle, world.session.is_idle) == (1, True)
        world.ask()
        assert len(world.to.requests) == 1, "nothing more is taken"

    run(scenario)


def test_a_handler_that_ends_its_session_is_not_answered_and_no_other_is_begun() -> None:
    async def scenario() -> None:
        world = Serving({1: lambda call: world.session.end()})
        world.to.has_bare_requests = True
        world.to.requests.append(Nonsense(Outcome.MALFORMED, b""))
        world.ask()
        world.ask()
        assert world.to.answers == []
        assert len(world.to.requests) == 1
        assert world.to.asked == []
        assert world.records[1:] == [FAILED]

    run(scenario)


def test_an_answer_that_cannot_be_sent_is_named_and_the_session_serves_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def later(call: Call) -> bytes:
        return b"reply"

    async def scenario() -> None:
        world = Serving({1: later})
        world.to.is_broken = True
        world.ask()
        await turns()
        world.to.is_broken = False
        world.ask()
        await turns()
        assert world.to.answers == answered(Status.OK, b"reply")
        assert world.idle == 2

    with caplog.at_level(logging.ERROR, "nexus.dsoftbus"):
        run(scenario)
    assert [each.getMessage() for each in caplog.records] == ["a call of node-a was not answered"]


@pytest.mark.parametrize("is_late", [False, True])
def test_an_interceptor_stands_around_a_handler_of_either_kind(is_late: bool) -> None:
    async def later(call: Call) -> bytes:
        return b"reply"

    async def scenario() -> None:
        handler: Any = later if is_late else lambda call: b"reply"
        world = Serving({1: handler}, interceptors=[Interceptor()])
        world.ask()
        await turns()
        assert world.to.answers == answered(Status.OK, b"reply")

    run(scenario)
