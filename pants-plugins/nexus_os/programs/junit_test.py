"""The reports of runs that passed, failed, and broke before they began."""

from __future__ import annotations

import runpy
from xml.etree import ElementTree

import pytest  # pants: no-infer-dep

from nexus_os.programs import junit
from nexus_os.programs.junit import Case

PASSED = """\
1/3 net.test.checksum of an odd length...OK
2/3 net.arp.test.says what it does...OK
3/3 net.test.later...SKIP
2 passed; 1 skipped; 0 failed.
"""

FAILED = """\
1/2 net.test.one...a line the test printed
OK
2/2 net.test.two...FAIL (TestUnexpectedResult)
/lib/std/testing.zig:615:14: 0x124f3f9 in expect (std.zig)
1 passed; 0 skipped; 1 failed.
"""


def test_cases_have_the_names_and_verdicts_that_zig_printed() -> None:
    assert junit.cases_of_zig(PASSED, 0, "//a:t") == [
        Case("net.test.checksum of an odd length"),
        Case("net.arp.test.says what it does"),
        Case("net.test.later", skipped=True),
    ]


def test_failing_case_is_the_one_zig_names() -> None:
    cases = junit.cases_of_zig(FAILED, 1, "//a:t")

    assert cases == [
        Case("net.test.one"),
        Case("net.test.two", failure="FAIL (TestUnexpectedResult)"),
    ]


def test_run_that_does_not_compile_is_one_failed_case() -> None:
    cases = junit.cases_of_zig("root.zig:3:1: error: expected ';'\n", 1, "//a:t")

    assert cases == [Case("//a:t", failure="zig test ended with 1")]


def test_passing_test_may_print_the_word_fail() -> None:
    assert junit.cases_of_zig("1/1 a.test.one...FAIL is printed\nOK\n", 0, "//a:t") == [
        Case("a.test.one")
    ]


def test_crash_after_passing_tests_counts_as_failed() -> None:
    cases = junit.cases_of_zig("1/2 a.test.one...OK\n2/2 a.test.two...", 134, "//a:t")

    assert [case.failure for case in cases] == [None, None, "zig test ended with 134"]


def test_module_without_tests_is_one_passed_case() -> None:
    assert junit.cases_of_zig("All 0 tests passed.\n", 0, "//a:t") == [Case("//a:t")]


def test_report_counts_its_cases() -> None:
    cases = [Case("a"), Case("b", failure="x < y"), Case("c", skipped=True)]
    root = ElementTree.fromstring(junit.render("//a:t", cases, "out"))

    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("3", "1", "1")
    assert [case.get("name") for case in root] == ["a", "b", "c"]


def test_report_survives_what_xml_cannot_hold() -> None:
    report = junit.render("s", [Case("a", failure="f")], "\x1b[31mred\x00 & <tag>")

    failure = ElementTree.fromstring(report).find("testcase/failure")
    assert failure is not None
    assert failure.text == r"\x1b[31mred\x00 & <tag>"


def test_runner_without_a_report_fails_by_its_exit_code() -> None:
    assert junit.case_of_process("//a:t", 0).failure is None
    assert junit.case_of_process("//a:t", -9).failure == "ended with -9 and no report"


# Characters that break lines for Python but not for zig, that XML lacks, and that it has.
ODD = [*"\x07\x08\x0b\x0c\r\x1c\x1d\x1e\x7f\x85\u2028\u2029\ufffe\udcff", "##[error]"]


@pytest.mark.parametrize("odd", ODD, ids=ascii)
@pytest.mark.parametrize(
    ("line", "exit_code", "is_failed"), [("a{0}b...OK", 0, False), ("a...FAIL (X{0})", 1, True)]
)
def test_odd_characters_neither_lose_a_case_nor_break_the_report(
    line: str, exit_code: int, is_failed: bool, odd: str
) -> None:
    output = f"1/1 root.test.{line.format(odd)}\n"
    cases = junit.cases_of_zig(output, exit_code, "x:tests")
    root = ElementTree.fromstring(junit.render(f"x{odd}", cases, output))
    (case,) = root
    assert (case.get("name") or "").startswith("root.test.a")
    assert (case.find("failure") is not None) == is_failed


@pytest.mark.parametrize("odd", [*ODD, "##vso[x]", "größe 😀", "a\n\tb\r", "\\"], ids=ascii)
def test_the_plugin_escapes_as_the_product_does(odd: str) -> None:
    product = runpy.run_path("src/python/nexus/core/text.py")
    for keep in ("", "\n\t"):
        assert junit.printable(odd, keep) == product["printable"](odd, keep)


def test_characters_beyond_the_first_plane_are_kept() -> None:
    report = junit.render("s", [Case("\U0001f600", failure="f")], "\U0001f600\n\t.")
    root = ElementTree.fromstring(report)
    assert root[0].get("name") == "\U0001f600"
    assert root[0][0].text == "\U0001f600\n\t."
