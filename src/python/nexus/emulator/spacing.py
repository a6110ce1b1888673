"""The distance between the checkpoints of a run, in steps.

With a stopwatch the distance follows what they cost, so that they take a small part of the run on
engines of any speed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

# The distance doubles while it takes less than so many times as long as taking a checkpoint, which
# is a twentieth of the time then, and halves if it takes ten times that.
WORTH: Final = 20
WORTH_MAX: Final = 200


class Spacing:
    """The present distance, and what the last checkpoint cost."""

    def __init__(self, steps: int, stopwatch: Callable[[], float] | None) -> None:
        """`steps` is the least distance; `stopwatch` gives seconds, of which only it decides."""
        self.steps = self._steps_min = steps
        self._stopwatch = stopwatch
        self._taken_at = self._cost = 0.0

    def take(self, make: Callable[[], bytes]) -> bytes:
        """Take a checkpoint, and note what that costs."""
        if self._stopwatch is None:
            return make()
        began = self._stopwatch()
        made = make()
        self._taken_at = self._stopwatch()
        self._cost = self._taken_at - began
        return made

    def is_worth_it(self) -> bool:
        """Whether the run since the last checkpoint took long enough for one; adapts the next."""
        if self._stopwatch is None:
            return True
        took = self._stopwatch() - self._taken_at
        if took < WORTH * self._cost:
            self.widen()
            return False
        if took > WORTH_MAX * self._cost:
            self.steps = max(self.steps // 2, self._steps_min)
        return True

    def widen(self) -> None:
        """Take them half as often from now on."""
        self.steps *= 2
