"""The language between `python_judge.py` and the process that runs tests for it (`judge.py`).

A job is a line of JSON, and so is its answer.

`{"measure": FILE}` runs a file of tests without a change and is answered by what each of them takes
and executes: an `Answer` that is a `Calls`, too.

`{"tests": [[TEST, CPU_SECONDS_MAX], ...], "siblings": {TEST: BEGINNING}}` runs these tests in this
order, up to the first that fails.  For a test that a change renamed, those run that begin as its
siblings.

The process imports nothing of `nexus`, so it must not import this module either: it names these
types in annotations only.
"""

from __future__ import annotations

from typing import TypedDict, final


@final
class MeasureJob(TypedDict):
    """Measure one file."""

    measure: str


@final
class RunJob(TypedDict):
    """Run tests, each with its seconds of a processor at most."""

    tests: list[tuple[str, float]]
    siblings: dict[str, str]


Job = MeasureJob | RunJob


class Calls(TypedDict, total=False):
    """The functions that tests called, each as the number of its file and first line in `codes`."""

    codes: list[tuple[str, int]]
    before: list[int]  # Called while the tests were collected.
    touched: dict[str, list[int]]  # Called by each test.
    starters: list[str]  # Tests that start another process, of which nothing is known.


class Answer(Calls):
    """The end of a job.

    A measurement that did not come to its end has no `Calls`.
    """

    how: str  # `passed`, `failed` or `timeout`.
    failed: list[str]
    cpu: dict[str, float]  # The seconds of each test that ran.
