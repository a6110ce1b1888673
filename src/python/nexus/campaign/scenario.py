"""The model of a scenario's TOML file: a world, what may befall it, and its oracles.

world = "os2vm.toml"            # Machines, network, and the lines they are to print.
oracles = ["oracle.py"]
[budget]
faults_from_ms = 20             # Before it the machines boot undisturbed.
heal_ms = 2000                  # From here on the world has no fault.
run_ms = 8000
[[fault]]
kind = "loss"
chance = "1/2"                  # That a run has it at all.
most = "1/10"                   # The strongest that a run draws.
[workload]                      # For `nexus.campaign.workload`.
clients = ["A"]
steps = 20
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from nexus.config.error import ConfigError, Problem
from nexus.config.fields import Label, Line, Many, Model, RatioText, ServiceName
from nexus.config.files import find_missing, read_toml
from nexus.config.limits import Choice, Count, Within
from nexus.config.load import load_any, parse
from nexus.config.world import World
from nexus.core.errors import did_you_mean
from nexus.core.randomness import Ratio
from nexus.simulation.faults.kinds import KINDS, Kind, Shape
from nexus.simulation.faults.places import PlaceError, places_of
from nexus.simulation.faults.topology import LINE, SHAPES

# As many faults as a person can still read, and a run still draw.
FAULTS_MAX: Final = 64
ORACLES_MAX: Final = 16
COUNT_MAX: Final = 16
RUN_MS_MAX: Final = 600_000

_Ms = Annotated[int, Within(0, RUN_MS_MAX)]


class FaultRule(Model):
    """`[[fault]]`: a kind of fault that a run may draw."""

    kind: Annotated[str, Choice(tuple(KINDS))]
    at: Annotated[Many[Line], Count(1, 64)] | None = None  # Default: every place of its kind.
    chance: RatioText = "1/2"
    most: RatioText = "1/10"
    count: Annotated[int, Within(1, COUNT_MAX)] = 1
    amount: Annotated[Many[int], Count(2, 2)] | None = None  # From, to.
    length_ms: Annotated[Many[_Ms], Count(2, 2)] = (50, 1000)
    from_ms: _Ms | None = None
    until_ms: _Ms | None = None
    may_idle: bool = False  # It is not a failure if the run gave it nothing to do.

    @property
    def row(self) -> Kind:
        """The row of its kind in the table."""
        return KINDS[self.kind]

    @property
    def ratio(self) -> Ratio:
        """The strongest that a run draws."""
        return Ratio.parse(self.most)


class Budget(Model):
    """`[budget]`: virtual milliseconds."""

    faults_from_ms: _Ms = 20
    heal_ms: _Ms = 2000
    run_ms: Annotated[int, Within(1, RUN_MS_MAX)] = 8000


class Topology(Model):
    """`[topology]`: several switches, and the machines on each; without it there is one."""

    switches: Annotated[Many[Annotated[Many[Label], Count(1, 32)]], Count(1, 32)]
    shape: Annotated[str, Choice(SHAPES)] = LINE
    trunk_us: Annotated[int, Within(1, 1_000_000)] = 200


class Until(Model):
    """`[[until]]`: the run may end early, once all of these were printed after the healing."""

    machine: Label
    line: Line


def _as_table(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError("expected a table")
    return value


class ScenarioConfig(Model):
    """A scenario's whole file."""

    world: Line
    text: Line = "no description"
    oracles: Annotated[Many[Line], Count(0, ORACLES_MAX)] = ()
    # Names that the world has for images, and those under which they are given, if these differ.
    images: dict[ServiceName, ServiceName] = Field(default_factory=dict)
    topology: Topology | None = None
    must_pass: bool = False  # The world's own expectations must all be met.
    budget: Budget = Budget()
    fault: Annotated[Many[FaultRule], Count(0, FAULTS_MAX)] = ()
    workload: Annotated[dict[str, object], BeforeValidator(_as_table)] = Field(default_factory=dict)
    until: Annotated[Many[Until], Count(0, 32)] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario whose every part was read and checked."""

    name: str  # The file's, without its ending.
    path: Path
    config: ScenarioConfig
    world_path: Path
    machines: tuple[str, ...]
    disks: tuple[str, ...]  # Writable ones, as places: `A/2`.
    oracles: tuple[Path, ...]
    images: tuple[str, ...]  # As the world names them.


def load_scenario(path: Path) -> Scenario:
    """Read a scenario and its world.

    Raises:
        ConfigError: with one line for every mistake.
    """
    config = parse(ScenarioConfig, read_toml(path), str(path))
    folder = path.parent
    world_path = folder / config.world
    text = find_missing(world_path, config.world, "world file")
    if text is not None:
        raise ConfigError(str(path), [Problem("world", text)])
    world = load_any(world_path)
    if not isinstance(world, World):
        problem = Problem("world", f"{config.world!r} is a node; expected the file of a world")
        raise ConfigError(str(path), [problem])
    machines = tuple(machine.label for machine in world.machines)
    disks = tuple(f"{m.label}/2" for m in world.machines if m.node.state is not None)
    problems = list(_problems(config, folder, machines, disks))
    if problems:
        raise ConfigError(str(path), problems)
    oracles = tuple(folder / name for name in config.oracles)
    images = tuple(sorted(set(_images_of(world))))
    unknown = sorted(set(config.images) - set(images))
    if unknown:
        text = f"no machine names it; expected one of {', '.join(images)}"
        raise ConfigError(str(path), [Problem(f"images.{unknown[0]}", text)])
    return Scenario(path.stem, path, config, world_path, machines, disks, oracles, images)


def _images_of(world: World) -> Iterator[str]:
    for machine in world.machines:
        yield machine.image
        if machine.node.packages is not None:
            yield machine.node.packages.image
        if machine.node.state is not None and machine.node.state.disk is not None:
            yield machine.node.state.disk


def _problems(
    config: ScenarioConfig, folder: Path, machines: tuple[str, ...], disks: tuple[str, ...]
) -> list[Problem]:
    budget = config.budget
    problems: list[Problem] = []
    if not budget.faults_from_ms < budget.heal_ms < budget.run_ms:
        problems.append(
            Problem(
                "budget",
                f"faults_from_ms {budget.faults_from_ms}, heal_ms {budget.heal_ms}, run_ms "
                f"{budget.run_ms}; expected each to be greater than the one before",
            )
        )
    if config.topology is not None:
        problems += _topology_problems(config.topology, machines)
    for index, until in enumerate(config.until):
        if until.machine not in machines:
            hint = did_you_mean(until.machine, machines)
            text = f"{until.machine!r} is an unknown machine; expected {', '.join(machines)}{hint}"
            problems.append(Problem(f"until[{index}].machine", text))
    for index, name in enumerate(config.oracles):
        missing = find_missing(folder / name, name, "oracle")
        if missing is not None:
            problems.append(Problem(f"oracles[{index}]", missing))
    for index, rule in enumerate(config.fault):
        problems += _rule_problems(f"fault[{index}]", rule, budget, machines, disks)
    return problems


def _topology_problems(topology: Topology, machines: tuple[str, ...]) -> Iterator[Problem]:
    placed = [label for switch in topology.switches for label in switch]
    known = ", ".join(machines)
    for label in sorted(set(placed) - set(machines)):
        hint = did_you_mean(label, machines)
        text = f"{label!r} is an unknown machine; expected {known}{hint}"
        yield Problem("topology.switches", text)
    for label in machines:
        if placed.count(label) != 1:
            text = f"{label!r} is on {placed.count(label)} switches; expected each machine on one"
            yield Problem("topology.switches", text)


def _rule_problems(
    where: str, rule: FaultRule, budget: Budget, machines: tuple[str, ...], disks: tuple[str, ...]
) -> list[Problem]:
    problems: list[Problem] = []
    row = rule.row
    try:
        places_of(row.place, rule.at, machines, disks)
    except PlaceError as exc:
        problems.append(Problem(f"{where}.at", str(exc)))
    low, high = rule.length_ms
    if not 1 <= low <= high:
        text = f"{low}, {high}; expected two lengths of at least 1 ms, the smaller first"
        problems.append(Problem(f"{where}.length_ms", text))
    if rule.amount is not None:
        problems += _amount_problems(where, row, rule.amount)
    if row.shape is Shape.RATIO and not rule.ratio.numerator:
        problems.append(
            Problem(f"{where}.most", f"{rule.most!r} never happens; expected more than 0")
        )
    begin, end = window_ms(rule, budget)
    if not budget.faults_from_ms <= begin < end <= budget.heal_ms:
        text = (
            f"from_ms {begin}, until_ms {end}; expected a stretch within "
            f"{budget.faults_from_ms}..{budget.heal_ms}, which [budget] gives"
        )
        problems.append(Problem(where, text))
    return problems


def _amount_problems(where: str, row: Kind, amount: tuple[int, ...]) -> list[Problem]:
    low, high = amount
    if not row.unit:
        return [Problem(f"{where}.amount", f"{row.name!r} has no amount; remove this field")]
    if not row.amount_low <= low <= high <= row.amount_high:
        accepted = f"{row.amount_low}..{row.amount_high} {row.unit}"
        text = f"{low}, {high}; expected two numbers, the smaller first, in {accepted}"
        return [Problem(f"{where}.amount", text)]
    return []


def window_ms(rule: FaultRule, budget: Budget) -> tuple[int, int]:
    """When faults of a rule may be."""
    begin = budget.faults_from_ms if rule.from_ms is None else rule.from_ms
    end = budget.heal_ms if rule.until_ms is None else rule.until_ms
    return begin, end
