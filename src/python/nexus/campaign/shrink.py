"""Makes a failing run small: fewer faults, machines and steps, then shorter times.

Every chance is keyed, so what is left happens as it did, as far as the guests do the same.  A
smaller run counts if it breaks the same rule on the same machine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Final

from nexus.campaign.drawing import NS_PER_MS, draw_faults
from nexus.campaign.judging import Violation
from nexus.campaign.minimize import minimize
from nexus.campaign.prepare import Prepared
from nexus.campaign.recipe import Recipe
from nexus.campaign.run import Ran, run
from nexus.simulation.faults.fault import Fault
from nexus.simulation.faults.kinds import Shape

# Two minutes of one processor, about; what was reached by then is the result.
RUNS_MAX: Final = 400
# Where single hits of a ratio are left, they are searched one by one; more are cut in halves first.
_PASSES_MAX: Final = 3
_HALVINGS_MAX: Final = 8
# No fault is made shorter than this.
_SHORTEST_NS: Final = 1_000_000

Reporter = Callable[[str], None]


class NotFailingError(Exception):
    """The run that was to be shrunk breaks no rule."""


class Shrinker:
    """Shrinks one run; `ran` is the smallest so far."""

    def __init__(
        self,
        prepared: Prepared,
        ran: Ran,
        report: Reporter = lambda text: None,
        violation: Violation | None = None,
    ) -> None:
        """Begin with a run that fails; `violation` is what is to stay, else the first one.

        Raises:
            NotFailingError: it does not.
        """
        if not ran.violations:
            raise NotFailingError("it breaks no rule")
        kept = ran.violations[0] if violation is None else violation
        self.rule = (kept.name, kept.machine)
        self.ran = ran
        self.runs = 0
        self._prepared = prepared
        self._report = report
        # If faults cause the failure, a smaller world must be well without them: else it fails by
        # another cause, such as a machine that is missed.
        self._needs_faults = bool(ran.observation.requested) and not self._fails_without(ran.recipe)

    def shrink(self) -> Ran:
        """Take away what can go, until nothing more can or the runs are spent."""
        self._end_early()
        for _ in range(_PASSES_MAX):
            before = self.ran.recipe
            self._drop_faults()
            self._drop_machines()
            self._drop_steps()
            self._drop_hits()
            self._shorten()
            self._end_early()
            if self.ran.recipe == before or self._is_spent:
                break
        return self.ran

    @property
    def _is_spent(self) -> bool:
        return self.runs >= RUNS_MAX

    def _try(self, recipe: Recipe) -> bool:
        """Run it; keep it if it fails by the same rule."""
        if self._is_spent:
            return False
        self.runs += 1
        ran = run(self._prepared, recipe)
        fails = any((v.name, v.machine) == self.rule for v in ran.violations)
        if fails:
            self.ran = ran
        return fails

    def _try_smaller(self, recipe: Recipe) -> bool:
        """Take a part of the world away: it still fails, and not for want of that part."""
        before = self.ran
        if not self._try(recipe):
            return False
        if self._needs_faults and self._fails_without(recipe):
            self.ran = before
            return False
        return True

    def _fails_without(self, recipe: Recipe) -> bool:
        """Whether it fails without any fault."""
        self.runs += 1
        every = draw_faults(self._prepared.scenario, recipe)
        bare = replace(recipe, without_faults=frozenset(fault.id for fault in every), only={})
        ran = run(self._prepared, bare)
        return any((v.name, v.machine) == self.rule for v in ran.violations)

    def _drop_faults(self) -> None:
        recipe = self.ran.recipe
        every = [fault.id for fault in draw_faults(self._prepared.scenario, recipe)]
        requested = [fault.id for fault in self.ran.observation.requested]

        def fails(kept: Collection[str]) -> bool:
            gone = frozenset(name for name in every if name not in kept)
            only = {name: hits for name, hits in recipe.only.items() if name in kept}
            return self._try(replace(recipe, without_faults=gone, only=only))

        minimize(requested, fails)
        self._say("faults", len(requested), len(self.ran.observation.requested))

    def _drop_machines(self) -> None:
        for label in self.ran.observation.machines:
            if len(self.ran.observation.machines) > 1:
                recipe = self.ran.recipe
                gone = recipe.without_machines | {label}
                if self._try_smaller(replace(recipe, without_machines=gone)):
                    self._report(f"machine {label} can go")

    def _drop_steps(self) -> None:
        recipe = self.ran.recipe
        steps = [step.number for step in self.ran.observation.steps]

        def fails(kept: Collection[int]) -> bool:
            gone = {number for number in steps if number not in kept}
            return self._try_smaller(replace(recipe, without_steps=recipe.without_steps | gone))

        minimize(steps, fails)
        self._say("steps", len(steps), len(self.ran.observation.steps))

    def _drop_hits(self) -> None:
        """Name the single hits of each ratio, and leave out those that do not matter."""
        for fault in _ratios(self.ran.observation.requested):
            recipe = self.ran.recipe
            hits = [e.number for e in self.ran.observation.happened if e.fault == fault.id]

            def fails(kept: Collection[int], name: str = fault.id, recipe: Recipe = recipe) -> bool:
                return self._try(replace(recipe, only={**recipe.only, name: frozenset(kept)}))

            if fails(hits):
                minimize(hits, fails)
                left = sum(e.fault == fault.id for e in self.ran.observation.happened)
                self._say(f"hits of {fault.id}", len(hits), left)

    def _shorten(self) -> None:
        for fault in self.ran.observation.requested:
            if fault.row.shape is Shape.WINDOW:
                self._shorten_one(fault)

    def _shorten_one(self, fault: Fault) -> None:
        start, end = fault.start_ns, fault.end_ns
        for _ in range(_HALVINGS_MAX):
            half = (end - start) // 2 // 1000 * 1000
            if half < _SHORTEST_NS:
                break
            for times in ((start, start + half), (end - half, end)):
                recipe = self.ran.recipe
                if self._try(replace(recipe, times={**recipe.times, fault.id: times})):
                    start, end = times
                    break
            else:
                break
        if (start, end) != (fault.start_ns, fault.end_ns):
            self._say(f"ms of {fault.id}", _ms(fault.end_ns - fault.start_ns), _ms(end - start))

    def _end_early(self) -> None:
        """End the run right behind the violation, if it is one then."""
        at_ns = next(v.ns for v in self.ran.violations if (v.name, v.machine) == self.rule)
        run_ms = at_ns // NS_PER_MS + 1
        if run_ms * NS_PER_MS < self.ran.observation.end_ns:
            self._try(replace(self.ran.recipe, run_ms=run_ms))

    def _say(self, what: str, before: int, after: int) -> None:
        if after != before:
            self._report(f"{what}: {before} -> {after}")


def count_faults(ran: Ran) -> int:
    """Count the single faults of a run: hits of ratios, and each of the others once."""
    ratios = {fault.id for fault in _ratios(ran.observation.requested)}
    hits = sum(event.fault in ratios for event in ran.observation.happened)
    return hits + len(ran.observation.requested) - len(ratios)


def _ratios(faults: Iterable[Fault]) -> list[Fault]:
    return [fault for fault in faults if fault.row.shape is Shape.RATIO]


def _ms(ns: int) -> int:
    return -(-ns // NS_PER_MS)
