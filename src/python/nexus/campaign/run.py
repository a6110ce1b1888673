"""Runs one seed of one scenario on the real guests: an observation, a digest, and violations."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nexus.campaign.drawing import NS_PER_MS, draw_faults, may_idle_of
from nexus.campaign.judging import Violation, judge
from nexus.campaign.machines import Yard
from nexus.campaign.observation import Line, Observation, Step, WireFrame
from nexus.campaign.prepare import Prepared
from nexus.campaign.publics import Publics
from nexus.campaign.recipe import Recipe
from nexus.contract import marker
from nexus.core.randomness import KeyedRandom
from nexus.harness.console import Garbled, LineAssembler
from nexus.harness.instruments import Instruments
from nexus.harness.judge import AFTERMATH_NS, Judge
from nexus.harness.outcome import GUEST_FAULTS, Outcome
from nexus.harness.plan import Plan
from nexus.harness.report.story import Secrets
from nexus.simulation.faults.party import Faults
from nexus.simulation.machine import STOP_STUCK
from nexus.simulation.world import Step as WorldStep
from nexus.simulation.world import World
from nexus.wire.line import start_of

if TYPE_CHECKING:
    from nexus.coverage.executed import Executed

# Frames of one run; a machine that floods is bounded by its card, and memory by this.
FRAMES_MAX: Final = 200_000

# The ways of a frame that reaches no machine: a machine is alone, or all others are off.
_NOWHERE: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (("", ()),)

# The lines of kernel and init about a service that could not go on: for a killed one, once.
_KILLED: Final = (start_of(marker.KERNEL_CRASHED), start_of(marker.INIT_CRASHED))


@dataclass(frozen=True, slots=True)
class Stop:
    """An instant at which the world is looked at, or something is put into it."""

    at_ns: int
    look: Callable[[World, Yard], None]


@dataclass(frozen=True)
class Ran:
    """One run."""

    recipe: Recipe
    observation: Observation
    violations: tuple[Violation, ...]
    digest: str  # The digest of all that happened: equal digests are equal runs.
    trace: str = field(repr=False)
    consoles: dict[str, bytes] = field(repr=False)
    instructions: int
    executed: Executed | None = field(default=None, repr=False)  # For campaigns with coverage.

    @property
    def is_clean(self) -> bool:
        """Whether no oracle has found anything."""
        return not self.violations


def run(prepared: Prepared, recipe: Recipe, stop: Stop | None = None) -> Ran:
    """Run it; the same recipe is the same run."""
    return _Run(prepared, recipe, stop).play()


class _Run:
    def __init__(self, prepared: Prepared, recipe: Recipe, stop: Stop | None) -> None:
        self._prepared = prepared
        self._stop = stop
        self._recipe = recipe
        self._steps: tuple[Step, ...] = prepared.steps_of(recipe)
        self._plan: Plan = prepared.plan_of(recipe, self._steps)
        self._random = KeyedRandom(recipe.seed)
        drawn = draw_faults(prepared.scenario, recipe)
        self._faults = Faults(drawn, recipe.choice, self._plan.labels, self._random)
        self._instruments = Instruments(covers=True) if prepared.covers else None
        self._yard = Yard(self._plan, prepared.code, self._faults, self._random, self._instruments)
        self._judge = Judge(self._plan, goes_on=True)
        self._assemblers = {label: LineAssembler() for label in self._plan.labels}
        self._judge.unfinished = lambda label: self._assemblers[label].pending
        self._lines: list[Line] = []
        self._markers: list[Line] = []
        self._frames: list[WireFrame] = []
        self._frame_number = 0
        self._consoles = {label: bytearray() for label in self._plan.labels}
        self._garbled: set[str] = set()
        self._deaths: Counter[tuple[str, str]] = Counter()
        heal_ns = prepared.scenario.config.budget.heal_ms * NS_PER_MS
        self._heal_ns = min(heal_ns, prepared.end_ns(recipe))
        gone = recipe.without_machines
        self._awaited = {
            (until.machine, until.line)
            for until in prepared.scenario.config.until
            if until.machine not in gone
        }
        self._ends_early = bool(self._awaited)

    def play(self) -> Ran:
        world = self._yard.build(
            lambda machines: World(
                machines,
                self._plan.link,
                self._random,
                paths=self._plan.paths,
                chances=self._faults.of_paths(),
            )
        )
        self._let_pass(world)
        observation = self._observe(world)
        violations = (*self._own_violations(world), *judge(self._prepared.oracles, observation))
        return Ran(
            self._recipe,
            observation,
            tuple(sorted(violations, key=lambda v: (v.ns, v.name))),
            self._digest(world),
            world.trace.text(),
            {label: bytes(content) for label, content in self._consoles.items()},
            sum(world.instructions().values()),
            self._executed(),
        )

    def _executed(self) -> Executed | None:
        if self._instruments is None:
            return None
        from nexus.campaign.covered import executed_of

        return executed_of(self._plan, self._instruments)

    def _let_pass(self, world: World) -> None:
        end_ns = self._prepared.end_ns(self._recipe)
        reseed, stop = self._recipe.reseed, self._stop
        while world.now_ns < end_ns:
            limit_ns = end_ns
            if stop is not None:
                if world.now_ns == stop.at_ns:
                    stop.look(world, self._yard)
                elif world.now_ns < stop.at_ns:
                    limit_ns = min(limit_ns, stop.at_ns)
            if reseed is not None:
                if world.now_ns == reseed.at_ns:
                    self._random.seed = reseed.seed
                elif world.now_ns < reseed.at_ns:
                    limit_ns = min(limit_ns, reseed.at_ns)
            step = world.step(limit_ns)
            self._take(step)
            if step.is_quiet:
                self._judge.on_time(step.now_ns, is_quiet=True)
                break
            self._judge.on_time(step.now_ns, is_quiet=False)
            verdict = self._judge.verdict
            if verdict is not None and verdict.outcome in GUEST_FAULTS:
                end_ns = min(end_ns, world.now_ns + AFTERMATH_NS)
            if world.now_ns >= self._heal_ns and self._is_over():
                break

    def _is_over(self) -> bool:
        if self._ends_early:
            return not self._awaited
        return self._prepared.scenario.config.must_pass and self._judge.verdict is not None

    def _take(self, step: WorldStep) -> None:
        for sent in step.frames:
            self._frame_number += 1
            if len(self._frames) < FRAMES_MAX:
                self._frames += (
                    WireFrame(
                        self._frame_number, sent.sent_ns, sent.machine, target, kinds, sent.frame
                    )
                    for target, kinds in sent.ways or _NOWHERE
                )
        for machine, data in step.consoles:
            self._consoles[machine] += data
            for line in self._assemblers[machine].feed(data):
                self._take_line(machine, line, step.now_ns)
        for stopped in step.stopped:
            if stopped.kind == STOP_STUCK:
                self._judge.on_stuck(stopped.machine, "is caught in a loop of traps")
            else:
                self._judge.on_stopped(stopped.machine, stopped.kind, stopped.exit_code)

    def _take_line(self, machine: str, line: str | Garbled, now_ns: int) -> None:
        if isinstance(line, Garbled):
            if machine not in self._garbled:
                self._garbled.add(machine)
                self._judge.on_garbled(machine, line.reason)
            return
        said = Line(now_ns, machine, line)
        self._lines.append(said)
        if self._is_of_killed(machine, line):
            return
        if self._judge.on_line(machine, line, now_ns) is not None:
            self._markers.append(said)
        self._awaited.discard((machine, line))

    def _is_of_killed(self, machine: str, line: str) -> bool:
        """Whether a line says what must follow when a fault has killed a service."""
        said = next((start for start in _KILLED if line.startswith(start)), None)
        if said is None:
            return False
        self._deaths[machine, said] += 1
        prefix = f"service-kill/{machine}/"
        kills = sum(event.fault.startswith(prefix) for event in self._faults.happened)
        return self._deaths[machine, said] <= kills

    def _observe(self, world: World) -> Observation:
        verdict = self._judge.verdict
        outcome = Outcome.PASSED if verdict is None else verdict.outcome
        return Observation(
            scenario=self._prepared.scenario.name,
            seed=self._recipe.seed,
            machines=self._plan.labels,
            lines=tuple(self._lines),
            markers=tuple(self._markers),
            frames=tuple(self._frames),
            requested=self._faults.requested,
            happened=tuple(self._faults.happened),
            steps=self._steps,
            disks=self._yard.disks(),
            outcome=outcome.label,
            message="" if verdict is None else verdict.message,
            heal_ns=self._heal_ns,
            end_ns=world.now_ns,
            secrets=self._secrets(),
        )

    def _secrets(self) -> Secrets:
        identities = {
            machine.label: machine.identity
            for machine in self._plan.machines
            if machine.identity is not None and machine.identity.is_test_key
        }
        reads = {label: tuple(self._yard.entropy[label].keys) for label in identities}
        return Secrets(
            identities=identities,
            ephemerals={label: Publics(keys) for label, keys in reads.items()},
        )

    def _own_violations(self, world: World) -> Iterator[Violation]:
        """Find breaches of every scenario's own rules: a guest's fault, a fault that never came."""
        config = self._prepared.scenario.config
        verdict = self._judge.verdict
        if verdict is not None and (
            verdict.outcome in GUEST_FAULTS
            or (config.must_pass and verdict.outcome is not Outcome.PASSED)
        ):
            yield Violation(
                verdict.outcome.label, verdict.machine or "", world.now_ns, verdict.message
            )
        elif config.must_pass and verdict is None:
            missing = self._judge.first_missing()
            text = "the run ended without a verdict" if missing is None else missing.text
            yield Violation("missing-marker", "", world.now_ns, text)
        for machine, line in sorted(self._awaited):
            yield Violation("never-over", machine, world.now_ns, f"the run ended without {line!r}")
        if verdict is None or verdict.outcome not in GUEST_FAULTS:
            yield from self._idle(world.now_ns)

    def _idle(self, now_ns: int) -> Iterator[Violation]:
        """Faults that were requested, and did not happen: the run proves less than it says."""
        may_idle = may_idle_of(self._prepared.scenario)
        for fault in self._faults.idle():
            if fault.end_ns <= now_ns and (fault.kind, fault.rule) not in may_idle:
                text = f"{fault} never happened; let [[fault]] reach it, or set may_idle"
                yield Violation("idle-fault", "", fault.end_ns, text)

    def _digest(self, world: World) -> str:
        digest = hashlib.sha256(world.trace.digest().encode())
        for event in self._faults.happened:
            digest.update(f"{event.at_ns} {event.fault} {event.number}\n".encode())
        for (label, slot), content in sorted(self._yard.disks().items()):
            digest.update(f"{label}/{slot} ".encode() + hashlib.sha256(content).digest())
        return digest.hexdigest()
