"""`junit.xml` of a campaign: a case for every seed, so that a pipeline counts and names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from nexus.campaign.result import SeedResult
from nexus.core.text import printable


@dataclass(frozen=True, slots=True)
class Case:
    """One case; `failure` is what was wrong, None if nothing."""

    classname: str
    name: str
    failure: str | None


def build(results: Sequence[SeedResult], wanted: str | None = None) -> str:
    """Make the file, in the order of scenario and seed.

    With `wanted` the rule of that name is to be broken, so the campaign as a whole is the one case:
    a seed that breaks the rule is not a failure of the test.
    """
    if wanted is not None:
        return render("simulate", [Case("simulate", f"finds {wanted}", missed(results, wanted))])
    ordered = sorted(results, key=lambda result: (result.scenario, result.seed))
    return render("simulate", [_case(result) for result in ordered])


def missed(results: Sequence[SeedResult], wanted: str) -> str | None:
    """Say that no seed has broken the rule `wanted`; None if one has."""
    broken = {violation.name for result in results for violation in result.violations}
    if wanted in broken:
        return None
    return f"no seed has broken this rule; broken were: {', '.join(sorted(broken)) or 'none'}"


def _case(result: SeedResult) -> Case:
    first = next((f"{each.name}: {each.message}" for each in result.violations), None)
    return Case(result.scenario, f"seed {result.seed}", first)


def render(name: str, cases: Sequence[Case]) -> str:
    """Make a file of one suite: well-formed, whatever a scenario or a rule is called."""
    suite = ElementTree.Element(
        "testsuite",
        name=printable(name),
        tests=str(len(cases)),
        failures=str(sum(case.failure is not None for case in cases)),
    )
    for case in cases:
        element = ElementTree.SubElement(
            suite, "testcase", classname=printable(case.classname), name=printable(case.name)
        )
        if case.failure is not None:
            ElementTree.SubElement(element, "failure", message=printable(case.failure))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
