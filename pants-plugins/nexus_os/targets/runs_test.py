"""The values that the fields of tests and runs accept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest  # pants: no-infer-dep
from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException

from nexus_os.targets import outcomes
from nexus_os.targets.outcomes import OUTCOMES
from nexus_os.targets.runs import BudgetField, SeedField, TimeoutField

OWNER = Address("ci", target_name="t")


def test_outcomes_are_those_of_the_runner() -> None:
    # Read, not imported: the plugin runs on another Python than the runner.
    source = Path("src/python/nexus/harness/outcome.py").read_text()

    assert sorted(OUTCOMES) == sorted(
        re.findall(r'^    [A-Z_]+ = \("([a-z-]+)", \d+\)', source, re.MULTILINE)
    )


def test_outcome_that_is_none_is_told_with_the_nearest() -> None:
    assert outcomes.TestOutcomeField(None, OWNER).value == "passed"
    with pytest.raises(
        InvalidFieldException,
        match=r"'outcome' field in target ci:t .*Did you mean 'guest-panic'\?",
    ):
        outcomes.TestOutcomeField("guest-panick", OWNER)


@pytest.mark.parametrize(
    ("field", "value"), [(SeedField, -1), (BudgetField, 0), (TimeoutField, 0), (TimeoutField, -5)]
)
def test_numbers_that_make_no_sense_are_refused(field, value: int) -> None:
    assert field(1, OWNER).value == 1
    with pytest.raises(InvalidFieldException, match=f"'{field.alias}' field in target ci:t must"):
        field(value, OWNER)
