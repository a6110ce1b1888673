"""The recipe of one run, besides its scenario: a seed, and the faults and steps left out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nexus.simulation.faults.fault import Choice


@dataclass(frozen=True, slots=True)
class Reseed:
    """From `at_ns` on, all that is drawn is drawn of another seed."""

    at_ns: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A seed, and what a shrinker took away; the same recipe is the same run."""

    seed: int
    without_faults: frozenset[str] = frozenset()
    only: Mapping[str, frozenset[int]] = field(default_factory=dict)
    # Faults that are shorter than drawn: beginning and end in ns.
    times: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    without_machines: frozenset[str] = frozenset()
    without_steps: frozenset[int] = frozenset()
    run_ms: int | None = None  # Ends at this instant.
    reseed: Reseed | None = None

    @property
    def choice(self) -> Choice:
        """The part about faults."""
        turn = self.reseed
        return Choice(self.without_faults, self.only, None if turn is None else turn.at_ns)
