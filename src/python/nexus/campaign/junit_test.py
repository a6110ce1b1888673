"""The report of a campaign: what a pipeline counts, seed by seed or as a hunt for one rule."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from nexus.campaign import junit
from nexus.campaign.result import Found, SeedResult


def played(seed: int, *broken: str) -> SeedResult:
    violations = tuple(Found(name, "A", 1, "why") for name in broken)
    return SeedResult("storm", seed, "d", 1, 1, 1, {}, {}, violations, 0.0)


def cases(report: str) -> dict[str, str | None]:
    """Message of the failure by name; None of what passed."""
    found: dict[str, str | None] = {}
    for case in ElementTree.fromstring(report):
        failure = case.find("failure")
        found[f"{case.get('classname')} {case.get('name')}"] = (
            None if failure is None else failure.get("message")
        )
    return found


def test_each_seed_is_a_case() -> None:
    report = junit.build([played(2, "lost"), played(1)])
    assert list(cases(report).items()) == [("storm seed 1", None), ("storm seed 2", "lost: why")]


def test_a_rule_that_is_to_be_broken_is_no_failure() -> None:
    report = junit.build([played(1), played(2, "late", "lost")], "lost")
    assert cases(report) == {"simulate finds lost": None}
    assert ElementTree.fromstring(report).get("failures") == "0"


@pytest.mark.parametrize(("broken", "listed"), [((), "none"), (("late", "early"), "early, late")])
def test_a_rule_that_no_seed_has_broken_is_a_failure(broken: tuple[str, ...], listed: str) -> None:
    report = junit.build([played(1), played(2, *broken)], "lost")
    message = f"no seed has broken this rule; broken were: {listed}"
    assert cases(report) == {"simulate finds lost": message}
    assert ElementTree.fromstring(report).get("failures") == "1"


@pytest.mark.parametrize(
    "odd", ["\0", "\x07", "\x0c", "\x85", "\u2028", "\udcfc", "\uffff", ']]>&<"']
)
def test_the_report_parses_whatever_scenarios_and_rules_are_called(odd: str) -> None:
    result = SeedResult(odd, 1, "d", 1, 1, 1, {}, {}, (Found(odd, odd, 1, odd),), 0.0)
    for report in (junit.build([result]), junit.build([result], f"no {odd}")):
        assert len(ElementTree.fromstring(report.encode())) == 1
