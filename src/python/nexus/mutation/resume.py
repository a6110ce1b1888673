"""Verdicts of an earlier run: a long draw can be made in pieces, and survivors tried again.

A verdict is kept only for the very same fault: same place, same operator, same diff.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from nexus.mutation.change import Mutant
from nexus.mutation.report import Entry
from nexus.mutation.verdict import Fate, Verdict


class ResumeError(Exception):
    """A report that cannot be gone on from; one line that says why."""


@dataclass(frozen=True)
class Earlier:
    """A verdict without its mutant, which this run makes again."""

    fate: Fate
    by: str
    is_world: bool
    tried: int
    available: int


# By the name of the change, and its diff.
Found = Mapping[tuple[str, str], Earlier]


def found_before(text: str, seed: int) -> Found:
    """Read `mutants.json` of a run with the same seed.

    Raises:
        ResumeError: the text is no such report, or it is one of another seed.
    """
    try:
        report = json.loads(text)
        before = report["seed"]
        found = {(_name_of(each), str(each["diff"])): _earlier(each) for each in report["mutants"]}
    except (ValueError, KeyError, TypeError) as exc:
        raise ResumeError("is not a report of this program; name another folder in --out") from exc
    if before != seed:
        raise ResumeError(
            f"was drawn with seed {before}, not {seed}; give --seed {before}, or another --out"
        )
    return found


def _name_of(entry: Entry) -> str:
    """Name the change of an entry as `Change.name` does."""
    return f"{entry['path']}:{entry['line']}:{entry['column']}: {entry['operator']}"


def _earlier(entry: Entry) -> Earlier:
    return Earlier(
        Fate(entry["fate"]),
        entry["by"],
        is_world=entry["is_world"],
        tried=entry["tried"],
        available=entry["available"],
    )


def verdict_before(mutant: Mutant, found: Found) -> Verdict | None:
    """Give the verdict on this very fault, or nothing if it was not tried or looks otherwise."""
    earlier = found.get((mutant.change.name, mutant.diff()))
    # Today's list says which mutants are equivalent, not an old report.
    if earlier is None or earlier.fate is Fate.EQUIVALENT:
        return None
    return Verdict(
        mutant,
        earlier.fate,
        earlier.by,
        is_world=earlier.is_world,
        tried=earlier.tried,
        available=earlier.available,
    )
