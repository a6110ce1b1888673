"""A node's audit, read by a peer over real sessions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from nexus.dsoftbus.audit import AuditRecord, Outcome, Record
from nexus.dsoftbus.io import log as io_log
from nexus.dsoftbus.io.hand_clock_fake import HandClock
from nexus.dsoftbus.io.log import NodeLog, read_log
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_scene import HANDLERS, KEY_A, KEY_B, introduce, peer_of, settings_of
from nexus.dsoftbus.io.peer import Peer
from nexus.dsoftbus.io.settings import Call, DeadlineError, FailedError, RefusedError
from nexus.dsoftbus.log import SERVICE, STRANGERS_MAX
from nexus.dsoftbus.log_reader import LogReader
from nexus.dsoftbus.policy import Rule
from nexus.dsoftbus.rate import Limit
from nexus.dsoftbus.rooms import Room
from nexus.wire import log

RULES = (Rule("node-a", 1, 6), Rule("node-a", SERVICE, 2))
PLENTY = Limit(10_000, 10_000)


@pytest.fixture(autouse=True)
def _unpaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pace is for guests."""
    monkeypatch.setattr(io_log, "_PACE_S", 0.0)
    monkeypatch.setattr(io_log, "_RETRY_S", 0.02)


@asynccontextmanager
async def reading(
    *, rules: tuple[Rule, ...] = RULES, rate: Limit = PLENTY
) -> AsyncIterator[tuple[Peer, NodeLog, list[Record]]]:
    """Give A's view of B, B's log, and the records of B's own sink."""
    kept, told = NodeLog(), list[Record]()
    settings = replace(settings_of(KEY_B, peer_of(KEY_A)), rules=rules, rate=rate)
    b = Node(settings, {**HANDLERS, SERVICE: kept}, kept.keeping(told.append))
    a = Node(settings_of(KEY_A, peer_of(KEY_B)))
    async with asyncio.timeout(30), a, b:
        introduce(a, b)
        yield await a.connect("node-b"), kept, told


async def read(peer: Peer, reader: LogReader | None = None) -> list[log.Record]:
    wanted = reader or LogReader()
    return [record async for records in read_log(peer, wanted, 10) for record in records]


def test_a_peer_reads_what_was_recorded_and_not_its_own_reading() -> None:
    async def run() -> None:
        async with reading() as (peer, _, told):
            assert await read(peer) == []
            await peer.resolve("x")
            with pytest.raises(RefusedError):
                await peer.bundle_count()
            expected = [record.message for record in told]
            records = await read(peer)
            assert [record.message for record in records] == expected
            assert expected[-2:] == [
                "audit remote call outcome=ok peer=node-a service=samgrd op=6",
                "audit remote call outcome=denied-service peer=node-a service=bundlemgrd op=1",
            ]
            assert expected[0] == "audit remote call outcome=ok peer=node-a service=logd op=2"
            assert [record.level.name for record in records[-2:]] == ["INFO", "WARN"]
            again = await read(peer, LogReader(records[-1].time_ns))
            assert again[0] == records[-1]

    asyncio.run(run())


def test_a_long_log_is_read_at_the_rate_that_is_permitted() -> None:
    async def run() -> None:
        async with reading(rate=Limit(2, 8)) as (peer, kept, told):
            for number in range(100):
                kept.append(log.Level.DEBUG, f"record {number}")
            records = await read(peer)
            assert [record.message for record in records] == [f"record {n}" for n in range(100)]
            assert any("denied-rate" in record.message for record in told)

    asyncio.run(run())


@pytest.mark.parametrize("op", list(log.Op))
def test_denied_by_default(op: log.Op) -> None:
    frames: dict[log.Op, log.Request] = {
        log.Op.APPEND: log.Append(log.Level.INFO, "s", "m"),
        log.Op.QUERY: log.Query(0, 1),
        log.Op.STATS: log.Stats(),
    }

    async def run() -> None:
        others = tuple(Rule("node-a", SERVICE, other) for other in log.Op if other is not op)
        for rules in ((), others):
            async with reading(rules=rules) as (peer, _, told):
                with pytest.raises(RefusedError):
                    await peer.call(SERVICE, frames[op].encode())
                assert [record.message for record in told] == [
                    "audit remote call outcome=denied-service peer=node-a service=logd"
                    f" op={op.value}"
                ]

    asyncio.run(run())


