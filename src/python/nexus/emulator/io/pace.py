"""The stretch that a guest runs between two looks at its debugger.

Engines differ in speed by a factor of a thousand, and so do stretches of one guest on one engine.
A look should cost little of the run, and a Ctrl-C should be heard at once.
"""

from __future__ import annotations

import time
from typing import Final

from nexus.emulator.gdb_session import SLICE_STEPS, GdbSession

_SECONDS_MIN: Final = 0.005
_SECONDS_MAX: Final = 0.02
# The quickest engine takes a millisecond for them; the slowest instructions take half a minute,
# which is how late a Ctrl-C is heard in the worst case, once.
STEPS_MAX: Final = 1 << 22


class Pace:
    """Runs stretches of a session that take some ten milliseconds."""

    def __init__(self) -> None:
        self.steps = SLICE_STEPS

    def advance(self, session: GdbSession) -> bytes:
        """Run a stretch; return the bytes to send, if it ended the run."""
        began, before = time.monotonic(), session.position
        reply = session.advance(self.steps)
        if session.position - before == self.steps:  # Or it was cut short, which says nothing.
            self._adapt(time.monotonic() - began)
        return reply

    def _adapt(self, seconds: float) -> None:
        if seconds < _SECONDS_MIN:
            self.steps = min(2 * self.steps, STEPS_MAX)
        elif seconds > _SECONDS_MAX:
            self.steps = max(self.steps // 2, SLICE_STEPS)
