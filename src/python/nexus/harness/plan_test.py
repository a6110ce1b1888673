"""Plans that cannot be run are refused with the field, the value and what is accepted."""

from __future__ import annotations

import pytest

from nexus.harness import plan_support
from nexus.harness.phase import Phase
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
        ([HELLO], "A", Phase.BUILD, "no marker up to|no phase of a guest"),
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
