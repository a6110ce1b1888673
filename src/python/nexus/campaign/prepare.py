"""A scenario made ready: its files read once, however many seeds are then run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from nexus.campaign import workload
from nexus.campaign.drawing import NS_PER_MS
from nexus.campaign.judging import FileOracle, Oracle, load_oracle
from nexus.campaign.machines import Code
from nexus.campaign.observation import Step
from nexus.campaign.recipe import Recipe
from nexus.campaign.scenario import Scenario, load_scenario
from nexus.core.randomness import KeyedRandom
from nexus.harness.arguments import Options
from nexus.harness.loading import load_plan
from nexus.harness.outcome import Outcome
from nexus.harness.phase import GUEST_PHASES, Phase
from nexus.harness.plan import Plan
from nexus.simulation.faults.topology import delays_of

NS_PER_US: Final = 1_000

# Plans that are kept: a campaign plays some scenarios in turn.
_PLANS_KEPT: Final = 8


@dataclass(frozen=True)
class Prepared:
    """A scenario with its images, oracles and engine."""

    scenario: Scenario
    images: Mapping[str, Path]  # By the names that the world has for them.
    code: Code
    oracles: tuple[Oracle, ...]
    given: Mapping[str, Path] = field(default_factory=dict)  # By those under which they came.
    digests: Mapping[str, str] = field(default_factory=dict)  # SHA-256, by the same.
    covers: bool = False  # Whether runs record what they execute; they do the same.

    def steps_of(self, recipe: Recipe) -> tuple[Step, ...]:
        """The workload of a run, without the steps that were taken away."""
        table = self.scenario.config.workload
        if not table:
            return ()
        drawn = workload.draw(table, self.scenario.machines, KeyedRandom(recipe.seed))
        gone, off = recipe.without_steps, recipe.without_machines
        return tuple(s for s in drawn if s.number not in gone and s.machine not in off)

    def plan_of(self, recipe: Recipe, steps: Sequence[Step]) -> Plan:
        """Return the plan of a run, with the steps of its clients."""
        plan = _load(self)
        if self.scenario.config.workload:
            plan = workload.configure(plan, steps)
        paths = dict(plan.paths)
        topology = self.scenario.config.topology
        if topology is not None:
            delays = delays_of(topology.switches, topology.shape, topology.trunk_us * NS_PER_US)
            for path, late_ns in delays.items():
                link = paths.get(path, plan.link)
                paths[path] = replace(link, delay_ns=link.delay_ns + late_ns)
        gone = recipe.without_machines
        must_pass = self.scenario.config.must_pass  # Else the world's lines are not rules.
        run_ms = self.scenario.config.budget.run_ms if recipe.run_ms is None else recipe.run_ms
        return replace(
            plan,
            seed=recipe.seed,
            machines=tuple(m for m in plan.machines if m.label not in gone),
            expectations=tuple(
                e if must_pass else replace(e, is_ordered=False, is_exclusive=False)
                for e in plan.expectations
                if e.machine not in gone
            ),
            paths={path: link for path, link in paths.items() if not gone & set(path)},
            reboots=tuple(r for r in plan.reboots if r.machine not in gone),
            budget_ms=dict.fromkeys(GUEST_PHASES, run_ms),
            total_ms=run_ms,
            may_expect_nothing=bool(gone),
        )

    def image_of(self, label: str) -> Path | None:
        """The file that a machine boots, for its symbols."""
        plan = _load(self)
        name = next(machine.image_name for machine in plan.machines if machine.label == label)
        return self.images.get(name)

    def end_ns(self, recipe: Recipe) -> int:
        """When a run ends at the latest."""
        run_ms = self.scenario.config.budget.run_ms if recipe.run_ms is None else recipe.run_ms
        return run_ms * NS_PER_MS


@lru_cache(maxsize=_PLANS_KEPT)
def load_once(world: Path, images: tuple[tuple[str, Path], ...]) -> Plan:
    """Read a world and its images, once a process: a run must not see them change."""
    options = Options(
        world=world,
        node=None,
        expect=(),
        forbid=(),
        images=dict(images),
        out=Path(),
        settings=(),
        seed=None,
        budget_ms=None,
        until=Phase.END,
        engine="auto",
        native_blob=None,
        translations=None,
        expect_outcome=Outcome.PASSED,
        expect_message=None,
        wall_seconds=1,
        allows_unused_images=True,
        is_plain=True,
        is_verbose=False,
    )
    return load_plan(options)


def _load(prepared: Prepared) -> Plan:
    images = tuple(sorted(prepared.images.items()))
    return load_once(prepared.scenario.world_path, images)


def prepare(path: Path, images: Mapping[str, Path], code: Code) -> Prepared:
    """Read a scenario and all that it names.

    Raises:
        NexusError: a file, a value, an image or an oracle is not as it must be.
    """
    scenario = load_scenario(path)
    table = scenario.config.workload
    if table:
        workload.read_config(table, scenario.machines, f"{path}: workload")
    renamed = scenario.config.images
    used = {name: renamed.get(name, name) for name in scenario.images}
    named = {name: images[other] for name, other in used.items() if other in images}
    given = {other: images[other] for other in used.values() if other in images}
    oracles: tuple[FileOracle, ...] = tuple(load_oracle(oracle) for oracle in scenario.oracles)
    prepared = Prepared(scenario, named, code, oracles, given)
    # Read all of it now: a mistake is to be named before the first seed.
    recipe = Recipe(seed=0)
    prepared.plan_of(recipe, prepared.steps_of(recipe))
    digests = {
        name: hashlib.sha256(image.read_bytes()).hexdigest() for name, image in given.items()
    }
    return replace(prepared, digests=digests)
