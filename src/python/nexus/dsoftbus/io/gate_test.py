"""The rights of handlers of streams, for which peer, at which instant, and their records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from nexus.dsoftbus.audit import AuditRecord, Outcome, Record
from nexus.dsoftbus.gateway import Gateway
from nexus.dsoftbus.io.gate import PeerGate
from nexus.dsoftbus.policy import Policy, Rule
from nexus.dsoftbus.rate import Limit
from nexus.dsoftbus.replay import ReplayTable, Verdict


class HandClock:
    """A clock that a test turns by hand."""

    def __init__(self) -> None:
        self.at_ns = 0

    def now_ns(self) -> int:
        return self.at_ns

    def call_at(self, at_ns: int, callback: Callable[[], object]) -> asyncio.TimerHandle:
        raise AssertionError("a gate waits for nothing")


def make(peer: str, *, burst: int = 2) -> tuple[PeerGate, HandClock, list[Record], ReplayTable]:
    gateway = Gateway(Policy((Rule("host-1", 4, 2),)), Limit(burst, 1), ("host-1", "host-2"), 0)
    clock, records, replay = HandClock(), list[Record](), ReplayTable()
    return PeerGate(gateway, replay, records.append, peer, clock), clock, records, replay


@pytest.mark.parametrize(
    ("peer", "service", "opcode"), [("host-1", 4, 3), ("host-1", 5, 2), ("host-2", 4, 2)]
)
def test_a_refusal_is_recorded_with_who_asked_for_what(
    peer: str, service: int, opcode: int
) -> None:
    gate, _, records, _ = make(peer)
    assert not gate.admit(service, opcode)
    assert records == [AuditRecord(Outcome.SERVICE, peer, service, opcode)]


def test_what_is_permitted_is_recorded_by_who_carries_it_out() -> None:
    gate, _, records, _ = make("host-1")
    assert gate.admit(4, 2)
    assert records == []
    gate.record(Outcome.OK, 4, 2)
    assert records == [AuditRecord(Outcome.OK, "host-1", 4, 2)]


def test_tokens_come_back_at_their_instant() -> None:
    gate, clock, records, _ = make("host-1", burst=1)
    assert gate.admit(4, 2)
    assert not gate.admit(4, 2)
    assert records == [AuditRecord(Outcome.RATE, "host-1", 4, 2)]
    clock.at_ns = 999_999_999
    assert not gate.admit(4, 2)
    clock.at_ns = 1_000_000_000
    assert gate.admit(4, 2)


def test_what_is_remembered_is_that_of_the_peer() -> None:
    gate, _, _, replay = make("host-1")
    assert gate.look(7 << 32 | 1, 4, b"put") == (Verdict.RUN, None)
    assert gate.begin(7 << 32 | 1, 4, b"put") == (Verdict.RUN, None)
    gate.finish(7 << 32 | 1, b"ok")
    assert gate.look(7 << 32 | 1, 4, b"put") == (Verdict.DONE, b"ok")
    assert gate.begin(7 << 32 | 1, 4, b"put") == (Verdict.DONE, b"ok")
    assert replay.look("host-1", 7 << 32 | 1, 4, b"put") == (Verdict.DONE, b"ok")
    assert replay.look("host-2", 7 << 32 | 1, 4, b"put") == (Verdict.RUN, None)
