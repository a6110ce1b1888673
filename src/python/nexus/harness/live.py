"""Shows a run on a terminal while it happens: markers as they come, and what is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.status import Status
from rich.text import Text

from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation
from nexus.harness.progress import format_ns, show_line

# The status line is drawn anew only after this much virtual time: a step is far shorter.
_REDRAW_NS: Final = 20_000_000


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
                Text(f"{format_ns(now_ns)}  {machine}            {show_line(line)}", style="dim")
            )

    def marker(self, expectation: Expectation, now_ns: int) -> None:
        """Print the marker that was met."""
        self._console.print(
            Text.assemble(
                (format_ns(now_ns), "dim"),
                (f"  {expectation.machine} {expectation.phase.value:>9}  ", "cyan"),
                (show_line(expectation.text), "green"),
            )
        )

    def progress(self, phase: Phase, now_ns: int, missing: Expectation | None) -> None:
        """Show the phase, the virtual time and the next missing marker."""
        shown = (phase, missing, now_ns // _REDRAW_NS)
        if shown == self._shown:
            return
        self._shown = shown
        wait = (
            f"waiting for {missing.machine}: {show_line(missing.text)}" if missing else "settling"
        )
        self._status.update(Text(f"{phase.value} {format_ns(now_ns).strip()}  {wait}"))


@contextmanager
def show_live(*, is_verbose: bool) -> Iterator[LiveReporter]:
    """Take over the terminal for a run."""
    console = Console(highlight=False)
    with console.status("build") as status:
        yield LiveReporter(console, status, is_verbose=is_verbose)
