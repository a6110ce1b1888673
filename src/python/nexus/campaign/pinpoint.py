"""When a failure became inevitable: from which instant on nearly all futures fail.

Everything that is drawn after an instant is drawn again with other seeds: faults, chances, entropy.
Bisection finds the first instant from which the failure comes all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from nexus.campaign.drawing import NS_PER_MS
from nexus.campaign.prepare import Prepared
from nexus.campaign.recipe import Recipe, Reseed
from nexus.campaign.run import Ran, run
from nexus.core.randomness import KeyedRandom

FUTURES_DEFAULT: Final = 8
FUTURES_MAX: Final = 100
# The share of futures that fail; one that escapes may do so by luck.
_NEARLY_ALL_PERCENT: Final = 85
# The world's time has a grain of a link's delay; half a millisecond is fine enough.
_GRAIN_NS: Final = 500_000


@dataclass(frozen=True, slots=True)
class Sample:
    """The number of futures that part at an instant, and how many of them fail."""

    at_ns: int
    failed: int
    futures: int

    @property
    def is_inevitable(self) -> bool:
        """Whether nearly all do."""
        return self.failed * 100 >= self.futures * _NEARLY_ALL_PERCENT


@dataclass(frozen=True, slots=True)
class Window:
    """Before `open_ns` there was a way out, from `closed_ns` on there is (nearly) none."""

    open_ns: int
    closed_ns: int
    samples: tuple[Sample, ...]  # In time.
    is_from_the_beginning: bool


def pinpoint(
    prepared: Prepared,
    ran: Ran,
    futures: int = FUTURES_DEFAULT,
    report: Callable[[str], None] = lambda text: None,
) -> Window:
    """Find the window of a run that fails."""
    first = ran.violations[0]
    rule = (first.name, first.machine)
    samples: dict[int, Sample] = {}

    def sample(at_ns: int) -> Sample:
        if at_ns not in samples:
            recipes = _futures(ran.recipe, at_ns, futures)
            failed = sum(_fails(prepared, recipe, rule) for recipe in recipes)
            samples[at_ns] = Sample(at_ns, failed, futures)
            report(f"from {at_ns / NS_PER_MS:.1f} ms on, {failed} of {futures} futures fail")
        return samples[at_ns]

    low, high = 0, first.ns // _GRAIN_NS * _GRAIN_NS
    is_always = sample(low).is_inevitable
    while not is_always and high - low > _GRAIN_NS:
        middle = (low + high) // 2 // _GRAIN_NS * _GRAIN_NS
        if sample(middle).is_inevitable:
            high = middle
        else:
            low = middle
    if is_always:
        high = low
    ordered = tuple(samples[at_ns] for at_ns in sorted(samples))
    return Window(low, high, ordered, is_always)


def _futures(recipe: Recipe, at_ns: int, count: int) -> list[Recipe]:
    random = KeyedRandom(recipe.seed)
    seeds = [random.below(1 << 62, "future", at_ns, number) for number in range(count)]
    return [replace(recipe, reseed=Reseed(at_ns, seed)) for seed in seeds]


def _fails(prepared: Prepared, recipe: Recipe, rule: tuple[str, str]) -> bool:
    return any((v.name, v.machine) == rule for v in run(prepared, recipe).violations)
