"""`junit.xml` of a campaign: a case for every seed, so that a pipeline counts and names them."""

from __future__ import annotations

from collections.abc import Sequence

from nexus.campaign.result import SeedResult
from nexus.core.junit import Case, document


def build(results: Sequence[SeedResult], wanted: str | None = None) -> str:
    """Make the file, in the order of scenario and seed.

    With `wanted` the rule of that name is to be broken, so the campaign as a whole is the one case:
    a seed that breaks the rule is not a failure of the test.
    """
    if wanted is not None:
        case = Case(classname="simulate", name=f"finds {wanted}", failure=missed(results, wanted))
        return document("simulate", [case]) + "\n"
    ordered = sorted(results, key=lambda result: (result.scenario, result.seed))
    return document("simulate", [_case(result) for result in ordered]) + "\n"


def missed(results: Sequence[SeedResult], wanted: str) -> str | None:
    """Say that no seed has broken the rule `wanted`; None if one has."""
    broken = {violation.name for result in results for violation in result.violations}
    if wanted in broken:
        return None
    return f"no seed has broken this rule; broken were: {', '.join(sorted(broken)) or 'none'}"


def _case(result: SeedResult) -> Case:
    first = next((f"{each.name}: {each.message}" for each in result.violations), None)
    return Case(classname=result.scenario, name=f"seed {result.seed}", failure=first)
