"""Shows a run on a terminal while it happens: markers as they come, and below them the machines.

Each machine has a lane with its virtual time, its markers and its last line.  Below the lanes are
the phase and what is being waited for.  Colours follow NO_COLOR, which rich knows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from nexus.harness.phase import GUEST_PHASES, RANK, Phase
from nexus.harness.plan import Expectation
from nexus.harness.wording import format_ns, show_line

# A person sees no more than this many pictures a second, and a step is far shorter.
_REDRAW_S: Final = 0.05

# As many lanes as leave room for markers on a terminal of 24 lines.
LANES_MAX: Final = 12


@dataclass(slots=True)
class _Lane:
    """The state of one machine as it is shown."""

    markers: int = 0
    lines: int = 0
    last: str = ""
    last_ns: int = 0


class LiveReporter:
    """Markers as they come, and below them the lanes and what is being waited for."""

    def __init__(
        self,
        console: Console,
        live: Live,
        labels: Sequence[str],
        *,
        is_verbose: bool,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._live = live
        self._is_verbose = is_verbose
        self._clock_s = clock_s
        self._lanes = {label: _Lane() for label in labels}
        self._drawn_s = -_REDRAW_S
        self._phase = Phase.BUILD
        self._now_ns = 0
        self._missing: Expectation | None = None

    def line(self, machine: str, line: str, now_ns: int) -> None:
        """Note a console line; print it, if asked for."""
        self._note(machine, line, now_ns)
        if self._is_verbose:
            self._console.print(
                Text(f"{format_ns(now_ns)}  {machine}            {show_line(line)}", style="dim")
            )

    def marker(self, expectation: Expectation, now_ns: int) -> None:
        """Print the marker that was met."""
        self._note(expectation.machine, expectation.text, now_ns).markers += 1
        self._console.print(
            Text.assemble(
                (format_ns(now_ns), "dim"),
                (f"  {expectation.machine} {expectation.phase.value:>9}  ", "cyan"),
                (show_line(expectation.text), "green"),
            )
        )

    def progress(self, phase: Phase, now_ns: int, missing: Expectation | None) -> None:
        """Draw the picture anew, if a person could see the difference."""
        self._phase, self._now_ns, self._missing = phase, now_ns, missing
        now_s = self._clock_s()
        if now_s - self._drawn_s >= _REDRAW_S:
            self._drawn_s = now_s
            self._live.update(self.picture(), refresh=True)

    def picture(self) -> RenderableType:
        """Draw the lanes, the phases, and what is being waited for."""
        lanes = Table.grid(padding=(0, 1), expand=True)
        for column in ("cyan", "green", "dim"):
            lanes.add_column(style=column, no_wrap=True)
        lanes.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        shown = list(self._lanes.items())[:LANES_MAX]
        for label, lane in shown:
            markers = f"{lane.markers} marker{'' if lane.markers == 1 else 's'}"
            when = format_ns(lane.last_ns).strip() if lane.lines else "-"
            lanes.add_row(Text(label), Text(markers), Text(when), Text(show_line(lane.last)))
        hidden = len(self._lanes) - len(shown)
        more = [Text(f"and {hidden} more machines", style="dim")] if hidden else []
        return Group(lanes, *more, self._phases(), self._waiting())

    def _note(self, machine: str, line: str, now_ns: int) -> _Lane:
        lane = self._lanes.setdefault(machine, _Lane())
        lane.lines += 1
        lane.last, lane.last_ns = line, now_ns
        return lane

    def _phases(self) -> Text:
        text = Text()
        for phase in GUEST_PHASES:
            is_done = RANK[phase] < RANK[self._phase]
            style = "green" if is_done else "bold" if phase is self._phase else "dim"
            mark = "✓" if is_done else ">" if phase is self._phase else " "
            text.append(f"{mark} {phase.value}  ", style)
        return text

    def _waiting(self) -> Text:
        missing = self._missing
        wait = (
            f"waiting for {missing.machine}: {show_line(missing.text)}" if missing else "settling"
        )
        return Text(f"{format_ns(self._now_ns).strip()}  {wait}", no_wrap=True, overflow="ellipsis")


@contextmanager
def show_live(labels: Sequence[str], *, is_verbose: bool) -> Iterator[LiveReporter]:
    """Take over the terminal for a run; the picture is gone afterwards, the markers stay."""
    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield LiveReporter(console, live, labels, is_verbose=is_verbose)
