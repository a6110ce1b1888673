"""A JUnit report as its reader finds it, whatever the texts of its cases hold."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.core.junit import Case, document, indented

CASES = [
    Case(classname="c", name="passed", said="fine", seconds="0.5"),
    Case(classname="c", name="silent"),
    Case(classname="c", name="failed", failure="a < b", detail="one\n\ttwo"),
    Case(classname="c", name="skipped", skipped="no network"),
]


def test_a_document_has_its_suite_as_the_root() -> None:
    assert document("s & t", CASES, ("tests", "failures", "skipped")) == (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<testsuite name="s &amp; t" tests="4" failures="1" skipped="1">'
        '<testcase classname="c" name="passed" time="0.5"><system-out>fine</system-out></testcase>'
        '<testcase classname="c" name="silent" />'
        '<testcase classname="c" name="failed">'
        '<failure message="a &lt; b">one\n\ttwo</failure></testcase>'
        '<testcase classname="c" name="skipped"><skipped message="no network" /></testcase>'
        "</testsuite>"
    )


def test_a_document_counts_what_it_is_asked_for() -> None:
    assert '<testsuite name="s" tests="4" failures="1">' in document("s", CASES)
    assert '<testsuite name="s" tests="0" failures="0" />' in document("s", [])


def test_an_indented_report_has_an_element_a_line() -> None:
    assert indented("s", CASES[:1] + CASES[3:], "1.5") == (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        "<testsuites>\n"
        '  <testsuite name="s" tests="2" failures="0" errors="0" skipped="1" time="1.5">\n'
        '    <testcase classname="c" name="passed" time="0.5">\n'
        "      <system-out>fine</system-out>\n"
        "    </testcase>\n"
        '    <testcase classname="c" name="skipped">\n'
        '      <skipped message="no network" />\n'
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n"
    )


@pytest.mark.parametrize("write", [document, indented])
@given(odd=st.text())
def test_whatever_a_text_holds_the_report_is_read(
    write: Callable[[str, list[Case]], str], odd: str
) -> None:
    cases = [
        Case(classname=odd, name=odd, failure=odd, detail=odd),
        Case(classname=odd, name=odd, skipped=odd),
        Case(classname=odd, name=odd, said=odd),
    ]
    read = ElementTree.fromstring(write(odd, cases).encode())
    assert len(list(read.iter("testcase"))) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\x1b[2J\u202eb\n", r"a\x1b[2J\u202eb\x0a"),
        ("##[error]no", r"\x23#[error]no"),
        ("größe 値 😀", "größe 値 😀"),
    ],
)
def test_no_text_of_a_case_acts_on_its_reader(text: str, message: str) -> None:
    (case,) = ElementTree.fromstring(document("s", [Case(classname="c", name="n", failure=text)]))
    assert case[0].get("message") == message


def test_a_case_cannot_have_failed_and_be_skipped() -> None:
    with pytest.raises(AssertionError, match="n: failed and skipped"):
        document("s", [Case(classname="c", name="n", failure="f", skipped="s")])
