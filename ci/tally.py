"""Count what a pipeline did, from the reports it left, and say it in one line.

    python3 ci/tally.py STEP=EXIT_CODE[=REPORTS] ...

REPORTS is a JUnit file, or a folder of them.  Tests are counted from the reports and from nothing
else.  A step that failed without a failed test in its reports (it has none, or broke before it
wrote them) counts as one failure; so does one that claims success but left no report where it
should have.  Each failed test is named, with the first line of its message, so that the end of a
log says what broke.  A skipped test is in neither number: each reason is printed with how often it
was given, and one that this machine disproves (a program that is not there, and is) is a failure.
The last line is `N passed, N failed`; the exit code is 0 only if nothing failed.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
    """Tests by verdict, how often each reason to skip one was given, and the failed ones' names."""

    passed: int
    failed: int
    skips: Counter[str] = field(default_factory=Counter)
    failures: tuple[str, ...] = ()


# Failures of one step that are shown: the reports have all, and a log stays readable.
FAILURES_SHOWN = 20
MESSAGE_CHARACTERS_SHOWN = 160


# Reasons that this machine can disprove: the pattern of one, and what must be true of its word.
DISPROVABLE: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (
        re.compile(r"([\w.+-]+) is not (?:installed )?on (?:this (?:host|machine)|PATH)"),
        lambda program: shutil.which(program) is None,
    ),
    (re.compile(r"no ([\w.+-]+) on this host"), lambda program: shutil.which(program) is None),
    (
        re.compile(r"the compiled engines? (?:is|are) for (x86-64 and AArch64)"),
        lambda _: platform.machine() not in ("x86_64", "aarch64"),
    ),
)


def is_disproved(reason: str) -> bool:
    """Whether this machine has what a test was skipped for the lack of."""
    return any(
        not is_true(found[1])
        for pattern, is_true in DISPROVABLE
        if (found := pattern.search(reason))
    )


def parse_step(text: str) -> Step:
    """Read one argument.

    Raises:
        ValueError: says what is accepted.
    """
    parts = text.split("=", 2)
    if len(parts) < 2 or not parts[0] or not parts[1].isdecimal():
        raise ValueError(f"{text!r}: expected STEP=EXIT_CODE[=REPORTS]")
    return Step(parts[0], int(parts[1]), Path(parts[2]) if len(parts) == 3 else None)


def count_cases(report: str) -> Count:
    """Count the cases of one JUnit report.

    In a report with a failure, what is skipped was not reached; that has no reason of its own.
    """
    passed = 0
    failures: list[str] = []
    skips: Counter[str] = Counter()
    for case in ElementTree.fromstring(report).iter("testcase"):
        broken = [child for child in case if child.tag in {"failure", "error"}]
        if broken:
            failures.append(name_failure(case, broken[0]))
        elif (skipped := case.find("skipped")) is not None:
            skips[skipped.get("message") or "no reason is given"] += 1
        else:
            passed += 1
    failed = len(failures)
    return Count(passed, failed, Counter() if failed else skips, tuple(failures))


def name_failure(case: ElementTree.Element, broken: ElementTree.Element) -> str:
    """Say which test failed and the first line of why, without what a terminal would obey."""
    place = "::".join(part for key in ("classname", "name") if (part := case.get(key)))
    lines = (broken.get("message") or broken.text or "").strip().splitlines()
    reason = lines[0].strip() if lines else "it gave no reason"
    text = f"{place or 'a test without a name'}: {reason}"
    printable = "".join(char if char.isprintable() else "?" for char in text)
    if len(printable) > MESSAGE_CHARACTERS_SHOWN:
        printable = f"{printable[:MESSAGE_CHARACTERS_SHOWN]}..."
    return printable


def count_step(step: Step) -> tuple[Count, str | None]:
    """Count one step's tests; with a complaint if the step failed in a way no test shows."""
    files: list[Path] = []
    if step.reports is not None:
        files = sorted(step.reports.glob("*.xml")) if step.reports.is_dir() else [step.reports]
    passed = failed = 0
    skips: Counter[str] = Counter()
    failures: list[str] = []
    for file in files:
        try:
            count = count_cases(file.read_text(encoding="utf-8"))
        except (OSError, ElementTree.ParseError) as exc:
            complaint = f"{step.name}: no report that can be read: {exc}"
            return Count(passed, failed + 1, skips, tuple(failures)), complaint
        passed += count.passed
        failed += count.failed
        skips += count.skips
        failures += count.failures
    if step.reports is not None and passed + failed == 0:
        return Count(0, 1), f"{step.name}: no tests in {step.reports}"
    if step.exit_code != 0 and failed == 0:
        return Count(passed, 1, skips), f"{step.name}: ended with {step.exit_code}"
    return Count(passed, failed, skips, tuple(failures)), None


def describe_failures(step: str, failures: tuple[str, ...]) -> list[str]:
    """Return a line for each failed test, and one for those that are too many to show."""
    lines = [f"{step}: failed: {name}" for name in failures[:FAILURES_SHOWN]]
    if (left := len(failures) - FAILURES_SHOWN) > 0:
        lines.append(f"{step}: failed: {left} more; their reports name them")
    return lines


def describe_skips(step: str, skips: Counter[str]) -> tuple[list[str], int]:
    """Return a line for each reason to skip, and how many tests should not have been skipped."""
    lines: list[str] = []
    wrong = 0
    for reason, times in sorted(skips.items()):
        line = f"{step}: skipped {times}: {reason}"
        if is_disproved(reason):
            wrong += times
            line += "; but this machine has it, so that counts as failed"
        lines.append(line)
    return lines, wrong


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
        lines, wrong = describe_skips(step.name, count.skips)
        failed += wrong
        failures = describe_failures(step.name, count.failures)
        for line in [*([complaint] if complaint else []), *failures, *lines]:
            sys.stdout.write(f"tally: {line}\n")
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
    code = 1  # The code of a count that could not be written.
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except OSError:
        # The buffer is written once more at the end of the process; let that succeed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)


if __name__ == "__main__":
    run()
