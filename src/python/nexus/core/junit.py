"""JUnit reports: the one place that writes them, and that knows what XML cannot hold.

Every text passes `printable` here, and callers hand it over as it is: XML 1.0 has no control
characters, not even escaped ones, and the log of a CI host obeys some texts.  A report has the
times it is given and no other, and no host name: equal cases give equal bytes.  `nexus_os` has a
writer of its own, since the plugin imports nothing of `nexus`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from xml.etree import ElementTree

from nexus.core.text import printable

Count = Literal["tests", "failures", "errors", "skipped"]

# The counts that GitLab and Jenkins read of a suite in which no case is skipped.
COUNTS_DEFAULT: Final[tuple[Count, ...]] = ("tests", "failures")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test case: passed, unless it has a failure or a reason why it was skipped."""

    classname: str
    name: str
    failure: str | None = None
    """The mistake, in one line."""
    detail: str = ""
    """Further text for a reader of the failure; it may have many lines."""
    skipped: str | None = None
    """The reason why the case was not tried, in one line."""
    said: str | None = None
    """The report of a case that passed, in one line."""
    seconds: str | None = None
    """The time that the case took, as a decimal number."""


def document(name: str, cases: Sequence[Case], counts: Sequence[Count] = COUNTS_DEFAULT) -> str:
    """Return a report whose root is the suite, with the counts in the order given."""
    suite = _suite(name, cases, counts, None)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def indented(name: str, cases: Sequence[Case], seconds: str | None = None) -> str:
    """Return a report for people's eyes too: one element a line, with all counts."""
    root = ElementTree.Element("testsuites")
    root.append(_suite(name, cases, ("tests", "failures", "errors", "skipped"), seconds))
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _suite(
    name: str, cases: Sequence[Case], counts: Sequence[Count], seconds: str | None
) -> ElementTree.Element:
    numbers: dict[Count, int] = {
        "tests": len(cases),
        "failures": sum(case.failure is not None for case in cases),
        # A case whose program broke has failed, and says so in its message.
        "errors": 0,
        "skipped": sum(case.skipped is not None for case in cases),
    }
    suite = ElementTree.Element("testsuite", name=printable(name))
    for count in counts:
        suite.set(count, str(numbers[count]))
    if seconds is not None:
        suite.set("time", seconds)
    suite.extend([_element(case) for case in cases])
    return suite


def _element(case: Case) -> ElementTree.Element:
    assert case.failure is None or case.skipped is None, f"{case.name}: failed and skipped"
    element = ElementTree.Element(
        "testcase", classname=printable(case.classname), name=printable(case.name)
    )
    if case.seconds is not None:
        element.set("time", case.seconds)
    if case.failure is not None:
        failure = ElementTree.SubElement(element, "failure", message=printable(case.failure))
        failure.text = printable(case.detail, keep="\n\t")
    elif case.skipped is not None:
        ElementTree.SubElement(element, "skipped", message=printable(case.skipped))
    elif case.said is not None:
        ElementTree.SubElement(element, "system-out").text = printable(case.said)
    return element
