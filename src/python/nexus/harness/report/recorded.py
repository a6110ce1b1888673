"""The coverage and the profile on the page, read from the files that a run left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, TypedDict

from pydantic import ValidationError

from nexus.core.text import show
from nexus.harness.activity import ActivityFile, shares

COVERAGE: Final = "coverage.info"
STACKS: Final = "profile.folded"
ACTIVITY: Final = "activity.json"
_FILES_MAX: Final = 5_000
_STACKS_MAX: Final = 100_000
# In lcov's words: lines executed and with code; ways of branches that were taken, and all.
_COUNTS: Final = ("LH", "LF", "BRH", "BRF")


class Row(TypedDict):
    """The figures of one file, or of all files, as the page shows them."""

    path: str
    hit: int
    found: int
    share: str
    ways: str
    counts: dict[str, int]


class Coverage(TypedDict):
    """The table of coverage."""

    rows: list[Row]
    total: Row


class Busy(TypedDict):
    """The length of a stretch, and how busy each machine was in each stretch, in per cent."""

    ns: int
    lanes: list[list[int]]


def coverage_of(artifacts: Mapping[str, bytes]) -> Coverage | None:
    """Figures by file from the lcov trace file; None if there is none or nothing in it."""
    rows: list[Row] = []
    path, counts = "", dict.fromkeys(_COUNTS, 0)
    for line in _text(artifacts, COVERAGE).split("\n"):
        key, _, value = line.partition(":")
        if key == "SF":
            path, counts = value, dict.fromkeys(_COUNTS, 0)
        elif key in counts and value.isdecimal():
            counts[key] = int(value)
        elif key == "end_of_record" and len(rows) < _FILES_MAX:
            rows.append(_row(show(path), counts))
    if not rows:
        return None
    total = {key: sum(row["counts"][key] for row in rows) for key in _COUNTS}
    return {"rows": rows, "total": _row("all", total)}


def flame_of(artifacts: Mapping[str, bytes]) -> str:
    """A flame graph of the folded stacks; empty if there are none."""
    stacks: Counter[tuple[str, ...]] = Counter()
    shown: dict[str, str] = {}  # Few names are in many stacks.
    for line in _text(artifacts, STACKS).split("\n")[:_STACKS_MAX]:
        frames, _, count = line.rpartition(" ")
        if frames and count.isdecimal():
            names = frames.split(";")
            shown.update((name, show(name)) for name in names if name not in shown)
            stacks[tuple(map(shown.__getitem__, names))] += int(count)
    if not stacks:
        return ""
    from nexus.coverage import flame  # Drawing is imported by runs with a profile alone.

    return flame.render(stacks)


def busy_of(artifacts: Mapping[str, bytes], labels: Sequence[str]) -> Busy | None:
    """Busy time in per cent, stretch by stretch, in the order of the labels; None if unknown.

    A file that is not what it should be is as good as none: the page has enough without it.
    """
    try:
        file = ActivityFile.model_validate_json(_text(artifacts, ACTIVITY))
    except ValidationError:
        return None
    known = shares(file)
    return {"ns": file.stretch_ns, "lanes": [known.get(label, []) for label in labels]}


def _row(path: str, counts: Mapping[str, int]) -> Row:
    hit, found = counts["LH"], counts["LF"]
    tenths = 1000 * hit // found if found else 0
    ways = f"{counts['BRH']} of {counts['BRF']}" if counts["BRF"] else "-"
    share = f"{tenths // 10}.{tenths % 10}"
    return {
        "path": path,
        "hit": hit,
        "found": found,
        "share": share,
        "ways": ways,
        "counts": dict(counts),
    }


def _text(artifacts: Mapping[str, bytes], name: str) -> str:
    return artifacts.get(name, b"").decode("utf-8", "replace")
