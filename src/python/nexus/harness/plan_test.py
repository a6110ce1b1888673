"""Plans that cannot be run are refused with the field, the value and what is accepted."""

from __future__ import annotations

from typing import Any  # Any: keyword arguments of several types.

import pytest

from nexus.harness import plan_support
from nexus.harness.phase import GUEST_PHASES, Phase
from nexus.harness.plan import Expectation, PlanError

HELLO = Expectation("A", Phase.LAUNCH, "hello")


@pytest.mark.parametrize(
    ("expectations", "labels", "until", "text"),
    [
        ([], "A", Phase.END, "expects nothing proves nothing"),
        ([Expectation("A", Phase.END, "x")], "A", Phase.LAUNCH, "no marker up to phase 'launch'"),
        ([HELLO], "", Phase.END, "machine: the list is empty"),
        ([HELLO], "AA", Phase.END, "not distinct"),
        ([Expectation("Z", Phase.END, "x")], "A", Phase.END, "machine 'Z' is not one of"),
        ([Expectation("A", Phase.END, " ")], "A", Phase.END, "the marker is empty"),
        ([Expectation("A", Phase.END, "(", True)], "A", Phase.END, "pattern '\\('"),
        ([Expectation("A", Phase.END, ".*", True)], "A", Phase.END, "matches an empty line"),
        ([HELLO], "A", Phase.BUILD, "no marker up to phase 'build'"),
    ],
)
def test_a_plan_that_proves_nothing_is_refused(
    expectations: list[Expectation], labels: str, until: Phase, text: str
) -> None:
    with pytest.raises(PlanError, match=text):
        plan_support.plan(expectations, labels, until=until)


def test_due_is_ordered_by_phase_then_as_given() -> None:
    end = Expectation("A", Phase.END, "end")
    other = Expectation("A", Phase.LAUNCH, "other")
    assert plan_support.plan([end, HELLO, other], "A").due == (HELLO, other, end)


def test_total_is_the_sum_of_the_phases_gone_through() -> None:
    budgets = {Phase.LAUNCH: 3, Phase.DISCOVERY: 4, Phase.END: 1000}
    plan = plan_support.plan([HELLO], "A", budget_ms=budgets, until=Phase.DISCOVERY)
    assert plan.total_ns == 7_000_000


def test_budgets_scale_for_an_engine_in_wall_time() -> None:
    plan = plan_support.plan([HELLO], "A", budget_ms={Phase.LAUNCH: 3}, total_ms=9)
    scaled = plan.with_budgets_times(10)
    assert scaled.budget_ns(Phase.LAUNCH) == 30_000_000
    assert scaled.total_ns == 90_000_000


@pytest.mark.parametrize(
    ("expectations", "labels", "given", "text"),
    [
        (
            [],
            "A",
            {"until": Phase.SESSION},
            "fake: expect: no marker up to phase 'session'; a run that expects nothing proves"
            " nothing",
        ),
        ([HELLO], "", {}, "fake: machine: the list is empty; a run needs at least one"),
        ([HELLO], "ABA", {}, "fake: machine: labels ['A', 'B', 'A'] are not distinct"),
        (
            [HELLO, Expectation("Z", Phase.END, "x")],
            "AB",
            {},
            "fake: expect: machine 'Z' is not one of ['A', 'B']",
        ),
        (
            [Expectation("A", Phase.END, "(", True)],
            "A",
            {},
            "fake: expect: machine A, phase end: pattern '(': missing ), unterminated subpattern"
            " at position 0",
        ),
        (
            [Expectation("A", Phase.END, "\t ", True)],
            "A",
            {},
            "fake: expect: machine A, phase end: the marker is empty",
        ),
        (
            [Expectation("A", Phase.REMOTE, "x?", True)],
            "A",
            {},
            "fake: expect: machine A, phase remote: pattern 'x?' matches an empty line",
        ),
        (
            [],
            "A",
            {"until": Phase.BUILD, "may_expect_nothing": True},
            "fake: until: 'build' is not a phase of a guest; expected launch, discovery, session,"
            " remote, end",
        ),
    ],
)
def test_a_refusal_names_the_plan_the_field_the_value_and_what_is_accepted(
    expectations: list[Expectation], labels: str, given: dict[str, Any], text: str
) -> None:
    with pytest.raises(PlanError) as caught:
        plan_support.plan(expectations, labels, **given)
    assert str(caught.value) == text


def test_oracles_may_judge_a_plan_that_expects_nothing() -> None:
    plan = plan_support.plan([], "A", may_expect_nothing=True)
    assert (plan.due, plan.total_ns) == ((), 30_000_000_000)


@pytest.mark.parametrize(
    ("is_pattern", "line", "is_met"),
    [
        (False, "a.c", True),
        (False, "abc", False),
        (False, "a.c ", False),
        (True, "abc", True),
        (True, "abcd", False),
        (True, " abc", False),
    ],
)
def test_a_marker_and_a_pattern_are_the_whole_line(
    is_pattern: bool, line: str, is_met: bool
) -> None:
    assert Expectation("A", Phase.LAUNCH, "a.c", is_pattern).matches(line) is is_met


def test_the_phases_of_a_run_end_with_its_last() -> None:
    plan = plan_support.plan([HELLO], "A", until=Phase.SESSION)
    assert plan.phases == (Phase.LAUNCH, Phase.DISCOVERY, Phase.SESSION)
    assert plan.total_ns == 15_000_000_000
    scaled = plan.with_budgets_times(3)
    assert [scaled.budget_ns(phase) // 10**9 for phase in GUEST_PHASES] == [15, 15, 15, 30, 15]
    assert (scaled.total_ms, scaled.total_ns) == (None, 45_000_000_000)
    assert (scaled.name, scaled.until, scaled.due) == ("fake", Phase.SESSION, (HELLO,))
