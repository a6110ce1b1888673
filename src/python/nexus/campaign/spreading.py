"""A campaign in batches that others play: which there are, and what all of them have found.

Pants starts a program per batch, so that caches keep what they found.  A batch is some seeds of one
scenario.  Its name says which, so the same seeds are the same batch in any campaign.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.campaign.result import ResultsError, SeedResult, read
from nexus.core.commandline import CommandLine, bounded
from nexus.core.errors import UsageError
from nexus.harness.artifacts import write_all
from nexus.harness.engine import HostFaultError

FORMAT: Final = "nexus-batches-1"
RESULTS: Final = "results.json"
# The file that a batch without results leaves instead: how it ended.
ENDING: Final = "ending.txt"

# Some seconds to a minute of work: much longer than a start, short enough to be spread evenly.
SEEDS_A_BATCH: Final = "20"
SEEDS_A_BATCH_MAX: Final = 1000
# Each is a process that Pants and a scheduler hold in memory.
BATCHES_MAX: Final = 10_000

# Options that are of no use in batches, and why.
_HERE_ONLY: Final = {
    "minutes": "how many seeds fit is not known before; give --seeds",
    "jobs": "Pants decides how many batches run at once",
    "coverage": "batches leave no coverage behind",
    "replay": "it plays one run",
    "shrink": "it plays one run after the other",
    "pinpoint": "it plays one run after the other",
}


@dataclass(frozen=True, slots=True)
class Batch:
    """Seeds of a scenario that one process plays."""

    scenario: Path
    seeds: tuple[int, ...]

    @property
    def name(self) -> str:
        """Name of a folder; no two batches of a campaign share one."""
        return f"{self.scenario.stem}-{self.seeds[0]}-{self.seeds[-1]}"

    def __str__(self) -> str:
        return f"seeds {self.seeds[0]} to {self.seeds[-1]} of {self.scenario.stem}"


def add_spreading(parser: CommandLine) -> None:
    """Add the option that asks for batches, and those by which Pants plays them."""
    add = parser.add_argument
    text = f"play N seeds a process (default {SEEDS_A_BATCH}), which caches keep"
    add("--spread", nargs="?", const=SEEDS_A_BATCH, metavar="N", help=text)
    add("--plan", type=Path, metavar="DIR", help="for Pants: only write the list of batches")
    add(
        "--gather",
        type=Path,
        metavar="DIR",
        help="for Pants: the folder with the results of batches",
    )


def hold_options(options: Namespace) -> None:
    """Hold the options together.

    Raises:
        UsageError: some do not go together.
    """
    if options.spread is None:
        for option in ("plan", "gather"):
            if getattr(options, option) is not None:
                raise UsageError(f"--{option}: goes with --spread")
        return
    for option, why in _HERE_ONLY.items():
        if getattr(options, option):
            raise UsageError(f"--{option}: does not go with --spread: {why}")


def batches_of(files: Sequence[Path], seeds: Sequence[int], spread: str) -> list[Batch]:
    """Cut a campaign into batches: in the order of seeds, each time all scenarios.

    Raises:
        UsageError: the number is not one, or there would be too many.
    """
    size = bounded("--spread", spread, 1, SEEDS_A_BATCH_MAX) or 1
    if -(-len(seeds) // size) * len(files) > BATCHES_MAX:
        raise UsageError(
            f"--spread: {len(seeds)} seeds of {len(files)} scenarios in batches of {size} are more "
            f"than {BATCHES_MAX} batches; give a greater N, at most {SEEDS_A_BATCH_MAX}, or fewer "
            "seeds"
        )
    ordered = sorted(set(seeds))
    parts = [tuple(ordered[at : at + size]) for at in range(0, len(ordered), size)]
    return [Batch(path, part) for part in parts for path in files]


def write_plan(folder: Path, batches: Sequence[Batch], engine: str) -> int:
    """Write which batches there are, and with what arguments each is played; 0."""
    plan = [
        {
            "name": batch.name,
            "scenario": str(batch.scenario),
            "arguments": ["--engine", engine, *(f"--seed={seed}" for seed in batch.seeds)],
        }
        for batch in batches
    ]
    text = json.dumps({"format": FORMAT, "batches": plan}, indent=1) + "\n"
    write_all(folder, {"batches.json": text.encode()})
    return 0


def gathered(folder: Path, batches: Sequence[Batch]) -> Generator[SeedResult, None, None]:
    """Read what batches have found, in their order; one without results is an error at the end.

    Raises:
        HostFaultError: a batch has no results, or not those of its seeds.
    """
    complaints = []
    for batch in batches:
        try:
            yield from _results_of(folder / batch.name, batch)
        except ResultsError as exc:
            complaints.append(f"{batch}: {exc}")
    if complaints:
        more = f" (and {len(complaints) - 1} more batches)" if len(complaints) > 1 else ""
        raise HostFaultError(f"{complaints[0]}{more}")


def _results_of(folder: Path, batch: Batch) -> list[SeedResult]:
    try:
        text = (folder / RESULTS).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ResultsError(_ending_of(folder)) from None
    except (OSError, UnicodeDecodeError) as exc:
        raise ResultsError(f"{RESULTS} cannot be read: {exc}") from exc
    results = read(text)
    wanted = [(batch.scenario.stem, seed) for seed in batch.seeds]
    if [(result.scenario, result.seed) for result in results] != wanted:
        raise ResultsError(f"{RESULTS} has other seeds than those that were to be played")
    return results


def _ending_of(folder: Path) -> str:
    try:
        return (folder / ENDING).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "was not played"
