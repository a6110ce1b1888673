"""Shows a run while it happens: live on a terminal, one plain line a marker everywhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation
from nexus.harness.runner import Reporter
from nexus.harness.wording import format_ns, show_line


class PlainReporter:
    """One line a marker, and every console line if asked for; for logs of pipelines."""

    def __init__(self, *, is_verbose: bool) -> None:
        self._is_verbose = is_verbose

    def line(self, machine: str, line: str, now_ns: int) -> None:
        """Print a console line, if asked for."""
        if self._is_verbose:
            print(f"{format_ns(now_ns)}  {machine}            {show_line(line)}", flush=True)

    def marker(self, expectation: Expectation, now_ns: int) -> None:
        """Print the marker that was met."""
        phase = expectation.phase.value
        text = show_line(expectation.text)
        print(f"{format_ns(now_ns)}  {expectation.machine} {phase:>9}  {text}", flush=True)

    def progress(self, phase: Phase, now_ns: int, missing: Expectation | None) -> None:
        """Say nothing: a log has no use for it."""


# A terminal that only prints what it is sent, such as an editor's.
_DUMB: Final = ("dumb", "unknown", "")


@contextmanager
def report(labels: Sequence[str], *, is_plain: bool, is_verbose: bool) -> Iterator[Reporter]:
    """Choose the reporter that suits the standard output; `labels` are those of the machines."""
    if is_plain or not sys.stdout.isatty() or os.environ.get("TERM", "").lower() in _DUMB:
        yield PlainReporter(is_verbose=is_verbose)
        return
    from nexus.harness.live import show_live  # Drawing is slow to import, and logs need none.

    with show_live(labels, is_verbose=is_verbose) as live:
        yield live