def test_append_is_refused_even_where_a_rule_has_it() -> None:
    async def run() -> None:
        async with reading(rules=(Rule("node-a", SERVICE, 1), *RULES)) as (peer, _, told):
            frame = log.Append(log.Level.INFO, "s", "forged").encode()
            with pytest.raises(RefusedError):
                await peer.call(SERVICE, frame)
            assert "denied-service" in told[0].message
            assert [r.message for r in await read(peer) if "forged" in r.message] == []

    asyncio.run(run())


async def drain(peer: io_log.Caller, timeout_s: float) -> None:
    async for _ in read_log(peer, LogReader(), timeout_s):
        await asyncio.sleep(0)


@dataclass
class Scripted:
    """A peer that answers with given bytes."""

    answer: bytes
    asked: list[bytes] = field(default_factory=list)

    async def call(self, service: int, payload: bytes, timeout_s: float) -> bytes:
        """Answer."""
        self.asked.append(payload)
        return self.answer


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        log.Reply(log.Op.QUERY, log.Status.OK).encode()[:-1],
        log.Reply(log.Op.QUERY, log.Status.MALFORMED).encode(),
        log.Reply(log.Op.STATS, log.Status.OK).encode(),
    ],
)
def test_an_answer_that_is_none_ends_the_reading(answer: bytes) -> None:
    async def run() -> None:
        peer = Scripted(answer)
        with pytest.raises(FailedError, match="the peer's"):
            await drain(peer, 10)
        assert len(peer.asked) == 1

    asyncio.run(run())


def test_a_log_is_asked_however_little_time_is_left() -> None:
    async def run() -> None:
        peer = Scripted(log.Reply(log.Op.QUERY, log.Status.OK).encode())
        clock = HandClock()
        assert [records async for records in read_log(peer, LogReader(), 0.5, clock)] == [[]]
        assert len(peer.asked) == 1

    asyncio.run(run())


def test_a_log_without_end_is_read_for_so_long() -> None:
    async def run() -> None:
        class Endless:
            """Always has another record, and says that there are many more."""

            number = 0

            async def call(self, service: int, payload: bytes, timeout_s: float) -> bytes:
                """Answer."""
                self.number += 1
                text = ("s", "m", "")
                record = log.Record(self.number, self.number, log.Level.INFO, 0, *text)
                ok = log.Status.OK
                return log.Reply(log.Op.QUERY, ok, total=1 << 60, records=(record,)).encode()

        begun_s = time.monotonic()
        with pytest.raises(DeadlineError, match="to its end"):
            await drain(Endless(), 0.1)
        assert time.monotonic() - begun_s < 5

    asyncio.run(run())


def test_strangers_push_no_change_out_of_the_log_and_what_is_lost_is_a_record() -> None:
    now_ns = 0
    kept, told = NodeLog(lambda: now_ns), list[Record]()
    sink = kept.keeping(told.append)
    sink(AuditRecord(Outcome.OK, "node-a", 4, 1))
    for _ in range(STRANGERS_MAX + 600):
        now_ns += 1_000_000
        sink(AuditRecord(Outcome.UNAUTHENTICATED, None, None, None))
    for _ in range(2000):
        now_ns += 10_000_000
        sink(AuditRecord(Outcome.OK, "node-a", 1, 6))
    query = log.Query(0, 1).encode()
    reply = log.decode_reply(kept(Call("node-a", 1, SERVICE, query)))
    assert [record.message for record in reply.records] == [
        "audit remote call outcome=ok peer=node-a service=statefsd op=1"
    ]
    lost = [r.message for r in kept.records() if "lost=" in r.message]
    assert lost[0] == "audit lost=1"
    counted = sum(int(text.rpartition("=")[2]) for text in lost)
    # All but what was lost in the last ten seconds.
    assert reply.dropped - 1000 <= counted <= reply.dropped


def test_losses_become_a_record_at_once_and_then_every_ten_seconds() -> None:
    now_ns = 5
    kept = NodeLog(lambda: now_ns)

    def append() -> None:
        kept.append(log.Level.INFO, "a stranger", Room.STRANGERS)

    def told() -> list[str]:
        return [record.message for record in kept.records() if "lost=" in record.message]

    for _ in range(STRANGERS_MAX + 1):
        append()
    assert told() == [], "what is lost is counted when the next record comes"
    append()
    assert told() == ["audit lost=1"]
    now_ns += 9_999_999_999
    append()
    assert told() == ["audit lost=1"]
    now_ns += 1
    append()
    assert told() == ["audit lost=1", "audit lost=2"]
