"""One line of a benchmark's result: ours, something plain of the same run, and their ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# How often a benchmark measures: hours of it.
ROUNDS_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class Figure:
    """The ratio is to be at least the target; `ours` and `plain` are in `unit`."""

    name: str
    unit: str
    ours: float
    plain: float
    ratio: float
    target: float

    @property
    def is_met(self) -> bool:
        """Whether the target is met."""
        return self.ratio >= self.target

    def __str__(self) -> str:
        return (
            f"{self.name:<11}{self.ours:>9.1f} {self.unit:<15}against {self.plain:>9.1f}"
            f"   ratio {self.ratio:.2f}, at least {self.target:.2f}"
            f"  {'ok' if self.is_met else 'MISSED'}"
        )
