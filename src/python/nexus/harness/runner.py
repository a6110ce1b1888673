"""Plays a plan on an engine until the judge has a verdict; collects what the run leaves behind.

The only clock it has is handed in, and used for nothing but reporting.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Final, Protocol

from nexus.harness.activity import Activity
from nexus.harness.console import Garbled, LineAssembler
from nexus.harness.engine import EndedByUserError, Engine
from nexus.harness.judge import AFTERMATH_NS, Judge, Verdict
from nexus.harness.outcome import GUEST_FAULTS, Outcome
from nexus.harness.pcapng import Capture
from nexus.harness.phase import Phase
from nexus.harness.plan import Expectation, Plan
from nexus.harness.stopping import BrokenOffError
from nexus.simulation.machine import STOP_STUCK
from nexus.simulation.world import Step

# For the timeline; the logs have all lines.  A line is some fifty bytes, so this is 20 MB at most.
LINES_KEPT_MAX: Final = 100_000


class Reporter(Protocol):
    """An observer of a run."""

    def line(self, machine: str, line: str, now_ns: int) -> None:
        """A machine printed a line."""

    def marker(self, expectation: Expectation, now_ns: int) -> None:
        """An expectation was met."""

    def progress(self, phase: Phase, now_ns: int, missing: Expectation | None) -> None:
        """Time has passed."""


# Says why the run must end for the host's sake, if it must.
Watchdog = Callable[[], tuple[Outcome, str] | None]
# Something that a signal may break off with `BrokenOffError`: matching a pattern can take ages.
Breakable = Callable[[], AbstractContextManager[None]]


@dataclass(slots=True)
class Record:
    """The record of a run: its verdict, its capture and its consoles."""

    plan: Plan
    judge: Judge
    capture: Capture
    consoles: dict[str, bytearray]
    now_ns: int = 0
    # Instant, machine and text of the newest lines; a marker's expectation beside it.
    lines: deque[tuple[int, str, str, Expectation | None]] = field(
        default_factory=lambda: deque(maxlen=LINES_KEPT_MAX)
    )
    wall_ms: dict[Phase, float] = field(default_factory=dict)
    activity: Activity = field(default_factory=Activity)

    @property
    def verdict(self) -> Verdict:
        """The verdict on the run."""
        assert self.judge.verdict is not None, "the run is not over"
        return self.judge.verdict


class Runner:
    """One run in progress; `record` is complete at any instant, should it be broken off."""

    def __init__(
        self,
        plan: Plan,
        reporter: Reporter,
        watchdog: Watchdog,
        clock_ms: Callable[[], float],
        breakable: Breakable = nullcontext,
    ) -> None:
        self.record = Record(
            plan,
            Judge(plan),
            Capture({machine.label: machine.mac for machine in plan.machines}),
            {label: bytearray() for label in plan.labels},
        )
        self._lines = {label: LineAssembler() for label in plan.labels}
        self.record.judge.unfinished = lambda label: self._lines[label].pending
        self._reporter = reporter
        self._watchdog = watchdog
        self._clock_ms = clock_ms
        self._breakable = breakable
        self._phase_began_ms = clock_ms()

    def run(self, engine: Engine) -> Record:
        """Step the engine to a verdict; bounded by the plan's budgets of virtual time."""
        judge = self.record.judge
        while judge.verdict is None:
            reason = self._watchdog()
            if reason is not None:
                judge.on_host(reason[0], reason[1] + judge.matching_note())
                continue
            try:
                with self._breakable() if engine.is_interactive else nullcontext():
                    step = engine.step(judge.deadline_ns())
                self._take(step, engine)
            except BrokenOffError:
                continue  # The watchdog knows why.
            except EndedByUserError as exc:
                judge.on_host(Outcome.INTERRUPTED, str(exc))
                continue
            instructions = engine.instructions()
            self.record.activity.note(step.now_ns, instructions)
            for machine, count in instructions.items():
                judge.on_instructions(machine, count)
            judge.on_time(step.now_ns, is_quiet=step.is_quiet)
        if judge.verdict.outcome in GUEST_FAULTS:
            self._watch_aftermath(engine)
        self._note_wall_time(judge.phase)
        return self.record

    def _watch_aftermath(self, engine: Engine) -> None:
        """Collect what follows a fault; the verdict stands."""
        until_ns = self.record.now_ns + AFTERMATH_NS
        while self.record.now_ns < until_ns and self._watchdog() is None:
            step = engine.step(until_ns)
            try:
                self._take(step, engine)
            except BrokenOffError:
                break  # The verdict stands, and the consoles are kept.
            if step.is_quiet:
                break

    def _take(self, step: Step, engine: Engine) -> None:
        judge = self.record.judge
        self.record.now_ns = step.now_ns
        for sent in step.frames:
            self.record.capture.add(sent.machine, sent.sent_ns, sent.frame)
        for machine, data in step.consoles:
            self.record.consoles[machine] += data
        for machine, data in step.consoles:
            for line in self._lines[machine].feed(data):
                self._take_line(machine, line, step.now_ns)
        for stopped in step.stopped:
            if stopped.kind == STOP_STUCK:
                judge.on_stuck(stopped.machine, engine.why_stuck(stopped.machine))
            else:
                judge.on_stopped(stopped.machine, stopped.kind, stopped.exit_code)
        self._reporter.progress(judge.phase, step.now_ns, judge.first_missing())

    def _take_line(self, machine: str, line: str | Garbled, now_ns: int) -> None:
        judge = self.record.judge
        if isinstance(line, Garbled):
            judge.on_garbled(machine, line.reason)
            return
        before = judge.phase
        with self._breakable():
            met = judge.on_line(machine, line, now_ns)
        self.record.lines.append((now_ns, machine, line, met))
        if met is None:
            self._reporter.line(machine, line, now_ns)
        else:
            self._reporter.marker(met, now_ns)
        if judge.phase is not before:
            self._note_wall_time(before)

    def _note_wall_time(self, phase: Phase) -> None:
        now_ms = self._clock_ms()
        self.record.wall_ms[phase] = now_ms - self._phase_began_ms
        self._phase_began_ms = now_ms
