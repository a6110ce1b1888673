"""The seeds that a campaign plays, and the time that it has for them."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from nexus.core.commandline import bounded
from nexus.core.errors import UsageError

SEEDS_DEFAULT: Final = 20
SEEDS_MAX: Final = 10_000_000
MINUTES_MAX: Final = 24 * 60

_SEED_MAX: Final = (1 << 63) - 1
# So many digits of a commit's hash are the first seed; there is room for as many behind.
_COMMIT_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Work:
    """The seeds of a campaign, and the time for them."""

    seeds: Sequence[int] | None  # None: on and on from `base`.
    base: int
    until_s: float | None

    def items(self, names: Sequence[str]) -> Iterator[tuple[str, int]]:
        """Scenario and seed, seed by seed."""
        for seed in count(self.base) if self.seeds is None else self.seeds:
            for name in names:
                yield name, seed

    def is_over(self) -> bool:
        """Whether no run is to begin any more."""
        return self.until_s is not None and time.monotonic() >= self.until_s


def work_of(options: Namespace, commit: str) -> Work:
    """Read the options `--seed`, `--minutes`, `--seeds` and `--from`.

    Raises:
        UsageError: a value is not one.
    """
    base = _base(options.base, commit)
    if options.seed:
        seeds = [bounded("--seed", text, 0, _SEED_MAX) or 0 for text in options.seed]
        return Work(seeds, 0, None)
    minutes = bounded("--minutes", options.minutes, 1, MINUTES_MAX)
    if minutes is not None:
        return Work(None, base, time.monotonic() + minutes * 60)
    number = bounded("--seeds", options.seeds, 1, SEEDS_MAX)
    return Work(range(base, base + (SEEDS_DEFAULT if number is None else number)), base, None)


def _base(text: str, commit: str) -> int:
    if text != "commit":
        return bounded("--from", text, 0, _SEED_MAX - SEEDS_MAX) or 0
    try:
        return int(commit[:_COMMIT_DIGITS], 16)
    except ValueError:
        raise UsageError(
            "--from commit: this folder is not a work tree of git; give a number"
        ) from None
