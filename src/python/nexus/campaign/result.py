"""The results of a campaign, run by run, and the file that holds all of them.

What depends on the host alone (wall time, processes) stands apart, so that the rest of two files
can be compared.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from nexus.campaign.run import Ran
from nexus.core.errors import NexusError

if TYPE_CHECKING:
    from nexus.coverage.executed import Executed

FORMAT = "nexus-campaign-1"


class ResultsError(NexusError):
    """A text is not a file of results; one line."""


@dataclass(frozen=True, slots=True)
class Found:
    """A violation, as the file has it."""

    name: str
    machine: str
    ns: int
    message: str


@dataclass(frozen=True, slots=True)
class SeedResult:
    """One run of a campaign."""

    scenario: str
    seed: int
    digest: str
    virtual_ns: int
    instructions: int
    frames: int
    requested: Mapping[str, int]  # Faults by kind.
    happened: Mapping[str, int]
    violations: tuple[Found, ...]
    wall_ms: float
    # On its way to the sum of a campaign with coverage; the results that are kept have none.
    executed: Executed | None = field(default=None, repr=False, compare=False)

    @property
    def is_clean(self) -> bool:
        """Whether no oracle has found anything."""
        return not self.violations


def result_of(ran: Ran, wall_ms: float) -> SeedResult:
    """The part of a run that a campaign keeps."""
    seen = ran.observation
    return SeedResult(
        scenario=seen.scenario,
        seed=seen.seed,
        digest=ran.digest,
        virtual_ns=seen.end_ns,
        instructions=ran.instructions,
        frames=len(seen.frames),
        requested=_sorted(Counter(fault.kind for fault in seen.requested)),
        happened=_sorted(Counter(event.fault.partition("/")[0] for event in seen.happened)),
        violations=tuple(Found(v.name, v.machine, v.ns, v.message) for v in ran.violations),
        wall_ms=round(wall_ms, 3),
        executed=ran.executed,
    )


@dataclass(frozen=True, slots=True)
class ScenarioTotal:
    """All seeds of one scenario."""

    name: str
    text: str
    seeds: int
    failed: int
    virtual_ns: int
    wall_ms: float
    requested: Mapping[str, int]
    happened: Mapping[str, int]
    names: Mapping[str, int]  # How many seeds have a violation of each name.

    @property
    def virtual_per_wall(self) -> float:
        """Virtual seconds per second of one processor."""
        return self.virtual_ns / 1e6 / self.wall_ms if self.wall_ms else 0.0

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {count}" for kind, count in self.happened.items())
        return (
            f"{self.name}: {self.seeds} runs, {self.failed} failed, "
            f"{self.virtual_ns / 1e9:.0f} virtual s, faults: {kinds or 'none'}"
        )


def total_of(name: str, text: str, results: Sequence[SeedResult]) -> ScenarioTotal:
    """Add up the results of one scenario."""
    requested: Counter[str] = Counter()
    happened: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for result in results:
        requested.update(result.requested)
        happened.update(result.happened)
        names.update({violation.name for violation in result.violations})
    return ScenarioTotal(
        name,
        text,
        len(results),
        sum(not result.is_clean for result in results),
        sum(result.virtual_ns for result in results),
        sum(result.wall_ms for result in results),
        _sorted(requested),
        _sorted(happened),
        _sorted(names),
    )


def render(
    results: Iterable[SeedResult], about: Mapping[str, object], wall: Mapping[str, object]
) -> str:
    """Write the file: results in the order of scenario and seed, then what the host did."""
    ordered = sorted(results, key=lambda result: (result.scenario, result.seed))
    runs = []
    for result in ordered:
        held = asdict(result)
        del held["wall_ms"], held["executed"]
        runs.append(held)
    walls = {f"{r.scenario} {r.seed}": r.wall_ms for r in ordered}
    whole = {"format": FORMAT, **about, "runs": runs, "wall": {**wall, "runs_ms": walls}}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def read(text: str) -> list[SeedResult]:
    """Read the runs of such a file, with the time that each took.

    Raises:
        ResultsError: it is not one.
    """
    try:
        whole = json.loads(text)
        if whole["format"] != FORMAT:
            raise ResultsError(f"results have the format {whole['format']!r}; expected {FORMAT!r}")
        walls = whole["wall"]["runs_ms"]
        return [
            SeedResult(
                **{**run, "violations": tuple(Found(**found) for found in run["violations"])},
                wall_ms=walls[f"{run['scenario']} {run['seed']}"],
            )
            for run in whole["runs"]
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise ResultsError(f"results are not those of a campaign: {exc!r}") from exc


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))
