"""What was tried with Linux, as a JUnit report: passed, failed, or not tried and why."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from nexus.core.text import printable


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that was tried; without a fault and a reason it has passed."""

    name: str
    said: str
    has_failed: bool = False
    is_skipped: bool = False


def build(cases: list[Case]) -> str:
    """Make the file's text."""
    suite = ET.Element(
        "testsuite",
        name="linux",
        tests=str(len(cases)),
        failures=str(sum(case.has_failed for case in cases)),
        errors="0",
        skipped=str(sum(case.is_skipped for case in cases)),
    )
    for case in cases:
        element = ET.SubElement(suite, "testcase", classname="linux", name=printable(case.name))
        text = printable(case.said)
        if case.has_failed:
            ET.SubElement(element, "failure", message=text)
        elif case.is_skipped:
            ET.SubElement(element, "skipped", message=text)
        else:
            ET.SubElement(element, "system-out").text = text
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
