"""The CLINT: a software interrupt and a comparator for each hart, and the clock of all of them."""

from __future__ import annotations

from typing import Final, Protocol

from nexus.emulator.reference.state import MIP_LINE, MTIMECMP

SOFTWARE_OFFSET: Final = 0
SOFTWARE_BYTES: Final = 0x4000
TIMER_OFFSET: Final = 0x4000
TIMER_BYTES: Final = 0x8000

_MSIP: Final = 3
MTIME_OFFSET: Final = 0xBFF8
_MTIME: Final = MTIME_OFFSET - TIMER_OFFSET


class Clock(Protocol):
    """The clock that all harts have in common."""

    @property
    def mtime(self) -> int:
        """The value that the clock shows."""
        ...

    def set_mtime(self, value: int) -> None:
        """Set it."""


class Harts(Protocol):
    """The harts, by number."""

    count: int

    def set_line(self, number: int, bit: int, is_high: bool) -> None:
        """Drive one interrupt input of a hart."""

    def read(self, number: int, index: int) -> int:
        """Read a state word of a hart."""
        ...

    def set_comparator(self, number: int, value: int) -> None:
        """Write mtimecmp of a hart."""


class SoftwareInterrupt:
    """msip; the words of harts that do not exist read as zero."""

    def __init__(self, harts: Harts) -> None:
        self._harts = harts

    def read(self, offset: int, size: int) -> int:
        """Read msip of hart offset/4."""
        if offset & 3 or offset >> 2 >= self._harts.count:
            return 0
        return self._harts.read(offset >> 2, MIP_LINE) >> _MSIP & 1

    def write(self, offset: int, size: int, value: int) -> None:
        """Write msip of hart offset/4."""
        if not offset & 3 and offset >> 2 < self._harts.count:
            self._harts.set_line(offset >> 2, _MSIP, bool(value & 1))


class Timer:
    """mtimecmp and mtime, in words of 8 bytes or halves of 4."""

    def __init__(self, clock: Clock, harts: Harts) -> None:
        self._clock = clock
        self._harts = harts

    def read(self, offset: int, size: int) -> int:
        """Read a register or half of it."""
        return self._word(offset) >> 8 * (offset & 7) & (1 << 8 * size) - 1

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a register or half of it; the other half keeps what it shows now."""
        shift = 8 * (offset & 7)
        mask = (1 << 8 * size) - 1 << shift
        word = self._word(offset) & ~mask | value << shift & mask
        if offset & ~7 == _MTIME:
            self._clock.set_mtime(word)
        elif offset >> 3 < self._harts.count:
            self._harts.set_comparator(offset >> 3, word)

    def _word(self, offset: int) -> int:
        """The register around an offset; those of other harts do not exist and are zero."""
        if offset & ~7 == _MTIME:
            return self._clock.mtime
        return self._harts.read(offset >> 3, MTIMECMP) if offset >> 3 < self._harts.count else 0
