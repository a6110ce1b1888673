"""A hart whose turn it is not, as debuggers see harts: its words can be read and changed.

It is not executing, so nothing of it is cached anywhere; what it has in common with the others is
where the hart is that executes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nexus.emulator.reference import state as s
from nexus.emulator.reference.hart import Hart
from nexus.emulator.reference.mmu import Mmu
from nexus.emulator.reference.state import State
from nexus.emulator.reference.trap import MSTATUS_FS, MSTATUS_SD, TrapError

_M64: Final = (1 << 64) - 1

# The words that the machine has once: the hart that takes over finds them as they are.
COMMON: Final = (s.STEPS, s.IDLE, s.MTIME_OFFSET)


class ParkedWords:
    """Its state words, as they will be when it has the turn."""

    def __init__(
        self, hart: Hart, words: memoryview[int], lines_of: Callable[[memoryview[int]], int]
    ) -> None:
        self._hart = hart
        self._words = words
        self._lines_of = lines_of

    def __getitem__(self, index: int, /) -> int:
        """Read a word."""
        if index in COMMON:
            return self._hart.state[index]
        if index == s.MIP_LINE:
            return self._lines_of(self._words)
        if index == s.INSTRET_OFFSET:
            return self._words[index] - self._hart.steps & _M64
        return self._words[index]

    def __setitem__(self, index: int, value: int, /) -> None:
        """Write a word."""
        if index in COMMON:
            self._hart.state[index] = value
        elif index == s.INSTRET_OFFSET:
            self._words[index] = value + self._hart.steps & _M64
        else:
            self._words[index] = value


class ParkedHart:
    """The rest of what csrs need of a hart: the clock is common to all."""

    attention = False
    leave = False

    def __init__(self, hart: Hart, words: ParkedWords) -> None:
        self.state: State = words
        # The executing hart's; it learns this hart's protection when the turn changes.
        self.mmu: Mmu = hart.mmu
        self._hart = hart

    @property
    def steps(self) -> int:
        """Steps of the machine."""
        return self._hart.steps

    @property
    def ticks(self) -> int:
        """Virtual time in units of 10 ns."""
        return self._hart.ticks

    @property
    def mtime(self) -> int:
        """The 10 MHz clock."""
        return self._hart.mtime

    def timers_changed(self) -> None:
        """A comparator was written; the machine looks at all of them before it goes on."""

    def heard_from_outside(self) -> None:
        """Nothing is searched for loops here."""

    def wrote_float(self) -> None:
        """A floating-point register or a flag changed."""
        self.state[s.MSTATUS] |= MSTATUS_FS | MSTATUS_SD

    def illegal(self, pc: int) -> TrapError:
        """Never: nothing is executed here."""
        raise AssertionError(f"a parked hart executes nothing, and not at {pc:#x}")
