"""`junit.xml`: the run as test cases, one an expectation and one for the verdict.

The times are virtual, so the file of a reproducible run is reproducible.
"""

from __future__ import annotations

from nexus.core.junit import Case, indented
from nexus.harness.summary import Deterministic, ExpectationSummary

_NS_PER_S = 1_000_000_000


def build(run: Deterministic, *, expected_outcome: str, is_success: bool) -> str:
    """Make the file's text from a run's summary.

    A marker that was not seen is a failure if it is what the run failed for, and is skipped if
    the run ended before it; when a failure is what was expected, only the verdict counts.
    """
    cases = [_expectation_case(run, entry, is_success=is_success) for entry in run.expectations]
    cases.append(_verdict_case(run, expected_outcome, is_success=is_success))
    return indented(run.world, cases, _seconds(run.virtual_ns))


def _expectation_case(run: Deterministic, entry: ExpectationSummary, *, is_success: bool) -> Case:
    unseen = f"{run.outcome}: not seen" if entry.seen_ns is None else None
    is_failure = not is_success and (entry.machine, entry.phase, entry.marker) == (
        run.machine,
        run.phase,
        run.first_missing_marker,
    )
    return Case(
        classname=f"{run.world}.{entry.phase}",
        name=f"{entry.machine}: {entry.marker}",
        failure=unseen if is_failure else None,
        skipped=None if is_failure else unseen,
        seconds=_seconds(entry.seen_ns or 0),
    )


def _verdict_case(run: Deterministic, expected_outcome: str, *, is_success: bool) -> Case:
    text = f"{run.outcome}: {run.message}"
    return Case(
        classname=f"{run.world}.verdict",
        name=expected_outcome,
        failure=None if is_success else text,
        said=text if is_success else None,
        seconds=_seconds(run.virtual_ns),
    )


def _seconds(ns: int) -> str:
    return f"{ns // _NS_PER_S}.{ns % _NS_PER_S:09d}"
