"""Verdicts of an earlier run: a long draw can be made in pieces, and survivors tried again.

A verdict is kept only for the very same fault: same place, same operator, same diff.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any  # Any: JSON, as it is read.

from nexus.mutation.change import Mutant
from nexus.mutation.verdict import Fate, Verdict


class ResumeError(Exception):
    """A report that cannot be gone on from; one line that says why."""


Found = Mapping[tuple[str, str], Mapping[str, Any]]


def found_before(text: str, seed: int) -> Found:
    """Read `mutants.json` of a run with the same seed.

    Raises:
        ResumeError: the text is no such report, or it is one of another seed.
    """
    try:
        report = json.loads(text)
        before, mutants = report["seed"], report["mutants"]
        found = {(name_of(each), str(each["diff"])): each for each in mutants}
    except (ValueError, KeyError, TypeError) as exc:
        raise ResumeError("is not a report of this program") from exc
    if before != seed:
        raise ResumeError(f"was drawn with seed {before}, not with seed {seed}")
    return found


def name_of(entry: Mapping[str, Any]) -> str:
    """Name the change of an entry as `Change.name` does."""
    return f"{entry['path']}:{entry['line']}:{entry['column']}: {entry['operator']}"


def verdict_before(mutant: Mutant, found: Found) -> Verdict | None:
    """Give the verdict on this very fault, or nothing if it was not tried or looks otherwise."""
    entry = found.get((mutant.change.name, mutant.diff()))
    # Today's list says which mutants are equivalent, not an old report.
    if entry is None or entry["fate"] == Fate.EQUIVALENT.value:
        return None
    return Verdict(
        mutant,
        Fate(entry["fate"]),
        entry["by"],
        is_world=entry["is_world"],
        tried=entry["tried"],
        available=entry["available"],
    )
