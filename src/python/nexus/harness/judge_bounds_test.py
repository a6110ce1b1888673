"""The judge at its bounds, asked directly: the instant before, the instant itself, one more."""

from __future__ import annotations

import pytest

from nexus.harness import plan_support
from nexus.harness.judge import SETTLE_NS, Judge
from nexus.harness.outcome import Outcome
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation
from nexus.harness.plan_support import MS

HELLO = Expectation("A", Phase.LAUNCH, "hello")
OTHER = Expectation("B", Phase.LAUNCH, "hello")
UP = Expectation("A", Phase.SESSION, "up")
END = Expectation("A", Phase.END, "end")


def outcome_of(judge: Judge) -> Outcome | None:
    return judge.verdict.outcome if judge.verdict else None


def test_a_complete_run_passes_when_it_has_settled_and_not_before() -> None:
    judge = Judge(plan_support.plan([HELLO], "A"))
    assert judge.on_line("A", "hello", 5 * MS) is HELLO
    assert judge.deadline_ns() == 5 * MS + SETTLE_NS
    judge.on_time(5 * MS + SETTLE_NS - 1, is_quiet=False)
    assert outcome_of(judge) is None
    judge.on_time(5 * MS + SETTLE_NS, is_quiet=False)
    assert outcome_of(judge) is Outcome.PASSED
    assert judge.verdict is not None
    assert (judge.verdict.machine, judge.verdict.phase, judge.verdict.marker) == (None, None, None)
    assert judge.on_line("A", "kernel: panic", 6 * MS) is None
    assert outcome_of(judge) is Outcome.PASSED, "the first verdict stands"


def test_settling_begins_with_the_last_marker_and_not_with_a_later_line() -> None:
    judge = Judge(plan_support.plan([HELLO, END], "A"))
    judge.on_line("A", "hello", 1 * MS)
    judge.on_line("A", "end", 2 * MS)
    judge.on_line("A", "end", 3 * MS)
    judge.on_line("A", "anything", 4 * MS)
    assert judge.deadline_ns() == 2 * MS + SETTLE_NS


def test_a_phase_has_its_own_budget_from_where_the_one_before_ended() -> None:
    budgets = {Phase.LAUNCH: 10, Phase.DISCOVERY: 7, Phase.SESSION: 20}
    judge = Judge(plan_support.plan([HELLO, UP], "A", budget_ms=budgets, total_ms=1000))
    assert judge.deadline_ns() == 10 * MS
    judge.on_time(10 * MS - 1, is_quiet=False)
    assert outcome_of(judge) is None
    judge.on_line("A", "hello", 9 * MS)
    assert [times.phase for times in judge.phases] == [
        Phase.LAUNCH,
        Phase.DISCOVERY,
        Phase.SESSION,
    ]
    assert [(times.start_ns, times.end_ns) for times in judge.phases] == [
        (0, 9 * MS),
        (9 * MS, 9 * MS),
        (9 * MS, None),
    ]
    assert judge.deadline_ns() == 29 * MS
    judge.on_time(29 * MS - 1, is_quiet=False)
    assert outcome_of(judge) is None
    judge.on_time(29 * MS, is_quiet=False)
    assert outcome_of(judge) is Outcome.MISSING_SESSION


def test_the_whole_run_has_a_budget_that_a_phase_cannot_exceed() -> None:
    judge = Judge(plan_support.plan([HELLO], "A", budget_ms={Phase.LAUNCH: 50}, total_ms=30))
    assert judge.deadline_ns() == 30 * MS
    judge.on_time(30 * MS - 1, is_quiet=False)
    assert outcome_of(judge) is None
    judge.on_time(30 * MS, is_quiet=False)
    assert outcome_of(judge) is Outcome.TIME_BUDGET
    assert judge.verdict is not None
    assert "first missing: marker 'hello' on machine A" in judge.verdict.message


def test_as_many_instructions_as_there_are() -> None:
    judge = Judge(plan_support.plan([HELLO], "A", instructions_max=1000))
    judge.on_instructions("A", 1000)
    assert outcome_of(judge) is None
    judge.on_instructions("A", 1001)
    assert outcome_of(judge) is Outcome.INSTRUCTION_BUDGET
    assert judge.verdict is not None
    assert judge.verdict.message == "machine A retired more than 1000 instructions"


def test_who_misses_something_is_asked_by_machine() -> None:
    judge = Judge(plan_support.plan([HELLO, OTHER, UP], "AB"))
    assert judge.first_missing() is HELLO
    assert judge.first_missing("B") is OTHER
    judge.on_line("A", "hello", 1)
    assert judge.first_missing() is OTHER
    assert judge.first_missing("A") is UP
    judge.on_stopped("A", "off", 0)
    assert outcome_of(judge) is Outcome.MISSING_SESSION, "B's is not what A has missed"


