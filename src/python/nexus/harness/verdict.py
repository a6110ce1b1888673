"""The last word of the judge: the verdict, and the phases that the run went through."""

from __future__ import annotations

from dataclasses import dataclass

from nexus.harness.outcome import Outcome
from nexus.harness.phase import Phase


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of a run, and what a person needs to know first."""

    outcome: Outcome
    message: str
    machine: str | None = None
    phase: Phase | None = None
    marker: str | None = None


@dataclass(slots=True)
class PhaseTimes:
    """When a phase began and when its last marker was seen."""

    phase: Phase
    start_ns: int
    end_ns: int | None = None
