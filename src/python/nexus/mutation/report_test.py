"""The drawing of mutants, the list of equivalent ones, and the report."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from nexus.mutation import equivalent, report
from nexus.mutation.change import Change, Mutant, draw, only_on
from nexus.mutation.verdict import Fate, Verdict

BEFORE = "a = 1\nb = 2\n"


def change(line: int, column: int = 0, operator: str = "op") -> Change:
    return Change("src/python/nexus/x.py", line, column, operator, lambda: BEFORE)


def mutant(line: int = 1) -> Mutant:
    return Mutant(change(line), BEFORE, "a = 2\nb = 2\n")


def test_a_line_is_drawn_once_and_a_sample_is_the_beginning_of_a_larger_one() -> None:
    changes = [change(line, column) for line in range(1, 21) for column in range(5)]
    everything = draw(changes, 7, None)
    assert sorted(each.line for each in everything) == list(range(1, 21))
    assert draw(changes, 7, 6) == everything[:6]
    assert draw(reversed(changes), 7, 6) == everything[:6]
    assert draw(changes, 8, 6) != everything[:6]


def test_every_change_of_the_drawn_lines_follows_once() -> None:
    changes = [change(line, column) for line in range(1, 21) for column in range(line % 3 + 1)]
    drawn = draw(changes, 7, 6)
    every = draw(changes, 7, 6, is_every=True)
    assert every[:6] == drawn
    lines = {each.line for each in drawn}
    assert sorted(every, key=lambda each: (each.line, each.column)) == [
        each for each in changes if each.line in lines
    ]


def test_only_lines_that_changed_are_drawn() -> None:
    lines = {"src/python/nexus/x.py": [range(2, 3), range(5, 7)]}
    kept = only_on([change(line) for line in range(1, 9)], lines)
    assert [each.line for each in kept] == [2, 5, 6]


VERDICTS = [
    Verdict(mutant(), Fate.KILLED, "x_test.py::test_a", tried=1, available=3),
    Verdict(mutant(), Fate.TIMEOUT, "x_test.py", tried=1, available=3),
    Verdict(mutant(), Fate.KILLED, "//ci:os2vm_test", is_world=True, tried=3, available=3),
    Verdict(mutant(), Fate.SURVIVED, "x_test.py", tried=3, available=3),
    Verdict(mutant(), Fate.INVALID),
    Verdict(mutant(), Fate.EQUIVALENT, reason="nobody reads it"),
]


def test_what_does_not_count_is_in_no_figure() -> None:
    assert report.figures_of(VERDICTS) == report.Figures(4, 2, 1)
    assert report.summary_of(VERDICTS, 7) == (
        "seed 7: 75.0 % of 4 mutants noticed, 50.0 % by unit tests"
        " (2 killed, 1 timeout, 1 survived, 1 invalid, 1 equivalent)"
    )
    assert report.figures_of([]).percent == 100.0


def test_a_survivor_is_shown_as_a_diff_with_its_nearest_test() -> None:
    text = report.text_of(VERDICTS, 7)
    assert "survived: src/python/nexus/x.py:1:0: op" in text
    assert "-a = 1\n+a = 2\n b = 2" in text
    assert "nearest test: x_test.py (3 of 3 ran)" in text


def test_the_reports_for_machines() -> None:
    read = json.loads(report.json_of(VERDICTS, 7))
    assert (read["counted"], read["by_unit_tests"], read["by_worlds"]) == (4, 2, 1)
    assert [each["fate"] for each in read["mutants"]] == [v.fate.value for v in VERDICTS]
    suite = ElementTree.fromstring(report.junit_of(VERDICTS))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("6", "1", "2")


def test_the_report_shows_what_a_mutant_holds_and_obeys_none_of_it() -> None:
    odd = Mutant(change(1), BEFORE, "a = '\x1b[2J\u202e##[error]'\nb = 2\n")
    (case,) = ElementTree.fromstring(report.junit_of([Verdict(odd, Fate.SURVIVED, "x_test.py")]))
    assert r"+a = '\x1b[2J\u202e\x23#[error]'" in (case[0].text or "")


def test_an_equivalent_mutant_is_known_by_its_text() -> None:
    known = equivalent.parse(
        '[[mutant]]\npath = "src/python/nexus/x.py"\nbefore = "a = 1"\nafter = "a = 2"\n'
        'reason = "nobody reads it"\n'
    )
    assert equivalent.reason_of(mutant(9), known) == "nobody reads it"
    other = Mutant(change(1), BEFORE, "a = 3\nb = 2\n")
    assert equivalent.reason_of(other, known) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[[mutant]]\npath = "x"\nbefore = "a"\nafter = "b"\n', "mutant 1: reason"),
        ('[[mutant]]\npath = ""\nbefore = "a"\nafter = "b"\nreason = "c"\n', "mutant 1: path"),
        ("[[mutant\n", "equivalent.toml: "),
    ],
)
def test_an_entry_that_says_too_little_is_refused(text: str, named: str) -> None:
    with pytest.raises(equivalent.EquivalentError, match=named):
        equivalent.parse(text)
