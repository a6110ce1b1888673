"""Signals and wall time end a run in any case, also while a user's pattern is being matched."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any  # Any: JSON, as it is read.

import pytest

from nexus.config.config_cases import WORLD, write_world
from nexus.entry.signals_support import usual_signals
from nexus.harness import arguments, plan_support
from nexus.harness.loading import load_plan
from nexus.harness.outcome import Outcome
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation
from nexus.harness.plan_support import say
from nexus.harness.program import Program
from nexus.harness.stopping import BrokenOffError, Stopper
from nexus.simulation.machine_fake import FakeMachine

# The matcher needs some 2**48 attempts to find out that there is no y.
ENDLESS = Expectation("A", Phase.LAUNCH, "(x+x+)+y", is_pattern=True)
LINE = "x" * 48


def run(out: Path, *more: str, expected: Expectation = ENDLESS) -> tuple[int, dict[str, Any]]:
    options = arguments.parse(["--world", "fake.toml", "--out", str(out), *more])
    plan = plan_support.plan((expected,), "AB")
    machines = {"A": FakeMachine(say(1, "first", LINE)), "B": FakeMachine(say(1, "of the other"))}
    code = Program(options, lambda _: plan, lambda *_: plan_support.engine(plan, machines)).run()
    return code, json.loads((out / "summary.json").read_text())


@pytest.mark.parametrize("pattern", ["(x+x+)+y", "(x+)+y", "(x|xx)+y", "(.*x){30}y"])
def test_wall_time_reaches_into_a_pattern(tmp_path: Path, pattern: str) -> None:
    expected = Expectation("A", Phase.LAUNCH, pattern, is_pattern=True)
    began = time.monotonic()
    code, summary = run(tmp_path, "--wall-seconds", "1", expected=expected)
    assert code == 21
    assert time.monotonic() - began < 20
    message = summary["deterministic"]["message"]
    assert message.startswith("not finished after 1 s of wall time, while it matched a line with")
    assert repr(expected.text) in message
    assert (tmp_path / "uart-A.log").read_text() == f"first\n{LINE}\n"
    assert (tmp_path / "uart-B.log").read_text() == "of the other\n"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_into_a_pattern(tmp_path: Path, number: signal.Signals) -> None:
    """The matcher holds every other thread up, so a second alarm sends the signal."""
    before = signal.signal(signal.SIGVTALRM, lambda *_: signal.raise_signal(number))
    with usual_signals():
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.3)
        code, summary = run(tmp_path)
    signal.signal(signal.SIGVTALRM, before)
    assert code == 130
    assert f"interrupted by {number.name}" in summary["deterministic"]["message"]


def test_what_was_there_before_is_there_again() -> None:
    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    with Stopper(60, 0.0, lambda: 0.0):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 50
    assert [signal.getsignal(number) for number in numbers] == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_was_ignored_from_the_start_ends_nothing(
    number: signal.Signals, request: pytest.FixtureRequest
) -> None:
    """As a shell ignores the interrupt for a job in the background."""
    before = signal.signal(number, signal.SIG_IGN)
    request.addfinalizer(lambda: signal.signal(number, before))
    with Stopper(60, 0.0, lambda: 0.0) as stopper:
        signal.raise_signal(number)
        assert stopper.reason() is None
    assert signal.getsignal(number) is signal.SIG_IGN


def test_a_signal_between_two_lines_breaks_off_the_next() -> None:
    with usual_signals(), Stopper(60, 0.0, lambda: 0.0) as stopper:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(BrokenOffError), stopper.breakable():
            raise AssertionError("not reached")
        assert stopper.reason() is not None


def read_only(out: Path, *options: str) -> tuple[int, str]:
    """Run with files that are read and no machine; return the exit code and the message."""
    began = time.monotonic()
    given = arguments.parse([*options, "--out", str(out), "--wall-seconds", "1"])
    code = Program(given, load_plan, lambda *_: pytest.fail("nothing is to boot")).run()
    assert time.monotonic() - began < 20
    message = json.loads((out / "summary.json").read_text())["deterministic"]["message"]
    return code, str(message)


def test_wall_time_reaches_into_the_check_of_a_pattern(tmp_path: Path) -> None:
    """Whether it matches an empty line is asked when it is read, and can take as long."""
    pattern = "(?:|$)" * 60 + r"\\b"
    world = WORLD.replace("dsoftbusd: cross-vm session ok .*", pattern)
    path = write_world(tmp_path, world=world)
    code, message = read_only(tmp_path / "out", "--world", str(path), "--image", "system=none.elf")
    assert (code, message) == (
        21,
        "not finished after 1 s of wall time, while it read the configuration",
    )


@pytest.mark.parametrize("option", ["--world", "--node"])
def test_wall_time_reaches_into_a_pipe_that_nobody_writes_to(tmp_path: Path, option: str) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    code, message = read_only(
        tmp_path / "out",
        option,
        str(tmp_path / "pipe.toml"),
        *("--image", "system=none.elf", "--expect", "guest: hi")[: 4 if option == "--node" else 2],
    )
    assert code in (20, 21)
    assert "pipe.toml" in message or "while it read the configuration" in message


@pytest.mark.parametrize(
    ("now_ms", "left_s"), [(5_000.0, 3.0), (7_999.5, 0.001), (8_000.0, 0.001), (9_000.0, 0.001)]
)
def test_the_alarm_rings_when_the_wall_time_is_over_and_no_later(
    monkeypatch: pytest.MonkeyPatch, now_ms: float, left_s: float
) -> None:
    asked: list[tuple[int, float]] = []
    monkeypatch.setattr(signal, "setitimer", lambda *given: asked.append(given))
    with Stopper(3, 5_000.0, lambda: now_ms) as stopper:
        is_over = now_ms > 8_000.0
        assert stopper.reason() == (
            (Outcome.HOST_FAULT, "not finished after 3 s of wall time") if is_over else None
        )
    assert asked == [(signal.ITIMER_REAL, left_s), (signal.ITIMER_REAL, 0)]


def test_the_first_signal_is_the_reason_and_an_alarm_is_one_too() -> None:
    with Stopper(600, 0.0, lambda: 0.0) as stopper:
        assert stopper.reason() is None
        stopper._on_signal(signal.SIGALRM, None)
        assert stopper.reason() == (Outcome.HOST_FAULT, "not finished after 600 s of wall time")
        for number in (signal.SIGTERM, signal.SIGINT):
            stopper._on_signal(number, None)
        assert stopper.reason() == (Outcome.INTERRUPTED, "interrupted by SIGTERM")
        with pytest.raises(BrokenOffError), stopper.breakable():
            raise AssertionError("what is inside does not begin")
