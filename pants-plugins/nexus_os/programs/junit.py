"""JUnit XML for test runners that do not write it themselves.

The plugin imports nothing of `nexus`, so this is a second writer beside `nexus.core.junit`; a test
holds `printable` to the one of the product.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Optional, Sequence
from xml.etree import ElementTree

# One line of zig's test runner: `3/12 net.ipv4.test.checksum of an odd length...OK`.  What a test
# itself prints may stand between the dots and the verdict.
_ZIG_TEST = re.compile(r"^\d+/\d+ (?P<name>.+?)\.\.\.(?P<rest>.*)$")


# The signs that CI hosts take for a command of the log, wherever in a line they stand.
_LOG_COMMANDS = ("##[", "##vso[")


def printable(text: str, keep: str = "") -> str:
    """Return a text in which nothing acts on a terminal, a CI host's log or an XML parser.

    A test may print any text.  `keep` names controls that are wanted, such as line ends.
    """
    for command in _LOG_COMMANDS:
        text = text.replace(command, f"\\x23{command[1:]}")
    return "".join(char if char.isprintable() or char in keep else _escape(char) for char in text)


def _escape(char: str) -> str:
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


@dataclass(frozen=True)
class Case:
    """One test; it has passed unless `failure` or `skipped` says otherwise."""

    name: str
    failure: Optional[str] = None
    skipped: bool = False
    reason: str = ""  # To skip it, where there is one.


def cases_of_zig(output: str, exit_code: int, target: str) -> List[Case]:
    """Read the cases from what `zig test` printed.

    If it failed without naming a test (it did not compile, or crashed), there is one more case,
    named after the target, that failed: a run that failed never counts as passed.
    """
    cases = []
    for match in map(_ZIG_TEST.match, output.split("\n")):
        if match is None:
            continue
        rest = match["rest"]
        is_failed = exit_code != 0 and "FAIL" in rest
        failure = printable(rest[rest.index("FAIL") :]) if is_failed else None
        cases.append(Case(printable(match["name"]), failure, rest.rstrip().endswith("SKIP")))
    if exit_code != 0 and not any(case.failure for case in cases):
        cases.append(Case(target, failure=f"zig test ended with {exit_code}"))
    return cases or [Case(target)]


def case_of_process(target: str, exit_code: int) -> Case:
    """The one case of a runner that wrote no report."""
    return Case(target, failure=f"ended with {exit_code} and no report" if exit_code else None)


def render(suite: str, cases: Sequence[Case], output: str) -> bytes:
    """Write a report.  It has no times in it: equal runs give equal bytes."""
    suite = printable(suite)
    root = ElementTree.Element(
        "testsuite",
        name=suite,
        tests=str(len(cases)),
        failures=str(sum(case.failure is not None for case in cases)),
        skipped=str(sum(case.skipped for case in cases)),
        errors="0",
    )
    for case in cases:
        element = ElementTree.SubElement(
            root, "testcase", classname=suite, name=printable(case.name)
        )
        if case.failure is not None:
            failure = ElementTree.SubElement(element, "failure", message=printable(case.failure))
            failure.text = printable(output, keep="\n\t")
        elif case.skipped:
            skipped = ElementTree.SubElement(element, "skipped")
            if case.reason:
                skipped.set("message", printable(case.reason))
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
