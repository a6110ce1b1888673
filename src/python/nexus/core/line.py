"""When bytes on a line between two hosts arrive.  Pure: the time is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Two hosts in one building: what figures and proofs of networks are held to here.
DELAY_SECONDS: Final = 0.001
BITS_PER_SECOND: Final = 1e9


@dataclass
class Line:
    """One direction: each byte after those before it, at the line's speed, and after its delay."""

    delay: float = DELAY_SECONDS
    bits_per_second: float = BITS_PER_SECOND
    free_at: float = 0.0

    def due(self, length: int, now: float) -> float:
        """When so many bytes that are given now have arrived; times are seconds."""
        self.free_at = max(now, self.free_at) + length * 8 / self.bits_per_second
        return self.free_at + self.delay
