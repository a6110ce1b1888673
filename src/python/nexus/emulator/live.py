"""A machine among others, looked at by a debugger: it goes forwards, in the stretches of its world.

The others cannot be taken back in time, so neither can this one.  A watched access stops behind its
instruction; GDB finds the changed value either way.
"""

from __future__ import annotations

from nexus.emulator.board import NS_PER_TICK
from nexus.emulator.machine import Machine, Stop
from nexus.emulator.observe import Hit, Observer


class LiveHistory:
    """One machine, its present, and the stretch that its world lets it run now."""

    is_alone = False

    def __init__(self, machine: Machine, observer: Observer) -> None:
        """`observer` is the one that the machine was made with."""
        self.machine = machine
        self.observer = observer
        self.until_ns = 0  # How far the machine may run for now.

    @property
    def position(self) -> int:
        """Instructions executed."""
        return self.machine.instructions

    @property
    def beginning(self) -> int:
        """There is no way back."""
        return self.position

    @property
    def is_over(self) -> bool:
        """Whether the guest has ended the run."""
        finisher = self.machine.devices.finisher
        return finisher.exit_code is not None or finisher.is_reset

    def advance(self, limit: int, *, is_resumed: bool = True) -> Hit | None:
        """Go on up to a position or to the end of the stretch, whichever comes first."""
        machine, observer = self.machine, self.observer
        observer.accessed_at = -1
        if is_resumed:
            observer.resumed_at = self.position
        while self.position < limit and machine.now_ns < self.until_ns and not self.is_over:
            stop = machine.run(self._target(limit))
            hit, observer.hit = observer.hit, None
            if stop is Stop.OBSERVED:
                return hit
        return None

    def _target(self, limit: int) -> int:
        """The end of the next stretch: a sleeping machine sleeps to its timer in one go."""
        now = self.machine.now_ns
        event = self.machine.next_event_ns()
        if event is None:
            return self.until_ns
        if event <= now:
            event = now + NS_PER_TICK * (limit - self.position)
        return min(event, self.until_ns)

    def step_back(self) -> bool:
        """Never: the others would not follow."""
        return False

    def run_back(self) -> Hit | None:
        """Never either."""
        return None

    def edited(self) -> None:
        """There is no past to forget."""

    def release(self) -> None:
        """Look at nothing any more."""
        self.observer.breakpoints.clear()
        self.observer.watches.clear()
        self.observer.hit = self.observer.awaited = None
