"""A report that cannot be gone on from is refused as a whole, before a run begins."""

from __future__ import annotations

import json

import pytest

from nexus.mutation.resume import ResumeError, found_before
from nexus.mutation.verdict import Fate

ENTRY = {
    "path": "src/python/nexus/a/rate.py",
    "line": 2,
    "column": 4,
    "operator": "core/NumberReplacer",
    "fate": "survived",
    "by": "",
    "is_world": False,
    "tried": 1,
    "available": 2,
    "diff": "-1\n+2\n",
}
NAME = "src/python/nexus/a/rate.py:2:4: core/NumberReplacer"


def report(*entries: object) -> str:
    return json.dumps({"seed": 1, "mutants": entries})


def test_a_verdict_is_found_by_the_name_and_the_diff_of_its_fault() -> None:
    (found,) = found_before(report(ENTRY), 1).items()
    assert found[0] == (NAME, "-1\n+2\n")
    assert (found[1].fate, found[1].tried, found[1].available) == (Fate.SURVIVED, 1, 2)


@pytest.mark.parametrize("field", ENTRY)
def test_an_entry_without_a_field_is_refused(field: str) -> None:
    broken = {name: value for name, value in ENTRY.items() if name != field}
    with pytest.raises(ResumeError, match="is not a report of this program"):
        found_before(report(ENTRY, broken), 1)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"seed": 1}', report(1), report(ENTRY | {"fate": "forgotten"})]
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ResumeError, match="is not a report of this program"):
        found_before(text, 1)