@pytest.mark.parametrize(
    ("exit_code", "said"),
    [(None, "machine A reset itself"), (1, "machine A switched off with code 1")],
)
def test_a_machine_that_ends_badly(exit_code: int | None, said: str) -> None:
    judge = Judge(plan_support.plan([HELLO], "A"))
    judge.on_line("A", "hello", 1)
    judge.on_stopped("A", "off", exit_code)
    assert judge.verdict is not None
    assert (judge.verdict.outcome, judge.verdict.message) == (Outcome.GUEST_PANIC, said)


def test_a_machine_that_gets_nowhere_is_at_fault_itself() -> None:
    judge = Judge(plan_support.plan([HELLO], "A"))
    judge.on_stuck("A", "is in its own trap handler")
    assert judge.verdict is not None
    assert judge.verdict.message == "machine A is in its own trap handler"
    assert (judge.verdict.outcome, judge.verdict.machine) == (Outcome.GUEST_PANIC, "A")


def test_silence_is_a_deadlock_only_while_somebody_could_still_speak() -> None:
    stuck = Judge(plan_support.plan([HELLO, OTHER], "AB"))
    stuck.on_line("A", "hello", 1)
    stuck.on_time(2, is_quiet=True)
    assert outcome_of(stuck) is Outcome.DEADLOCK
    passed = Judge(plan_support.plan([HELLO], "A"))
    passed.on_line("A", "hello", 1)
    passed.on_time(2, is_quiet=True)
    assert outcome_of(passed) is Outcome.PASSED, "nothing can happen any more: it has settled"
    ended = Judge(plan_support.plan([HELLO, UP, END], "A"))
    ended.on_line("A", "hello", 1)
    ended.on_line("A", "end", 1)
    ended.on_time(2, is_quiet=True)
    assert outcome_of(ended) is Outcome.MISSING_SESSION, "it said that it was at the end"


def test_the_host_ends_a_run_whatever_is_missing() -> None:
    judge = Judge(plan_support.plan([HELLO], "A"))
    judge.on_host(Outcome.INTERRUPTED, "by a signal")
    assert judge.verdict is not None
    assert (judge.verdict.outcome, judge.verdict.marker) == (Outcome.INTERRUPTED, "hello")
    judge.on_host(Outcome.HOST_FAULT, "again")
    assert outcome_of(judge) is Outcome.INTERRUPTED


def test_what_is_forbidden_everywhere_and_what_means_a_crash() -> None:
    for line, outcome in (
        ("x secret y", Outcome.FORBIDDEN_MARKER),
        ("kernel: service crashed name=a panic", Outcome.SERVICE_CRASH),
        ("a panic", Outcome.GUEST_PANIC),
        ("net FAIL", Outcome.FORBIDDEN_MARKER),
        ("netFAIL", None),
        ("nothing", None),
    ):
        judge = Judge(plan_support.plan([HELLO], "A", forbidden=("secret",)))
        judge.on_line("A", line, 1)
        assert outcome_of(judge) is outcome, line


def test_a_run_that_goes_on_is_judged_behind_its_verdict() -> None:
    """A campaign plays until all is healed: a guest that panics after its last marker fails."""
    for goes_on, expected in ((False, Outcome.PASSED), (True, Outcome.GUEST_PANIC)):
        judge = Judge(plan_support.plan([HELLO, OTHER], "AB"), goes_on=goes_on)
        judge.on_line("A", "hello", 1)
        judge.on_line("B", "hello", 1)
        judge.on_time(1 + SETTLE_NS, is_quiet=False)
        assert outcome_of(judge) is Outcome.PASSED
        judge.on_line("A", "hello", 2 + SETTLE_NS)
        assert outcome_of(judge) is Outcome.PASSED
        judge.on_line("B", "a panic", 3 + SETTLE_NS)
        assert outcome_of(judge) is expected
        judge.on_garbled("A", "no text")
        assert outcome_of(judge) is expected, "the first fault of a guest stands"


def test_a_world_may_have_lost_all_that_was_expected_of_it() -> None:
    judge = Judge(plan_support.plan([], "A", may_expect_nothing=True), goes_on=True)
    judge.on_time(SETTLE_NS, is_quiet=False)
    assert outcome_of(judge) is Outcome.PASSED
    judge.on_line("A", "a panic", 1 + SETTLE_NS)
    assert outcome_of(judge) is Outcome.GUEST_PANIC


def test_a_line_that_is_still_expected_is_no_fault_behind_the_verdict() -> None:
    awaited = Expectation("A", Phase.LAUNCH, "a panic, as announced")
    judge = Judge(plan_support.plan([awaited], "A", total_ms=5), goes_on=True)
    judge.on_time(5 * MS, is_quiet=False)
    assert outcome_of(judge) is Outcome.TIME_BUDGET
    assert judge.on_line("A", awaited.text, 6 * MS) is None
    assert outcome_of(judge) is Outcome.TIME_BUDGET
    judge.on_line("A", "a panic", 7 * MS)
    assert outcome_of(judge) is Outcome.GUEST_PANIC
