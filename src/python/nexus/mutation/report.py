"""The findings of a run as text, JSON and JUnit; the same verdicts give the same bytes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from nexus.core import junit
from nexus.mutation.verdict import Fate, Verdict


class Entry(TypedDict):
    """A verdict as `mutants.json` has it."""

    path: str
    line: int
    column: int
    operator: str
    fate: str
    by: str
    is_world: bool
    tried: int
    available: int
    reason: str
    diff: str


@dataclass(frozen=True)
class Figures:
    """The number of noticed mutants, among those that count."""

    counted: int
    by_unit_tests: int
    by_worlds: int

    @property
    def percent(self) -> float:
        """The share that was noticed; all of nothing is 100."""
        return _percent(self.by_unit_tests + self.by_worlds, self.counted)

    @property
    def percent_unit(self) -> float:
        """The share that unit tests noticed."""
        return _percent(self.by_unit_tests, self.counted)


def figures_of(verdicts: Sequence[Verdict]) -> Figures:
    """Count; what does not compile and what is equivalent does not count."""
    counted = [v for v in verdicts if v.fate not in (Fate.INVALID, Fate.EQUIVALENT)]
    noticed = [v for v in counted if v.fate is not Fate.SURVIVED]
    worlds = sum(v.is_world for v in noticed)
    return Figures(len(counted), len(noticed) - worlds, worlds)


def text_of(verdicts: Sequence[Verdict], seed: int) -> str:
    """Write the survivors as diffs, each with its nearest test, then the figures."""
    parts = [
        f"survived: {v.mutant.change.name}\n"
        f"{v.mutant.diff().rstrip()}\n"
        f"nearest test: {v.by or 'none'} ({v.tried} of {v.available} ran)\n"
        for v in verdicts
        if v.fate is Fate.SURVIVED
    ]
    return "\n".join([*parts, summary_of(verdicts, seed)]) + "\n"


def summary_of(verdicts: Sequence[Verdict], seed: int) -> str:
    """Write the figures in one line."""
    figures = figures_of(verdicts)
    fates = Counter(v.fate for v in verdicts)
    counts = ", ".join(f"{fates[fate]} {fate.value}" for fate in Fate)
    return (
        f"seed {seed}: {figures.percent:.1f} % of {figures.counted} mutants noticed,"
        f" {figures.percent_unit:.1f} % by unit tests ({counts})"
    )


def json_of(verdicts: Sequence[Verdict], seed: int) -> str:
    """Write every verdict; seconds are left out, since they differ from run to run."""
    figures = figures_of(verdicts)
    return (
        json.dumps(
            {
                "seed": seed,
                "counted": figures.counted,
                "by_unit_tests": figures.by_unit_tests,
                "by_worlds": figures.by_worlds,
                "percent": round(figures.percent, 1),
                "percent_unit_tests": round(figures.percent_unit, 1),
                "mutants": [_entry_of(v) for v in verdicts],
            },
            indent=2,
        )
        + "\n"
    )


def _entry_of(verdict: Verdict) -> Entry:
    change = verdict.mutant.change
    return {
        "path": change.path,
        "line": change.line,
        "column": change.column,
        "operator": change.operator,
        "fate": verdict.fate.value,
        "by": verdict.by,
        "is_world": verdict.is_world,
        "tried": verdict.tried,
        "available": verdict.available,
        "reason": verdict.reason,
        "diff": verdict.mutant.diff(),
    }


def junit_of(verdicts: Sequence[Verdict]) -> bytes:
    """Write a test case for each mutant: a survivor has failed, what does not count is skipped."""
    cases = [_case_of(verdict) for verdict in verdicts]
    return junit.document("mutation", cases, ("tests", "failures", "skipped")).encode()


def _case_of(verdict: Verdict) -> junit.Case:
    change = verdict.mutant.change
    case = junit.Case(classname=change.path, name=f"{change.line}:{change.column}")
    if verdict.fate is Fate.SURVIVED:
        diff = f"{verdict.mutant.diff()}nearest test: {verdict.by}"
        return replace(case, failure=f"survived: {change.name}", detail=diff)
    if verdict.fate in (Fate.INVALID, Fate.EQUIVALENT):
        return replace(case, skipped=verdict.reason or "does not compile")
    return case


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100.0
