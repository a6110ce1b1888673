"""Every outcome the guests can cause, each from the smallest world that shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any  # Any: fields of a plan.

import pytest

from nexus.harness import plan_support
from nexus.harness.judge import AFTERMATH_NS, SETTLE_NS, Verdict
from nexus.harness.outcome import Outcome
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation, Plan
from nexus.harness.plan_support import MS, Silent, say
from nexus.harness.runner import Record, Runner
from nexus.harness.stopping import BrokenOffError
from nexus.simulation.machine_fake import Action, FakeMachine, PowerOff, Reset, Say, Spin

HELLO = Expectation("A", Phase.LAUNCH, "hello")
READY = Expectation("A", Phase.LAUNCH, "ready")
END = Expectation("A", Phase.END, "SELFTEST: end")


def _play(plan: Plan, machines: Mapping[str, FakeMachine]) -> Record:
    runner = Runner(plan, Silent(), lambda: None, lambda: 0.0)
    return runner.run(plan_support.engine(plan, machines))


def _verdict(
    *expectations: Expectation,
    script: Sequence[tuple[int, Action]],
    labels: str = "A",
    **given: Any,
) -> Verdict:
    """One scripted machine A; further machines do nothing."""
    plan = plan_support.plan(expectations, labels, **given)
    machines = {label: FakeMachine() for label in labels}
    machines["A"] = FakeMachine(script)
    return _play(plan, machines).verdict


def test_two_nodes_pass() -> None:
    record = _play(plan_support.plan(), plan_support.passing_machines())
    assert record.verdict.outcome is Outcome.PASSED
    assert record.verdict.message == "8 of 8 markers seen in 40.500 ms"
    phases = [(times.phase, times.end_ns is not None) for times in record.judge.phases]
    assert phases == [
        (Phase.LAUNCH, True),
        (Phase.DISCOVERY, True),
        (Phase.SESSION, True),
        (Phase.REMOTE, True),
        (Phase.END, True),
    ]


@pytest.mark.parametrize(
    ("phase", "outcome"),
    [
        (Phase.LAUNCH, Outcome.MISSING_LAUNCH),
        (Phase.DISCOVERY, Outcome.MISSING_DISCOVERY),
        (Phase.SESSION, Outcome.MISSING_SESSION),
        (Phase.REMOTE, Outcome.MISSING_REMOTE),
        (Phase.END, Outcome.MISSING_END),
    ],
    ids=lambda value: value.value if isinstance(value, Phase) else None,
)
def test_missing_marker_is_named_with_machine_and_phase(phase: Phase, outcome: Outcome) -> None:
    missing = Expectation("A", phase, "never")
    verdict = _verdict(missing, script=[(0, Spin())], budget_ms={phase: 5}, total_ms=100)
    assert verdict.outcome is outcome
    assert (verdict.machine, verdict.phase, verdict.marker) == ("A", phase, "never")
    assert "has spent its 5.000 ms without marker 'never' on machine A" in verdict.message


def test_budget_of_a_phase_begins_when_the_phase_before_is_done() -> None:
    late = Expectation("A", Phase.DISCOVERY, "found")
    script = [*say(40, "hello"), *say(80, "found")]
    budgets = {Phase.LAUNCH: 50, Phase.DISCOVERY: 50}
    assert _verdict(HELLO, late, script=script, budget_ms=budgets).outcome is Outcome.PASSED


def test_a_spent_total_budget_ends_the_run() -> None:
    verdict = _verdict(HELLO, script=[(0, Spin())], total_ms=7)
    assert verdict.outcome is Outcome.TIME_BUDGET
    assert verdict.message.startswith("the budget of 7.000 ms is spent; first missing: ")


def test_deadlock_is_no_timeout() -> None:
    verdict = _verdict(HELLO, READY, script=say(1, "hello"))
    assert verdict.outcome is Outcome.DEADLOCK
    assert verdict.marker == "ready"


def test_missing_when_all_said_that_they_are_at_the_end() -> None:
    """Even if a machine never idles: nothing more will come, so the budget need not run out."""
    remote = Expectation("A", Phase.REMOTE, "remote ok")
    script = [(0, Spin()), *say(1, "SELFTEST: end")]
    verdict = _verdict(remote, END, script=script)
    assert verdict.outcome is Outcome.MISSING_REMOTE
    assert verdict.marker == "remote ok"


def test_marker_right_after_the_end_still_counts() -> None:
    remote = Expectation("B", Phase.REMOTE, "served")
    plan = plan_support.plan([remote, END], "AB")
    machines = {"A": FakeMachine(say(1, "SELFTEST: end")), "B": FakeMachine(say(2, "served"))}
    assert _play(plan, machines).verdict.outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("kernel: panic: page fault pc=0x80000000", Outcome.GUEST_PANIC),
        ("kernel: service crashed name=logd cause=load addr=0x0 pc=0x1", Outcome.SERVICE_CRASH),
        ("SELFTEST: log query FAIL", Outcome.FORBIDDEN_MARKER),
        ("the moon is full", Outcome.FORBIDDEN_MARKER),
    ],
)
def test_fault_ends_the_run_at_once_under_its_own_name(line: str, outcome: Outcome) -> None:
    plan = plan_support.plan([HELLO], "A", forbidden=("moon",))
    script = [(0, Spin()), *say(2, line), *say(9, "what came after")]
    record = _play(plan, {"A": FakeMachine(script)})
    assert record.verdict.outcome is outcome
    assert line in record.verdict.message
    assert record.consoles["A"].endswith(b"what came after\n")
    assert record.now_ns < 3 * MS + AFTERMATH_NS


def test_a_signal_ends_what_is_watched_behind_a_fault_and_the_verdict_stands() -> None:
    def breakable() -> AbstractContextManager[None]:
        if runner.record.judge.verdict is not None:
            raise BrokenOffError
        return nullcontext()

    plan = plan_support.plan([HELLO], "A")
    script = [(0, Spin()), *say(2, "kernel: panic: x"), *say(5, "5 ms"), *say(9, "9 ms")]
    runner = Runner(plan, Silent(), lambda: None, lambda: 0.0, breakable)
    record = runner.run(plan_support.engine(plan, {"A": FakeMachine(script)}))
    assert record.verdict.outcome is Outcome.GUEST_PANIC
    assert record.consoles["A"].endswith(b"5 ms\n")


def test_fault_after_the_last_marker_still_fails() -> None:
    crash = say(SETTLE_NS // MS // 2, "kernel: panic: late")
    assert _verdict(HELLO, script=[*say(1, "hello"), *crash]).outcome is Outcome.GUEST_PANIC


def test_expected_line_is_not_forbidden() -> None:
    crash = Expectation("A", Phase.LAUNCH, "kernel: service crashed .*", is_pattern=True)
    script = say(1, "kernel: service crashed name=x")
    assert _verdict(crash, script=script).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("last", "text"),
    [(PowerOff(1), "switched off with code 1"), (Reset(), "reset itself")],
    ids=["code", "reset"],
)
def test_machine_that_ends_badly(last: PowerOff | Reset, text: str) -> None:
    verdict = _verdict(HELLO, script=[*say(1, "hello"), (2 * MS, last)])
    assert verdict.outcome is Outcome.GUEST_PANIC
    assert text in verdict.message


def test_machine_that_switches_off_after_its_markers_passes() -> None:
    script = [*say(1, "hello"), (1 * MS + 10, PowerOff(0))]
    assert _verdict(HELLO, script=script).outcome is Outcome.PASSED


def test_machine_that_switches_off_before_its_markers_misses_them_at_once() -> None:
    plan = plan_support.plan([HELLO, Expectation("B", Phase.LAUNCH, "other")], "AB")
    machines = {"A": FakeMachine([(MS, PowerOff(0))]), "B": FakeMachine([(0, Spin())])}
    record = _play(plan, machines)
    assert record.verdict.outcome is Outcome.MISSING_LAUNCH
    assert record.verdict.message == "machine A switched off without marker 'hello' on machine A"
    assert record.now_ns < 2 * MS


def test_order_within_machine_and_phase() -> None:
    verdict = _verdict(HELLO, READY, script=say(1, "ready", "hello"))
    assert verdict.outcome is Outcome.MISPLACED_MARKER
    assert verdict.message == "machine A printed 'ready' before 'hello'"


def test_unordered_markers_come_when_they_like() -> None:
    side = Expectation("A", Phase.LAUNCH, "logd: ready", is_ordered=False)
    for lines in (("logd: ready", "hello", "ready"), ("hello", "ready", "logd: ready")):
        assert _verdict(HELLO, side, READY, script=say(1, *lines)).outcome is Outcome.PASSED
    wrong = say(1, "ready", "hello", "logd: ready")
    assert _verdict(HELLO, side, READY, script=wrong).outcome is Outcome.MISPLACED_MARKER


def test_no_order_across_machines_or_phases() -> None:
    other = Expectation("B", Phase.LAUNCH, "hello b")
    plan = plan_support.plan([HELLO, other, END], "AB")
    machines = {
        "A": FakeMachine(say(1, "SELFTEST: end", "hello")),
        "B": FakeMachine(say(9, "hello b")),
    }
    assert _play(plan, machines).verdict.outcome is Outcome.PASSED


def test_marker_on_the_wrong_machine() -> None:
    verdict = _verdict(
        Expectation("B", Phase.REMOTE, "remote ok"), script=say(1, "remote ok"), labels="AB"
    )
    assert verdict.outcome is Outcome.MISPLACED_MARKER
    assert verdict.message.startswith("machine A printed 'remote ok', which is expected of ")


def test_shared_marker_may_appear_elsewhere() -> None:
    shared = Expectation("B", Phase.LAUNCH, "hello", is_exclusive=False)
    plan = plan_support.plan([shared], "AB")
    machines = {"A": FakeMachine(say(1, "hello")), "B": FakeMachine(say(2, "hello"))}
    assert _play(plan, machines).verdict.outcome is Outcome.PASSED


def test_marker_seen_again_is_no_fault() -> None:
    script = say(1, "hello", "ready", "hello")
    assert _verdict(HELLO, READY, script=script).outcome is Outcome.PASSED


def test_same_marker_expected_twice_must_come_twice() -> None:
    assert _verdict(HELLO, HELLO, script=say(1, "hello", "hello")).outcome is Outcome.PASSED
    assert _verdict(HELLO, HELLO, script=say(1, "hello")).outcome is Outcome.DEADLOCK


@pytest.mark.parametrize("line", ["hello ", " hello", "hello!", "xhello"])
def test_marker_is_the_whole_line(line: str) -> None:
    assert _verdict(HELLO, script=say(1, line)).outcome is Outcome.DEADLOCK


def test_a_control_byte_ends_the_run_as_garbled() -> None:
    verdict = _verdict(HELLO, script=[(10, Say(b"he\x00llo\n"))])
    assert verdict.outcome is Outcome.GARBLED_LOG
    assert "control byte 0x00" in verdict.message


def test_a_spent_instruction_budget_ends_the_run() -> None:
    verdict = _verdict(HELLO, script=[(0, Spin())], instructions_max=1_000_000)
    assert verdict.outcome is Outcome.INSTRUCTION_BUDGET
    assert verdict.machine == "A"


def test_until_stops_after_a_phase_and_ignores_what_follows() -> None:
    script = [*say(1, "hello"), *say(2, "SELFTEST: end")]
    record = _play(
        plan_support.plan([HELLO, END], "A", until=Phase.LAUNCH), {"A": FakeMachine(script)}
    )
    assert record.verdict.outcome is Outcome.PASSED
    assert record.judge.plan.due == (HELLO,)


def test_watchdog_ends_the_run_with_its_own_outcome() -> None:
    plan = plan_support.plan([HELLO], "A")
    answers = iter([None, None, (Outcome.INTERRUPTED, "interrupted by SIGTERM")])
    runner = Runner(plan, Silent(), lambda: next(answers), lambda: 0.0)
    record = runner.run(plan_support.engine(plan, {"A": FakeMachine([(0, Spin())])}))
    assert record.verdict.outcome is Outcome.INTERRUPTED
    assert record.verdict.marker == "hello"


def test_same_seed_gives_the_same_record() -> None:
    def run(seed: int) -> tuple[dict[str, bytes], bytes, str]:
        plan = plan_support.plan(seed=seed)
        engine = plan_support.engine(plan, plan_support.passing_machines())
        record = Runner(plan, Silent(), lambda: None, lambda: 0.0).run(engine)
        logs = {label: bytes(data) for label, data in record.consoles.items()}
        return logs, record.capture.content(), engine.trace_digest()

    assert run(1) == run(1)
