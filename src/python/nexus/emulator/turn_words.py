"""The harts whose turn it is not, in one block of words: an engine may change turns by itself.

    TURN_ENDS_AT    tick at which the present turn is over
    TURN_LIMIT      tick from which on only the machine may say which hart is next
    TURN_HARTS      how many harts there are
    a free word     then the state words of every hart, one after the other

What is here of the hart whose turn it is, is from when its turn began.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nexus.emulator.reference import state as s

TURN_ENDS_AT: Final = 0
TURN_LIMIT: Final = 1
TURN_HARTS: Final = 2
TURN_HEADER_WORDS: Final = 4

# 50 us of virtual time: short beside what harts wait for each other, long beside a change of hart.
TURN_STEPS: Final = 5_000


class TurnWords:
    """The block, of which nothing moves as long as it is there."""

    def __init__(self, count: int, words: Sequence[int]) -> None:
        """Make `count` harts with the same words."""
        self.memory = bytearray(8 * (TURN_HEADER_WORDS + count * s.STATE_WORDS))
        self._view = memoryview(self.memory).cast("Q")
        self._view[TURN_HARTS] = count
        self.harts: list[memoryview[int]] = []
        for start in range(TURN_HEADER_WORDS, len(self._view), s.STATE_WORDS):
            hart = self._view[start : start + s.STATE_WORDS]
            for index, word in enumerate(words):
                hart[index] = word
            self.harts.append(hart)

    @property
    def ends_at(self) -> int:
        """The tick at which the present turn is over."""
        return self._view[TURN_ENDS_AT]

    @ends_at.setter
    def ends_at(self, ticks: int) -> None:
        self._view[TURN_ENDS_AT] = ticks

    def set_limit(self, ticks: int) -> None:
        """From this tick on no engine may change turns; 0 forbids it altogether."""
        self._view[TURN_LIMIT] = ticks
