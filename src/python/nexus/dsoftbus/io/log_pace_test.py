"""The queries of a peer's log: their pace, their bound, and the meaning of a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import pytest

from nexus.core.duration import TimeoutValueError
from nexus.dsoftbus.io.log import TIMEOUT_S, NodeLog, read_log
from nexus.dsoftbus.io.settings import Call, DeadlineError, FailedError, RefusedError
from nexus.dsoftbus.log import SERVICE
from nexus.dsoftbus.log_reader import LogReader
from nexus.wire import log

T = TypeVar("T")

SECOND = 1_000_000_000


class QuickClock:
    """Whatever is waited for comes at once, and is written down."""

    def __init__(self) -> None:
        self.at_ns = 0
        self.pauses: list[int] = []

    def now_ns(self) -> int:
        return self.at_ns

    def call_at(self, at_ns: int, callback: Callable[[], object]) -> asyncio.Handle:
        self.pauses.append(at_ns - self.at_ns)
        self.at_ns = at_ns
        return asyncio.get_running_loop().call_soon(callback)


def page(number: int, total: int) -> bytes:
    """An answer with one record of so many."""
    record = log.Record(number, number, log.Level.INFO, 0, "s", f"record {number}", "")
    return log.Reply(log.Op.QUERY, log.Status.OK, total=total, records=(record,)).encode()


class Peer:
    """A peer whose log has so many records, one an answer; it refuses some of the questions."""

    def __init__(self, total: int, refused: Sequence[int] = ()) -> None:
        self.total, self.refused = total, set(refused)
        self.asked: list[float] = []
        self.services: set[int] = set()
        self._given = 0

    async def call(self, service: int, payload: bytes, timeout_s: float) -> bytes:
        self.services.add(service)
        self.asked.append(timeout_s)
        if len(self.asked) in self.refused:
            raise RefusedError("no")
        self._given += 1
        return page(self._given, self.total)


def run(read: Callable[[], Awaitable[T]]) -> T:
    async def main() -> T:
        async with asyncio.timeout(10):
            return await read()

    return asyncio.run(main())


def reading(peer: Peer, clock: QuickClock, timeout_s: float = TIMEOUT_S) -> list[str]:
    async def read() -> list[str]:
        pages = read_log(peer, LogReader(), timeout_s, clock)
        return [record.message async for records in pages for record in records]

    return run(read)


@pytest.mark.parametrize(("total", "pauses"), [(1, 0), (8, 0), (9, 1), (12, 4)])
def test_eight_questions_go_at_once_and_then_twelve_a_second(total: int, pauses: int) -> None:
    peer, clock = Peer(total), QuickClock()
    assert reading(peer, clock) == [f"record {number}" for number in range(1, total + 1)]
    assert clock.pauses == [SECOND // 12] * pauses
    assert peer.services == {SERVICE}
    assert TIMEOUT_S == peer.asked[0] == 30.0


def test_what_is_refused_on_the_way_is_asked_again_a_quarter_of_a_second_later() -> None:
    peer, clock = Peer(3, refused=(2, 3)), QuickClock()
    assert reading(peer, clock) == ["record 1", "record 2", "record 3"]
    assert clock.pauses == [SECOND // 4] * 2
    assert peer.asked == [30.0, 30.0, 29.75, 29.5, 29.5], "each has the time that is left"


def test_a_first_question_that_is_refused_is_not_permitted() -> None:
    peer, clock = Peer(3, refused=(1,)), QuickClock()
    with pytest.raises(RefusedError):
        reading(peer, clock)
    assert (len(peer.asked), clock.pauses) == (1, [])


@pytest.mark.parametrize(("timeout_s", "asked"), [(0.25, 2), (0.250001, 3)])
def test_where_no_time_is_left_to_ask_again_the_refusal_stands(
    timeout_s: float, asked: int
) -> None:
    peer, clock = Peer(3, refused=(2, 3)), QuickClock()
    with pytest.raises(RefusedError):
        reading(peer, clock, timeout_s)
    assert len(peer.asked) == asked


def test_a_log_that_is_not_read_in_its_time_is_one_line() -> None:
    peer, clock = Peer(100), QuickClock()
    with pytest.raises(DeadlineError) as caught:
        reading(peer, clock, 1.0)
    assert str(caught.value) == "the log was not read to its end in time"
    # Eight at once, and one for each twelfth of a second that does not reach the end of the time.
    assert len(peer.asked) == 8 + 12


@pytest.mark.parametrize("timeout_s", [0, -1.0, float("nan")])
def test_a_time_that_is_none_is_refused(timeout_s: float) -> None:
    with pytest.raises(TimeoutValueError):
        reading(Peer(1), QuickClock(), timeout_s)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "the peer's answer cannot be read: "),
        (
            log.Reply(log.Op.QUERY, log.Status.MALFORMED).encode(),
            "the peer's log answered QUERY MALFORMED",
        ),
        (log.Reply(log.Op.STATS, log.Status.OK).encode(), "the peer's log answered STATS OK"),
    ],
)
def test_an_answer_that_is_none_is_named(answer: bytes, said: str) -> None:
    class Odd(Peer):
        async def call(self, service: int, payload: bytes, timeout_s: float) -> bytes:
            return answer

    with pytest.raises(FailedError) as caught:
        reading(Odd(1), QuickClock())
    assert str(caught.value).startswith(said)


def test_a_log_begins_at_zero_and_keeps_when_and_how_bad() -> None:
    now_ns = 5 * SECOND
    kept = NodeLog(lambda: now_ns)
    now_ns += 3
    kept.append(log.Level.WARN, "first")
    now_ns += 7
    kept.append(log.Level.INFO, "second")
    assert [(r.time_ns, r.level, r.message) for r in kept.records()] == [
        (3, log.Level.WARN, "first"),
        (10, log.Level.INFO, "second"),
    ]
    reply = log.decode_reply(kept(Call("node-a", 1, SERVICE, log.Query(0, 9).encode())))
    assert [record.message for record in reply.records] == ["first", "second"]
