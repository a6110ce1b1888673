"""One question put to a machine, and how its answer is to be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MODES: Final = {0: "user", 1: "supervisor", 3: "machine"}


@dataclass(frozen=True, slots=True)
class Probe:
    """One question."""

    text: str
    asks: str
    register: int | None = None  # The csr whose value a0 and a1 are.
    unspecified_status: int = 0  # Bits of mstatus.
    has_store_causes: bool = False  # See known.ATOMIC_CAUSES.
