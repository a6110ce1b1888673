"""`junit.xml` of a campaign: a case for every seed, so that a pipeline counts and names them."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from nexus.campaign.result import SeedResult
from nexus.core.text import printable


def build(results: Sequence[SeedResult]) -> str:
    """Make the file, in the order of scenario and seed."""
    ordered = sorted(results, key=lambda result: (result.scenario, result.seed))
    failed = sum(not result.is_clean for result in ordered)
    suite = ElementTree.Element(
        "testsuite", name="simulate", tests=str(len(ordered)), failures=str(failed)
    )
    for result in ordered:
        case = ElementTree.SubElement(
            suite, "testcase", classname=result.scenario, name=f"seed {result.seed}"
        )
        for violation in result.violations[:1]:
            text = printable(f"{violation.name}: {violation.message}")
            ElementTree.SubElement(case, "failure", message=text)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
