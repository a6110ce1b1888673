"""A fault that a run is to have, what became of it, and which of its chances are taken away.

Every decision is keyed by (seed, fault, number), so taking one fault away, or one number of it,
leaves every other decision as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nexus.core.randomness import NEVER, KeyedRandom, Ratio
from nexus.simulation.faults.kinds import KINDS, Kind, Shape


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one run: drawn, and so requested."""

    kind: str
    place: str
    index: int  # Among those of its kind and place.
    start_ns: int
    end_ns: int  # Healed from here on; of an instant, the same as `start_ns`.
    ratio: Ratio = NEVER
    amount: int = 0
    rule: int = 0  # The number of the rule that it was drawn by, among those of its kind.

    @property
    def id(self) -> str:
        """Its name within the run, such as `loss/A>B/0`."""
        return f"{self.kind}/{self.place}/{self.index}"

    @property
    def row(self) -> Kind:
        """The row of its kind in the table."""
        return KINDS[self.kind]

    def __str__(self) -> str:
        unit = self.row.unit
        parts = [self.id, f"{self.start_ns / 1e6:g}..{self.end_ns / 1e6:g} ms"]
        if self.row.shape is Shape.RATIO:
            parts.append(str(self.ratio))
        if unit:
            parts.append(f"{self.amount} {unit}")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Happened:
    """One time that a fault happened."""

    fault: str  # Its id.
    number: int  # The frame's on its path, the access's to the disk; 0 for a window.
    at_ns: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The choice among the drawn faults: none of `without`, and of some only these numbers."""

    without: frozenset[str] = frozenset()
    only: Mapping[str, frozenset[int]] = field(default_factory=dict)
    only_until_ns: int | None = None  # From here on it is chance again.


class Chance:
    """Decides for one fault, number by number, and keeps what happened."""

    def __init__(
        self,
        fault: Fault,
        random: KeyedRandom,
        happened: list[Happened],
        only: frozenset[int] | None = None,
        only_until_ns: int | None = None,
    ) -> None:
        """Decide for a fault; `only` replaces chance by these numbers, up to an instant."""
        self.fault = fault
        self._random = random
        self._happened = happened
        self._only = only
        self._only_until_ns = only_until_ns
        self._has_begun = False
        self._is_kept = False

    def is_open(self, now_ns: int) -> bool:
        """Whether the fault has begun and is not healed."""
        return self.fault.start_ns <= now_ns < self.fault.end_ns

    def falls(self, number: int, now_ns: int) -> bool:
        """Whether a fault of a ratio happens to this one; the first in its time is sure to."""
        if not self.is_open(now_ns):
            return False
        is_first, self._has_begun = not self._has_begun, True
        until_ns = self._only_until_ns
        if self._only is not None and (until_ns is None or now_ns < until_ns):
            is_hit = number in self._only
        else:
            is_hit = is_first or self._random.chance(self.fault.ratio, self.fault.id, number)
        if is_hit:
            self.keep(number, now_ns)
        return is_hit

    def holds(self, now_ns: int) -> bool:
        """Whether a fault of a window is on, for one that it does something to."""
        if not self.is_open(now_ns):
            return False
        if not self._is_kept:
            self._is_kept = True
            self.keep(0, now_ns)
        return True

    def keep(self, number: int, now_ns: int) -> None:
        """Note that it happened."""
        self._happened.append(Happened(self.fault.id, number, now_ns))

    def below(self, n: int, *names: str | int) -> int:
        """Draw more of the same fault: which bit, how much."""
        return self._random.below(n, self.fault.id, *names)
