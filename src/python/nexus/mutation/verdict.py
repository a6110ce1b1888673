"""The fate of a mutant."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nexus.mutation.change import Mutant


class Fate(Enum):
    """The tests' answer; mutants that do not compile or are equivalent do not count."""

    KILLED = "killed"
    TIMEOUT = "timeout"
    SURVIVED = "survived"
    INVALID = "invalid"
    EQUIVALENT = "equivalent"


@dataclass(frozen=True)
class Verdict:
    """A mutant, its fate and how it was found."""

    mutant: Mutant
    fate: Fate
    by: str = ""  # The test that noticed; for a survivor the nearest test, "" if there is none.
    is_world: bool = False  # Noticed by a target of Pants beyond the unit tests.
    tried: int = 0  # Test files (Python) or tests (zig) that ran.
    available: int = 0  # How many depend on the file.
    seconds: float = 0.0
    reason: str = ""  # Why a mutant is equivalent.
