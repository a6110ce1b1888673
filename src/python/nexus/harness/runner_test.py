"""The runner on scripted steps: whom it asks, whom it tells, and when it stops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any  # Any: an engine of a test's making.

import pytest

from nexus.harness import plan_support
from nexus.harness.engine import EndedByUserError
from nexus.harness.outcome import Outcome
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation
from nexus.harness.plan_support import MS
from nexus.harness.runner import LINES_KEPT_MAX, Runner
from nexus.harness.stopping import BrokenOffError
from nexus.simulation.world import SentFrame, Step, Stopped

# The word of a watchdog: nothing, or how the run ends.
Answer = tuple[Outcome, str] | None

HELLO = Expectation("A", Phase.LAUNCH, "hello")
FOUND = Expectation("A", Phase.DISCOVERY, "found")


def at(now_ms: int, said: bytes = b"", **given: Any) -> Step:
    """A step that ends at this instant, with the bytes that A has printed in it."""
    consoles = (("A", said),) if said else ()
    step = Step(now_ms * MS, consoles, (), (), is_quiet=False)
    return replace(step, **given)


class Scripted:
    """An engine that gives these steps, or raises; it notes how far each was to go."""

    is_interactive = False

    def __init__(self, *steps: Step | Exception) -> None:
        self._steps = iter(steps)
        self.limits: list[int] = []
        self.computed = 0

    def step(self, limit_ns: int) -> Step:
        self.limits.append(limit_ns)
        step = next(self._steps)
        if isinstance(step, Exception):
            raise step
        return step

    def instructions(self) -> dict[str, int]:
        return {"A": self.computed}

    def why_stuck(self, machine: str) -> str:
        return f"is stuck, as {machine} knows"


class Heard:
    """A reporter that keeps all that it hears."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def line(self, machine: str, line: str, now_ns: int) -> None:
        self.told.append(("line", machine, line, now_ns // MS))

    def marker(self, expectation: Expectation, now_ns: int) -> None:
        self.told.append(("marker", expectation.text, now_ns // MS))

    def progress(self, phase: Phase, now_ns: int, missing: Expectation | None) -> None:
        self.told.append((phase.value, now_ns // MS, missing and missing.text))


def runner_of(expectations: Sequence[Expectation], reporter: Any = None, **given: Any) -> Runner:
    plan = plan_support.plan(expectations, "A", **given.pop("plan", {}))
    ticks = iter(range(0, 10_000, 10))
    watchdog = given.pop("watchdog", lambda: None)
    reporter = reporter or plan_support.Silent()
    return Runner(plan, reporter, watchdog, lambda: float(next(ticks)), **given)


def play(runner: Runner, engine: Any) -> None:
    runner.run(engine)


def test_lines_markers_and_time_are_told_in_the_order_of_the_run() -> None:
    heard = Heard()
    runner = runner_of([HELLO, FOUND], heard)
    engine = Scripted(
        at(1, b"chatter\nhel"), at(2, b"lo\n"), at(3, b"found\nmore\n"), at(4, is_quiet=True)
    )
    play(runner, engine)
    assert heard.told == [
        ("line", "A", "chatter", 1),
        ("launch", 1, "hello"),
        ("marker", "hello", 2),
        ("discovery", 2, "found"),
        ("marker", "found", 3),
        ("line", "A", "more", 3),
        ("end", 3, None),
        ("end", 4, None),
    ]
    record = runner.record
    assert bytes(record.consoles["A"]) == b"chatter\nhello\nfound\nmore\n"
    assert list(record.lines) == [
        (1 * MS, "A", "chatter", None),
        (2 * MS, "A", "hello", HELLO),
        (3 * MS, "A", "found", FOUND),
        (3 * MS, "A", "more", None),
    ]
    assert (record.now_ns, record.verdict.outcome) == (4 * MS, Outcome.PASSED)


def test_each_step_may_go_to_the_deadline_of_the_judge() -> None:
    budgets = {Phase.LAUNCH: 10, Phase.DISCOVERY: 20}
    runner = runner_of([HELLO, FOUND], plan={"budget_ms": budgets})
    engine = Scripted(at(4), at(6, b"hello\n"), at(7, b"found\n"), at(107))
    play(runner, engine)
    assert [limit // MS for limit in engine.limits] == [10, 10, 26, 107]
    assert runner.record.verdict.outcome is Outcome.PASSED


def test_wall_time_is_kept_for_each_phase_from_the_end_of_the_one_before() -> None:
    runner = runner_of([HELLO, FOUND], plan={"until": Phase.DISCOVERY})
    play(runner, Scripted(at(1, b"hello\n"), at(2, b"found\n"), at(102)))
    assert runner.record.wall_ms == {Phase.LAUNCH: 10.0, Phase.DISCOVERY: 10.0}


def test_frames_are_captured_and_busy_time_is_kept() -> None:
    runner = runner_of([HELLO])
    sent = (SentFrame("A", 5, bytes(60)), SentFrame("A", 6, bytes(61)))
    engine = Scripted(at(1, b"hello\n", frames=sent), at(2, is_quiet=True))
    engine.computed = 70
    play(runner, engine)
    assert runner.record.capture.frames == {"A": 2}
    assert sum(runner.record.activity.machines["A"]) == 70


@pytest.mark.parametrize(
    ("step", "outcome", "message"),
    [
        (
            at(1, stopped=(Stopped("A", MS, "STUCK", None),)),
            Outcome.GUEST_PANIC,
            "machine A is stuck, as A knows",
        ),
        (
            at(1, stopped=(Stopped("A", MS, "FINISHED", 3),)),
            Outcome.GUEST_PANIC,
            "machine A switched off with code 3",
        ),
        (
            at(1, b"a\x01\n"),
            Outcome.GARBLED_LOG,
            r"machine A: line 1: control byte 0x01 at column 2: 'a\x01'",
        ),
        (at(1, b"a panic\n"), Outcome.GUEST_PANIC, "machine A printed 'a panic'"),
        (
            at(1, stopped=(Stopped("A", MS, "FINISHED", 0),)),
            Outcome.MISSING_LAUNCH,
            "machine A switched off without marker 'hello' on machine A",
        ),
        (
            at(1, b"hel", stopped=(Stopped("A", MS, "FINISHED", 0),)),
            Outcome.MISSING_LAUNCH,
            "machine A switched off without marker 'hello' on machine A (its last output 'hel' has"
            " no newline, so it is not a line yet)",
        ),
    ],
)
def test_an_end_has_its_outcome_and_its_words(step: Step, outcome: Outcome, message: str) -> None:
    runner = runner_of([HELLO])
    play(runner, Scripted(step, at(2), at(11)))
    assert (runner.record.verdict.outcome, runner.record.verdict.message) == (outcome, message)


def test_a_machine_that_computes_too_much_is_stopped() -> None:
    runner = runner_of([HELLO], plan={"instructions_max": 100})
    engine = Scripted(at(1))
    engine.computed = 101
    play(runner, engine)
    assert runner.record.verdict.outcome is Outcome.INSTRUCTION_BUDGET


def test_ten_milliseconds_behind_a_fault_are_watched_and_not_judged() -> None:
    runner = runner_of([HELLO])
    engine = Scripted(at(1, b"panic\n"), at(5, b"more FAIL\n"), at(11, b"last\n"))
    play(runner, engine)
    assert [limit // MS for limit in engine.limits] == [5000, 11, 11]
    assert runner.record.verdict.message == "machine A printed 'panic'"
    assert bytes(runner.record.consoles["A"]) == b"panic\nmore FAIL\nlast\n"


def test_what_is_watched_ends_when_nothing_can_happen_or_the_host_says_so() -> None:
    runner = runner_of([HELLO])
    play(runner, Scripted(at(1, b"panic\n"), at(5, is_quiet=True)))
    assert runner.record.now_ns == 5 * MS
    answers: Iterator[Answer] = iter([None, None, (Outcome.INTERRUPTED, "by SIGINT")])
    runner = runner_of([HELLO], watchdog=lambda: next(answers))
    play(runner, Scripted(at(1, b"panic\n"), at(3)))
    assert (runner.record.now_ns, runner.record.verdict.outcome) == (3 * MS, Outcome.GUEST_PANIC)


def test_a_verdict_that_is_no_guests_fault_ends_the_run_at_once() -> None:
    runner = runner_of([HELLO])
    engine = Scripted(at(1, is_quiet=True))
    play(runner, engine)
    assert runner.record.verdict.outcome is Outcome.DEADLOCK
    assert len(engine.limits) == 1


def test_the_host_is_asked_before_each_step() -> None:
    answers: Iterator[Answer] = iter([None, (Outcome.HOST_FAULT, "no time left")])
    runner = runner_of([HELLO], watchdog=lambda: next(answers))
    engine = Scripted(at(1))
    play(runner, engine)
    assert len(engine.limits) == 1
    verdict = runner.record.verdict
    assert (verdict.outcome, verdict.message) == (Outcome.HOST_FAULT, "no time left")


def test_a_pattern_that_was_being_matched_is_named() -> None:
    slow = Expectation("A", Phase.LAUNCH, "(x+)+y", is_pattern=True)
    answers: Iterator[Answer] = iter([None, (Outcome.INTERRUPTED, "interrupted by SIGINT")])

    def match(expectation: Expectation, line: str) -> bool:
        raise BrokenOffError

    runner = runner_of([slow], watchdog=lambda: next(answers))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Expectation, "matches", match)
        play(runner, Scripted(at(1, b"xxx\n")))
    assert runner.record.verdict.message == (
        "interrupted by SIGINT, while it matched a line with the pattern '(x+)+y'"
    )


def test_a_user_at_a_debugger_may_end_the_run() -> None:
    runner = runner_of([HELLO])
    play(runner, Scripted(at(1), EndedByUserError("ended by the debugger of machine A")))
    verdict = runner.record.verdict
    assert (verdict.outcome, verdict.message) == (
        Outcome.INTERRUPTED,
        "ended by the debugger of machine A",
    )


@pytest.mark.parametrize("is_interactive", [False, True])
def test_only_a_step_that_may_wait_for_a_person_can_be_broken_off(is_interactive: bool) -> None:
    entered: list[None] = []

    @contextmanager
    def breakable() -> Iterator[None]:
        entered.append(None)
        yield

    runner = runner_of([HELLO], breakable=breakable)
    engine = Scripted(at(1), at(2, is_quiet=True))
    engine.is_interactive = is_interactive
    play(runner, engine)
    assert len(entered) == 2 * is_interactive


def test_the_newest_lines_are_kept_for_the_timeline() -> None:
    assert runner_of([HELLO]).record.lines.maxlen == LINES_KEPT_MAX == 100_000
