"""The cases tried with Linux, as a JUnit report: passed, failed, or not tried and why."""

from __future__ import annotations

from dataclasses import dataclass

from nexus.core import junit


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that was tried: passed, or failed, or skipped; never both of these."""

    name: str
    said: str
    has_failed: bool = False
    is_skipped: bool = False


def build(cases: list[Case]) -> str:
    """Make the file's text."""
    return junit.indented("linux", [_reported(case) for case in cases])


def _reported(case: Case) -> junit.Case:
    has_passed = not case.has_failed and not case.is_skipped
    return junit.Case(
        classname="linux",
        name=case.name,
        failure=case.said if case.has_failed else None,
        skipped=case.said if case.is_skipped else None,
        said=case.said if has_passed else None,
    )
