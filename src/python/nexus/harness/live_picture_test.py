"""The picture on a terminal as a person sees it: whole, with the styles of its parts."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live

from nexus.harness import live
from nexus.harness.live import LANES_MAX, LiveReporter
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation

HELLO = Expectation("A", Phase.LAUNCH, "hello")
# Cyan, green, dim; the last line has no style of its own.
COLUMNS = ((36, "A"), (32, "0 markers"), (2, "1.000 ms"))
PHASES = "  launch    discovery    session    remote    end"


def reporter_of(
    *labels: str, is_verbose: bool = False, clock: Iterator[float] | None = None
) -> LiveReporter:
    """A reporter on a screen of 60 columns that a test can read."""
    console = Console(
        file=io.StringIO(), force_terminal=True, width=60, highlight=False, record=True
    )
    picture = Live(console=console, auto_refresh=False, transient=True)
    ticks = clock if clock is not None else iter(range(10**6))
    return LiveReporter(
        console, picture, labels, is_verbose=is_verbose, clock_s=lambda: float(next(ticks))
    )


def shown(reporter: LiveReporter) -> list[str]:
    """The lines of the picture, without styles and what fills a line up."""
    console = Console(file=io.StringIO(), width=60, highlight=False)
    console.print(reporter.picture())
    written = console.file
    assert isinstance(written, io.StringIO)
    return [line.rstrip() for line in written.getvalue().splitlines()]


def styles_of(reporter: LiveReporter) -> list[str]:
    """The style of each phase."""
    text = reporter._phases()
    return [str(span.style) for span in text.spans]


def test_a_picture_before_anything_has_happened() -> None:
    assert shown(reporter_of("A", "node-b")) == [
        "A      0 markers -",
        "node-b 0 markers -",
        PHASES,
        "0.000 ms  settling",
    ]


def test_lanes_have_the_markers_and_the_last_line_of_each_machine() -> None:
    reporter = reporter_of("A", "B", "C")
    reporter.line("A", "first", 1_000_000)
    reporter.marker(HELLO, 2_500_000)
    reporter.marker(HELLO, 3_000_000)
    reporter.marker(Expectation("B", Phase.LAUNCH, "up"), 4_000_000)
    reporter.line("B", "x" * 80, 5_000_000)
    reporter.line("D", "not of the plan", 6_000_000)
    reporter.progress(Phase.SESSION, 7_000_000, HELLO)
    assert shown(reporter) == [
        "A 2 markers 3.000 ms hello",
        "B 1 marker  5.000 ms " + "x" * 38 + "…",
        "C 0 markers -",
        "D 0 markers 6.000 ms not of the plan",
        "✓ launch  ✓ discovery  > session    remote    end",
        "7.000 ms  waiting for A: hello",
    ]


def test_phases_are_done_under_way_or_still_to_come() -> None:
    reporter = reporter_of("A")
    assert styles_of(reporter) == ["dim"] * 5
    reporter.progress(Phase.LAUNCH, 0, None)
    assert styles_of(reporter) == ["bold", "dim", "dim", "dim", "dim"]
    reporter.progress(Phase.REMOTE, 0, None)
    assert styles_of(reporter) == ["green", "green", "green", "bold", "dim"]
    assert shown(reporter)[-2:] == [
        "✓ launch  ✓ discovery  ✓ session  > remote    end",
        "0.000 ms  settling",
    ]


def test_as_many_machines_as_fit_and_how_many_more_there_are() -> None:
    fitting = [f"m{number:02}" for number in range(LANES_MAX)]
    assert len(shown(reporter_of(*fitting))) == LANES_MAX + 2
    lines = shown(reporter_of(*fitting, "other"))
    assert lines[LANES_MAX] == "and 1 more machines"
    assert len(lines) == LANES_MAX + 3


def test_what_is_printed_above_the_picture_and_how() -> None:
    reporter = reporter_of("A", is_verbose=True)
    reporter.line("A", "a\x07", 1_000_000)
    reporter.marker(HELLO, 2_000_000)
    text = reporter._console.export_text(styles=True)
    assert text.splitlines() == [
        "\x1b[2m     1.000 ms  A            a\\x07\x1b[0m",
        "\x1b[2m     2.000 ms\x1b[0m\x1b[36m  A    launch  \x1b[0m\x1b[32mhello\x1b[0m",
    ]
    quiet = reporter_of("A")
    quiet.line("A", "a", 1_000_000)
    assert quiet._console.export_text() == ""


def test_colours_of_lanes() -> None:
    reporter = reporter_of("A")
    reporter.line("A", "a", 1_000_000)
    console = Console(file=io.StringIO(), force_terminal=True, width=40, record=True)
    console.print(reporter.picture())
    first = console.export_text(styles=True).splitlines()[0]
    cells = [f"\x1b[{code}m{text}\x1b[0m\x1b[{code}m \x1b[0m" for code, text in COLUMNS]
    assert first.rstrip() == "".join(cells) + "a"


def test_a_picture_is_drawn_again_after_fifty_milliseconds() -> None:
    instants = [0.0, 0.049, 0.05, 0.099, 0.1001]
    reporter = reporter_of("A", clock=iter(instants))
    drawn: list[int] = []
    for number, _ in enumerate(instants):
        before = reporter._drawn_s
        reporter.progress(Phase.LAUNCH, number, HELLO)
        drawn += [number] * (reporter._drawn_s != before)
    assert drawn == [0, 2, 4]


def test_the_live_picture_is_told_to_draw_at_once() -> None:
    asked: list[tuple[object, bool]] = []

    class Screen:
        def update(self, picture: object, *, refresh: bool) -> None:
            asked.append((picture, refresh))

    reporter = reporter_of("A")
    reporter._live = Screen()  # type: ignore[assignment]  # A stand-in.
    reporter.progress(Phase.LAUNCH, 0, HELLO)
    assert [refresh for _, refresh in asked] == [True]


def test_a_terminal_gets_one_picture_that_goes_away() -> None:
    with live.show_live(("A",), is_verbose=True) as reporter:
        assert reporter._live.transient
        assert not reporter._live.auto_refresh
        assert reporter._is_verbose
        assert list(reporter._lanes) == ["A"]
