"""Plain lines for logs, live ones for terminals, and the choice between them."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console
from rich.live import Live

from nexus.harness.live import LiveReporter
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation
from nexus.harness.progress import PlainReporter, report
from nexus.harness.wording import format_ns

HELLO = Expectation("A", Phase.LAUNCH, "hello [red]")


def test_instants_are_aligned_milliseconds() -> None:
    assert format_ns(0) == "     0.000 ms"
    assert format_ns(12_345_678) == "    12.345 ms"


def test_no_terminal_means_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with report(("A",), is_plain=False, is_verbose=False) as reporter:
        assert isinstance(reporter, PlainReporter)
        reporter.line("A", "chatter", 1)
        reporter.marker(HELLO, 2_000_000)
        reporter.progress(Phase.LAUNCH, 2_000_000, None)
    assert capsys.readouterr().out == "     2.000 ms  A    launch  hello [red]\n"


@contextmanager
def live_on(
    screen: io.StringIO,
    *labels: str,
    is_verbose: bool = False,
    width: int = 100,
    color: bool = True,
) -> Iterator[LiveReporter]:
    """A reporter on a terminal whose clock jumps a second at each look."""
    console = Console(
        file=screen, force_terminal=True, width=width, highlight=False, no_color=not color
    )
    ticks = itertools.count()
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield LiveReporter(console, live, labels, is_verbose=is_verbose, clock_s=ticks.__next__)


def test_live_shows_markers_lanes_phases_and_what_is_waited_for() -> None:
    screen = io.StringIO()
    with live_on(screen, "A", "B", is_verbose=True) as reporter:
        reporter.line("A", "chatter", 1)
        reporter.progress(Phase.LAUNCH, 1_000, HELLO)
        reporter.marker(HELLO, 2_000_000)
        reporter.line("B", "last words of B", 2_500_000)
        reporter.progress(Phase.DISCOVERY, 3_000_000, None)
    shown = screen.getvalue()
    for text in ("chatter", "waiting for A: hello [red]", "settling", "✓ launch", "> discovery"):
        assert text in shown
    for text in ("1 marker ", "0 markers", "2.500 ms", "last words of B"):
        assert text in shown


def test_the_picture_is_not_drawn_at_every_step() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, highlight=False)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        reporter = LiveReporter(console, live, ("A",), is_verbose=False, clock_s=lambda: 1.0)
        for step in range(1_000):
            reporter.progress(Phase.LAUNCH, step * 1_000, HELLO)
        assert screen.getvalue().count("waiting for") == 1


def test_many_machines_leave_room_for_the_markers() -> None:
    screen = io.StringIO()
    with live_on(screen, *(f"node-{number:02}" for number in range(32))) as reporter:
        reporter.progress(Phase.LAUNCH, 0, HELLO)
    shown = screen.getvalue()
    assert "node-11" in shown
    assert "node-12" not in shown
    assert "and 20 more machines" in shown


def test_without_colours_there_are_none() -> None:
    screen = io.StringIO()
    with live_on(screen, "A", color=False) as reporter:
        reporter.marker(HELLO, 1)
        reporter.progress(Phase.LAUNCH, 0, HELLO)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", screen.getvalue())


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert Console(force_terminal=True).no_color


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_cannot_move_its_cursor_has_plain_lines(
    monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with report(("A",), is_plain=False, is_verbose=False) as reporter:
        assert isinstance(reporter, PlainReporter)


def test_what_a_guest_prints_cannot_act_on_a_terminal_or_a_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = "a\x1b[2J\u2028\u202eb\t##[error]"
    shown = r"a\x1b[2J\u2028\u202eb" + "\t" + r"\x23#[error]"
    plain = PlainReporter(is_verbose=True)
    plain.line("A", line, 0)
    plain.marker(Expectation("A", Phase.LAUNCH, line), 0)
    assert capsys.readouterr().out.count(shown) == 2
    out = io.StringIO()
    with live_on(out, "A", is_verbose=True, width=200) as live:
        live.line("A", line, 0)
        live.marker(Expectation("A", Phase.LAUNCH, line), 0)
        live.progress(Phase.LAUNCH, 0, Expectation("A", Phase.LAUNCH, line))
    assert "\u202e" not in out.getvalue()
    assert "[2J" not in out.getvalue().replace(r"\x1b[2J", "")


def test_a_terminal_has_the_picture_and_keeps_the_markers(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdout", screen)
    for name, value in (("TERM", "xterm"), ("COLUMNS", "100"), ("LINES", "24")):
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    with report(("A",), is_plain=False, is_verbose=False) as reporter:
        assert isinstance(reporter, LiveReporter)
        reporter.marker(Expectation("A", Phase.LAUNCH, "up 12 of 34"), 2_000_000)
        # A screen that draws by itself, from a thread, would do so between these two.
        before = screen.getvalue()
        assert "waiting for A" not in before
        reporter.progress(Phase.LAUNCH, 1_000, HELLO)
    shown = screen.getvalue()
    assert "waiting for A: hello [red]" in shown
    assert "\x1b[32mup 12 of 34\x1b[0m" in shown, "numbers have no colour of their own"
    # The picture is wiped: after the last line that it had, only movements and wiping follow.
    end = shown.rpartition("waiting for A")[2]
    assert re.search(r"\x1b\[(1A|2K)", end)


def test_picture_of_machines_that_have_said_nothing() -> None:
    screen = io.StringIO()
    with live_on(screen, "A", width=60, color=False) as reporter:
        reporter.progress(Phase.LAUNCH, 0, HELLO)
        reporter.marker(HELLO, 5_000_000)
        reporter.marker(HELLO, 6_000_000)
        reporter.progress(Phase.LAUNCH, 7_000_000, HELLO)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert re.search("A 0 markers - +\n", shown)
    assert re.search(r"A 2 markers 6\.000 ms hello \[red\] +\n", shown)
    assert "7.000 ms  waiting for A: hello [red]" in shown
