"""`junit.xml`: the run as test cases, one an expectation and one for the verdict.

No time stamps and no host names: the file of a reproducible run is reproducible.  Whatever a guest
or a file name holds, the file is well-formed: XML 1.0 has no control characters, not even escaped
ones, so all texts pass `printable`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from nexus.core.text import printable
from nexus.harness.summary import Deterministic, ExpectationSummary

_NS_PER_S = 1_000_000_000


def build(run: Deterministic, *, expected_outcome: str, is_success: bool) -> str:
    """Make the file's text from a run's summary.

    A marker that was not seen is a failure if it is what the run failed for, and is skipped if
    the run ended before it; when a failure is what was expected, only the verdict counts.
    """
    cases = [_expectation_case(run, entry, is_success=is_success) for entry in run.expectations]
    cases.append(_verdict_case(run, expected_outcome, is_success=is_success))
    suite = ET.Element(
        "testsuite",
        name=printable(run.world),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors="0",
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        time=_seconds(run.virtual_ns),
    )
    suite.extend(cases)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _expectation_case(
    run: Deterministic, entry: ExpectationSummary, *, is_success: bool
) -> ET.Element:
    name = printable(f"{entry.machine}: {entry.marker}")
    case = ET.Element("testcase", classname=printable(f"{run.world}.{entry.phase}"), name=name)
    case.set("time", _seconds(entry.seen_ns or 0))
    if entry.seen_ns is None:
        is_culprit = (entry.machine, entry.phase, entry.marker) == (
            run.machine,
            run.phase,
            run.first_missing_marker,
        )
        kind = "failure" if is_culprit and not is_success else "skipped"
        ET.SubElement(case, kind, message=printable(f"{run.outcome}: not seen"))
    return case


def _verdict_case(run: Deterministic, expected_outcome: str, *, is_success: bool) -> ET.Element:
    case = ET.Element(
        "testcase", classname=printable(f"{run.world}.verdict"), name=expected_outcome
    )
    case.set("time", _seconds(run.virtual_ns))
    text = printable(f"{run.outcome}: {run.message}")
    if is_success:
        ET.SubElement(case, "system-out").text = text
    else:
        ET.SubElement(case, "failure", message=text)
    return case


def _seconds(ns: int) -> str:
    return f"{ns // _NS_PER_S}.{ns % _NS_PER_S:09d}"
