"""The timeline of a run from its parts, and the machines whose secrets are asked for."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any  # Any: an engine of a test's making.

import pytest

from nexus.harness import plan_support
from nexus.harness.outcome import Outcome
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation, NodeIdentity
from nexus.harness.report import evidence
from nexus.harness.report.evidence import gather
from nexus.harness.runner import Record, Runner

HELLO = Expectation("A", Phase.LAUNCH, "hello")
FOUND = Expectation("B", Phase.DISCOVERY, "found")


class Engine:
    """An engine that has a trace, and notes that it was asked for secrets."""

    def __init__(self) -> None:
        self.asked = 0

    def trace_text(self) -> str:
        return "5 A fault-loss A>B\n9 B stop finished 0\n"

    def ephemerals(self) -> dict[str, list[bytes]]:
        self.asked += 1
        return {"A": [bytes(32)], "B": [bytes(31), bytes([7]) * 32]}


def record_of() -> Record:
    """A run in which A greeted and B never found it."""
    plan = plan_support.plan([HELLO, FOUND], "ABC", until=Phase.DISCOVERY)
    identities = (
        NodeIdentity("node-a", bytes(32), is_test_key=False),
        NodeIdentity("node-b", bytes(32), is_test_key=True),
        None,
    )
    machines = zip(plan.machines, identities, strict=True)
    plan = replace(plan, machines=tuple(replace(one, identity=own) for one, own in machines))
    record = Runner(plan, plan_support.Silent(), lambda: None, lambda: 0.0).record
    record.judge.on_line("A", "hello", 5)
    record.lines = deque([(5, "A", "hello", HELLO), (6, "B", "chatter", None)])
    record.capture.add("A", 7, b"x" * 14)
    record.judge.on_host(Outcome.INTERRUPTED, "by a signal")
    record.now_ns = 20
    return record


def test_phases_lines_frames_faults_and_what_never_came_are_in_one_order() -> None:
    engine: Any = Engine()
    events = gather(record_of(), engine, opens_sessions=True).events
    assert [(event.ns, event.machine, event.kind, event.text) for event in events] == [
        (0, "", "phase", "launch begins"),
        (5, "", "phase", "launch is proven"),
        (5, "", "phase", "discovery begins"),
        (5, "A", "marker", "hello"),
        (5, "A", "fault", "loss A>B"),
        (6, "B", "console", "chatter"),
        (
            7,
            "A",
            "frame",
            "Ethernet 78:78:78:78:78:78 > 78:78:78:78:78:78 type 0x7878, 14 bytes",
        ),
        (9, "B", "stop", "finished 0"),
        (20, "B", "missing", "never came: found"),
    ]
    assert [event.values for event in events if event.kind == "marker"] == [{"phase": "launch"}]


@pytest.mark.parametrize("opens_sessions", [True, False])
def test_secrets_are_asked_for_only_if_sessions_are_to_be_opened(opens_sessions: bool) -> None:
    engine: Any = Engine()
    gather(record_of(), engine, opens_sessions=opens_sessions)
    assert engine.asked == opens_sessions


def test_only_machines_with_a_key_of_a_test_world_have_secrets() -> None:
    engine: Any = Engine()
    secrets = evidence._secrets(record_of().plan, engine)
    assert list(secrets.identities) == ["B"]
    assert {label: list(keys.values()) for label, keys in secrets.ephemerals.items()} == {
        "B": [bytes([7]) * 32]
    }
    assert secrets.known == {}
