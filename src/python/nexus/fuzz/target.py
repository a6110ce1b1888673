"""A target to fuzz: a function that takes any bytes and returns, unless there is a defect.

A target swallows the errors that its package declares for bad input; whatever else comes out of
it, an assertion included, is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Target:
    """One function under test, and good inputs to begin from."""

    name: str
    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...] = field(repr=False)


class Input:
    """Draws small decisions and pieces from the front of an input; at its end, zeros."""

    def __init__(self, data: bytes) -> None:
        """Begin at the front."""
        self._data = data
        self._position = 0

    def steps(self, limit: int) -> Iterator[int]:
        """Give one byte a step, while there is input and at most `limit` times."""
        for _ in range(limit):
            if self._position >= len(self._data):
                return
            yield self.byte()

    def byte(self) -> int:
        """Take one byte."""
        return next(iter(self.take(1)), 0)

    def take(self, count: int) -> bytes:
        """Take up to so many bytes."""
        piece = self._data[self._position : self._position + count]
        self._position += count
        return piece

    def piece(self) -> bytes:
        """Take a piece whose length, of two bytes, comes before it."""
        return self.take(int.from_bytes(self.take(2), "little"))

    def rest(self) -> bytes:
        """Take everything that is left."""
        return self.take(len(self._data))


def packed(step: int, piece: bytes) -> bytes:
    """Write what `steps` and `piece` read back: for seeds."""
    return bytes([step]) + len(piece).to_bytes(2, "little") + piece
