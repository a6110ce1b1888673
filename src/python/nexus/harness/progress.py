"""Shows a run while it happens: live on a terminal, one plain line a marker everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.status import Status
from rich.text import Text

from nexus.core.text import printable
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation
from nexus.harness.runner import Reporter

# The status line is drawn anew only after this much virtual time: a step is far shorter.
_REDRAW_NS: Final = 20_000_000


def format_ns(ns: int) -> str:
    """Print a virtual instant in milliseconds, aligned."""
    return f"{ns // 1_000_000:6d}.{ns // 1_000 % 1_000:03d} ms"


def _line(text: str) -> str:
    """Escape what a guest must not tell a terminal or a CI host; tabs only move the cursor."""
    return printable(text, keep="\t")


class PlainReporter:
    """One line a marker, and every console line if asked for; for logs of pipelines."""

    def __init__(self, *, is_verbose: bool) -> None:
        self._is_verbose = is_verbose

    def line(self, machine: str, line: str, now_ns: int) -> None:
        """Print a console line, if asked for."""
        if self._is_verbose:
            print(f"{format_ns(now_ns)}  {machine}            {_line(line)}", flush=True)

    def marker(self, expectation: Expectation, now_ns: int) -> None:
        """Print the marker that was met."""
        phase = expectation.phase.value
        text = _line(expectation.text)
        print(f"{format_ns(now_ns)}  {expectation.machine} {phase:>9}  {text}", flush=True)

    def progress(self, phase: Phase, now_ns: int, missing: Expectation | None) -> None:
        """Say nothing: a log has no use for it."""


class LiveReporter:
    """Markers as they come, and below them what is being waited for."""

    def __init__(self, console: Console, status: Status, *, is_verbose: bool) -> None:
        self._console = console
        self._status = status
        self._is_verbose = is_verbose
        self._shown: tuple[Phase, Expectation | None, int] | None = None

    def line(self, machine: str, line: str, now_ns: int) -> None:
        """Print a console line, if asked for."""
        if self._is_verbose:
            self._console.print(
                Text(f"{format_ns(now_ns)}  {machine}            {_line(line)}", style="dim")
            )

    def marker(self, expectation: Expectation, now_ns: int) -> None:
        """Print the marker that was met."""
        self._console.print(
            Text.assemble(
                (format_ns(now_ns), "dim"),
                (f"  {expectation.machine} {expectation.phase.value:>9}  ", "cyan"),
                (_line(expectation.text), "green"),
            )
        )

    def progress(self, phase: Phase, now_ns: int, missing: Expectation | None) -> None:
        """Show the phase, the virtual time and the next missing marker."""
        shown = (phase, missing, now_ns // _REDRAW_NS)
        if shown == self._shown:
            return
        self._shown = shown
        wait = f"waiting for {missing.machine}: {_line(missing.text)}" if missing else "settling"
        self._status.update(Text(f"{phase.value} {format_ns(now_ns).strip()}  {wait}"))


@contextmanager
def report(*, is_plain: bool, is_verbose: bool) -> Iterator[Reporter]:
    """Choose the reporter that suits the standard output."""
    if is_plain or not sys.stdout.isatty():
        yield PlainReporter(is_verbose=is_verbose)
        return
    console = Console(highlight=False)
    with console.status("build") as status:
        yield LiveReporter(console, status, is_verbose=is_verbose)
