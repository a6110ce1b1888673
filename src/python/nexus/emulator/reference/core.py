"""The parts of a hart that instructions need: its state, its view of memory, its clock.

Step functions, csrs and floating point are written against this, and know of no engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nexus.emulator.reference.mmu import Mmu
from nexus.emulator.reference.state import State
from nexus.emulator.reference.trap import TrapError

# A step function: (hart, state, rd, rs1, rs2, imm, length, pc) -> next pc.
Step = Callable[..., int]


class Core(Protocol):
    """A hart as its instructions see it."""

    state: State
    mmu: Mmu
    attention: bool  # Interrupts, context or deadline may have changed.
    leave: bool  # The engine must return after this step.

    @property
    def steps(self) -> int:
        """Steps executed so far."""

    @property
    def ticks(self) -> int:
        """Virtual time in units of 10 ns."""

    @property
    def mtime(self) -> int:
        """The 10 MHz clock."""

    def timers_changed(self) -> None:
        """A comparator was written."""

    def heard_from_outside(self) -> None:
        """Note that what was read may change by itself."""

    def wrote_float(self) -> None:
        """A floating-point register or a flag changed."""

    def illegal(self, pc: int) -> TrapError:
        """The trap of the instruction at `pc`, which cannot be executed as things are."""
