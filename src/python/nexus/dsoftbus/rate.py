"""Token bucket in whole numbers: the same requests at the same instants get the same answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# A token is worth this much credit, so that one nanosecond at one token a second is one unit.
_TOKEN: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Limit:
    """So many at once, and so many a second after that."""

    burst: int
    per_second: int


class Bucket:
    """One peer's bucket, full at the beginning.  Time that runs backwards adds nothing."""

    def __init__(self, limit: Limit, now_ns: int) -> None:
        """Fill the bucket."""
        self._limit = limit
        self._credit = limit.burst * _TOKEN
        self._at_ns = now_ns

    def take(self, now_ns: int) -> bool:
        """Take one token if there is one."""
        elapsed = max(0, now_ns - self._at_ns)
        full = self._limit.burst * _TOKEN
        self._credit = min(full, self._credit + elapsed * self._limit.per_second)
        self._at_ns = max(self._at_ns, now_ns)
        if self._credit < _TOKEN:
            return False
        self._credit -= _TOKEN
        return True
