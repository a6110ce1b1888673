"""The CLINT: software interrupt and timer of hart 0."""

from __future__ import annotations

from typing import Final

from nexus.emulator.reference.hart import Hart
from nexus.emulator.reference.state import MIP_LINE, MTIMECMP

SOFTWARE_OFFSET: Final = 0
SOFTWARE_BYTES: Final = 0x4000
TIMER_OFFSET: Final = 0x4000
TIMER_BYTES: Final = 0x8000

_MSIP: Final = 3
_MTIME: Final = 0x7FF8


class SoftwareInterrupt:
    """msip; the words of other harts do not exist and read as zero."""

    def __init__(self, hart: Hart) -> None:
        self._hart = hart

    def read(self, offset: int, size: int) -> int:
        """Read msip of hart offset/4."""
        return self._hart.state[MIP_LINE] >> _MSIP & 1 if offset == 0 else 0

    def write(self, offset: int, size: int, value: int) -> None:
        """Write msip of hart offset/4."""
        if offset == 0:
            self._hart.set_line(_MSIP, bool(value & 1))


class Timer:
    """mtimecmp and mtime, in words of 8 bytes or halves of 4."""

    def __init__(self, hart: Hart) -> None:
        self._hart = hart

    def read(self, offset: int, size: int) -> int:
        """Read a register or half of it."""
        return self._word(offset) >> 8 * (offset & 7) & (1 << 8 * size) - 1

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a register or half of it; the other half keeps what it shows now."""
        shift = 8 * (offset & 7)
        mask = (1 << 8 * size) - 1 << shift
        word = self._word(offset) & ~mask | value << shift & mask
        if offset & ~7 == 0:
            self._hart.state[MTIMECMP] = word
            self._hart.timers_changed()
        elif offset & ~7 == _MTIME:
            self._hart.set_mtime(word)

    def _word(self, offset: int) -> int:
        """The register around an offset; those of other harts do not exist and are zero."""
        return {0: self._hart.state[MTIMECMP], _MTIME: self._hart.mtime}.get(offset & ~7, 0)
