"""The view of a run that a debugger's session needs."""

from __future__ import annotations

from typing import Protocol

from nexus.emulator.machine import Machine
from nexus.emulator.observe import Hit, Observer


class History(Protocol):
    """A run that can be walked, at least forwards.  A position is a count of instructions."""

    # Whether the machine has nothing else to wait for: a sleep without a timer is one for ever, and
    # a step can be made at once.
    is_alone: bool
    observer: Observer

    @property
    def machine(self) -> Machine:
        """The machine at the present position."""

    @property
    def position(self) -> int:
        """Instructions executed."""

    @property
    def beginning(self) -> int:
        """The first position that can be gone back to."""

    @property
    def is_over(self) -> bool:
        """Whether the guest has ended the run."""

    def advance(self, limit: int, *, is_resumed: bool = True) -> Hit | None:
        """Go on up to a position; a point at the present one counts unless `is_resumed`."""

    def step_back(self) -> bool:
        """Undo one instruction; False if that cannot be."""

    def run_back(self) -> Hit | None:
        """Go back to the last hit, or to the beginning."""

    def edited(self) -> None:
        """The machine was changed by hand."""

    def release(self) -> None:
        """Look at nothing any more."""
