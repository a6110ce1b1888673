"""Connections that are not sessions yet: a pool of their own, and which is dropped when it is full.

Rules of this file
------------------
1. A newcomer is always let in; one of the others is dropped for it.
2. The source address with the most connections loses one: of those that said least, the oldest.
   So one source never crowds out another, and silence never crowds out a handshake.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

# A handshake takes milliseconds and may take 2 s.
HALF_OPEN_MAX: Final = 64


@dataclass(slots=True)
class _Entry:
    source: str
    progress: int = 0


class HalfOpen:
    """The pool; connections are known by their numbers, which grow."""

    def __init__(self, most: int = HALF_OPEN_MAX) -> None:
        """Hold up to so many."""
        assert most > 0, f"{most}"
        self._most = most
        self._entries: dict[int, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, number: int) -> bool:
        return number in self._entries

    def add(self, number: int, source: str) -> int | None:
        """Let a connection in; return the one to be dropped for it, if there is no room."""
        evicted = self._choose(source) if len(self._entries) >= self._most else None
        if evicted is not None:
            del self._entries[evicted]
        self._entries[number] = _Entry(source)
        return evicted

    def advance(self, number: int, progress: int) -> None:
        """Take note of how far a handshake has come."""
        if number in self._entries:
            self._entries[number].progress = progress

    def remove(self, number: int) -> None:
        """Forget a connection that became a session, or ended."""
        self._entries.pop(number, None)

    def _choose(self, newcomer: str) -> int:
        counts = Counter(entry.source for entry in self._entries.values())
        counts[newcomer] += 1
        most = max(counts[entry.source] for entry in self._entries.values())
        crowd = [n for n, entry in self._entries.items() if counts[entry.source] == most]
        return min(crowd, key=lambda n: (self._entries[n].progress, n))
