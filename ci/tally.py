"""Count what a pipeline did, from the reports it left, and say it in one line.

    python3 ci/tally.py STEP=EXIT_CODE[=REPORTS] ...

REPORTS is a JUnit file, or a folder of them.  Tests are counted from the reports and from nothing
else.  A step that failed without a failed test in its reports (it has none, or broke before it
wrote them) counts as one failure; so does one that claims success but left no report where it
should have.  The last line is `N passed, N failed`; the exit code is 0 only if nothing failed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree


@dataclass(frozen=True)
class Step:
    """One step of the pipeline."""

    name: str
    exit_code: int
    reports: Path | None


@dataclass(frozen=True)
class Count:
    """Tests by verdict; skipped ones are in neither number."""

    passed: int
    failed: int


def parse_step(text: str) -> Step:
    """Read one argument.

    Raises:
        ValueError: says what is accepted.
    """
    parts = text.split("=", 2)
    if len(parts) < 2 or not parts[0] or not parts[1].isdecimal():
        raise ValueError(f"{text!r}: accepted is STEP=EXIT_CODE[=REPORTS]")
    return Step(parts[0], int(parts[1]), Path(parts[2]) if len(parts) == 3 else None)


def count_cases(report: str) -> Count:
    """Count the cases of one JUnit report."""
    passed = failed = 0
    for case in ElementTree.fromstring(report).iter("testcase"):
        children = {child.tag for child in case}
        if children & {"failure", "error"}:
            failed += 1
        elif "skipped" not in children:
            passed += 1
    return Count(passed, failed)


def count_step(step: Step) -> tuple[Count, str | None]:
    """Count one step's tests; with a complaint if the step failed in a way no test shows."""
    files: list[Path] = []
    if step.reports is not None:
        files = sorted(step.reports.glob("*.xml")) if step.reports.is_dir() else [step.reports]
    passed = failed = 0
    for file in files:
        try:
            count = count_cases(file.read_text(encoding="utf-8"))
        except (OSError, ElementTree.ParseError) as exc:
            return Count(passed, failed + 1), f"{step.name}: no report that can be read: {exc}"
        passed += count.passed
        failed += count.failed
    if step.reports is not None and passed + failed == 0:
        return Count(0, 1), f"{step.name}: no tests in {step.reports}"
    if step.exit_code != 0 and failed == 0:
        return Count(passed, 1), f"{step.name}: ended with {step.exit_code}"
    return Count(passed, failed), None


def main(arguments: Sequence[str]) -> int:
    """Count every step, complain on the way, and say the sum."""
    try:
        steps = [parse_step(text) for text in arguments]
    except ValueError as exc:
        sys.stderr.write(f"tally: {exc}\n")
        return 2
    passed = failed = 0
    for step in steps:
        count, complaint = count_step(step)
        passed += count.passed
        failed += count.failed
        if complaint is not None:
            sys.stdout.write(f"tally: {complaint}\n")
    sys.stdout.write(f"{passed} passed, {failed} failed\n")
    return 1 if failed or not steps else 0


def run() -> NoReturn:
    """End the process with the verdict, whatever the standard output is: closed, full or unread.

    This program runs without the project's own modules, hence this small guard of its own.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
        getattr(sys, name).reconfigure(errors="backslashreplace")
    code = 1  # Of a count that could not be written.
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except OSError:
        # The buffer is written once more at the end of the process; let that succeed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)


if __name__ == "__main__":
    run()
