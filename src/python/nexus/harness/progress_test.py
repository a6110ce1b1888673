"""Plain lines for logs, live ones for terminals, and the choice between them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from nexus.harness.live import LiveReporter
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation
from nexus.harness.progress import PlainReporter, format_ns, report

HELLO = Expectation("A", Phase.LAUNCH, "hello [red]")


def test_instants_are_aligned_milliseconds() -> None:
    assert format_ns(0) == "     0.000 ms"
    assert format_ns(12_345_678) == "    12.345 ms"


def test_no_terminal_means_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with report(is_plain=False, is_verbose=False) as reporter:
        assert isinstance(reporter, PlainReporter)
        reporter.line("A", "chatter", 1)
        reporter.marker(HELLO, 2_000_000)
        reporter.progress(Phase.LAUNCH, 2_000_000, None)
    assert capsys.readouterr().out == "     2.000 ms  A    launch  hello [red]\n"


def test_live_shows_markers_and_what_is_waited_for() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, highlight=False)
    with console.status("build") as status:
        reporter = LiveReporter(console, status, is_verbose=True)
        reporter.line("A", "chatter", 1)
        reporter.progress(Phase.LAUNCH, 1_000, HELLO)
        reporter.marker(HELLO, 2_000_000)
        reporter.progress(Phase.LAUNCH, 3_000_000, None)
    shown = screen.getvalue()
    for text in ("chatter", "waiting for A: hello [red]", "hello [red]", "settling"):
        assert text in shown


def test_status_is_not_drawn_at_every_step() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, highlight=False)
    with console.status("build", refresh_per_second=0.001) as status:
        reporter = LiveReporter(console, status, is_verbose=False)
        for step in range(1_000):
            reporter.progress(Phase.LAUNCH, step * 1_000, HELLO)
        assert screen.getvalue().count("waiting for") <= 2


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
    console = Console(file=out, force_terminal=True, width=200)
    with console.status("build") as status:
        live = LiveReporter(console, status, is_verbose=True)
        live.line("A", line, 0)
        live.marker(Expectation("A", Phase.LAUNCH, line), 0)
    assert "\u202e" not in out.getvalue()
    assert "[2J" not in out.getvalue().replace(r"\x1b[2J", "")
