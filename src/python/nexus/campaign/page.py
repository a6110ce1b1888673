"""`report.html` of a campaign: one file that needs no network and no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import jinja2

from nexus.campaign.result import ScenarioTotal, SeedResult
from nexus.core.text import show

if TYPE_CHECKING:
    from nexus.coverage.figures import PartFigures

# Failures of one scenario that are shown; the JSON beside it has all.
FAILURES_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Covered:
    """The coverage on the page: a sentence, the figures of parts, names of files beside."""

    text: str
    parts: Sequence[PartFigures]
    files: Sequence[str]


def render(
    totals: Sequence[ScenarioTotal],
    failures: Sequence[tuple[SeedResult, str]],
    facts: Mapping[str, object],
    covered: Covered | None = None,
) -> str:
    """Make the page.

    Args:
        totals: of each scenario.
        failures: failing seeds, each with the command that replays it.
        facts: commit, engine, processes, minutes.
        covered: of the guest, if it was recorded.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    rows = [
        {
            "scenario": result.scenario,
            "seed": result.seed,
            "name": show(result.violations[0].name),
            "machine": show(result.violations[0].machine),
            "ms": f"{result.violations[0].ns / 1e6:.3f}",
            "message": show(result.violations[0].message),
            "more": len(result.violations) - 1,
            "command": command,
        }
        for result, command in failures[:FAILURES_MAX]
    ]
    kinds = sorted({kind for total in totals for kind in total.requested})
    return environment.get_template("page.html.j2").render(
        style=files("nexus.harness.report").joinpath("page.css").read_text(encoding="utf-8"),
        totals=totals,
        failures=rows,
        left_out=max(0, len(failures) - FAILURES_MAX),
        kinds=kinds,
        facts={name: show(str(value)) for name, value in facts.items()},
        seeds=sum(total.seeds for total in totals),
        failed=sum(total.failed for total in totals),
        covered=covered,
    )


def _template(name: str) -> str:
    return files("nexus.campaign").joinpath(name).read_text(encoding="utf-8")
