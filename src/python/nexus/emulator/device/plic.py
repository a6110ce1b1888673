"""The platform-level interrupt controller: 95 sources, contexts 0 (machine) and 1 (supervisor).

Level-triggered: a source whose line is high becomes pending, unless it is being served; completing
it samples the line again.  Equal priorities are ordered by source number.  A context's threshold
decides what interrupts it, not what it can claim.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

SOURCES: Final = 96  # Including source 0, which does not exist.
CONTEXTS: Final = 2
PRIORITY_MAX: Final = 7

_PENDING: Final = 0x1000
_ENABLE: Final = 0x2000
_ENABLE_STRIDE: Final = 0x80
_CONTEXT: Final = 0x20_0000
_CONTEXT_STRIDE: Final = 0x1000
_BITS: Final = (1 << SOURCES) - 2  # Bit 0 is hardwired to zero.
# State as 64-bit words, for engines that serve it themselves.
WORDS: Final = 113


class Plic:
    """Interrupt state as bit sets indexed by source."""

    SAVED: ClassVar[tuple[str, ...]] = (
        *("_levels", "_pending", "_claimed", "_priorities", "_enabled", "_thresholds"),
    )

    def __init__(self, set_line: Callable[[int, bool], None]) -> None:
        """`set_line(context, level)` drives the external interrupt of a context."""
        self._set_line = set_line
        self._levels = 0
        self._pending = 0
        self._claimed = 0
        self._priorities = [0] * SOURCES
        self._enabled = [0] * CONTEXTS
        self._thresholds = [0] * CONTEXTS

    def restored(self) -> None:
        """The interrupt lines are part of what the hart restores."""

    def set_source(self, source: int, is_high: bool) -> None:
        """Drive an input."""
        bit = 1 << source
        if is_high:
            self._levels |= bit
            self._pending |= bit & ~self._claimed
        else:
            self._levels &= ~bit
            self._pending &= ~bit
        self._update()

    def read(self, offset: int, size: int) -> int:
        """Read a 32-bit register; reading `claim` takes the interrupt."""
        if offset < _PENDING:
            source = offset // 4
            return self._priorities[source] if source < SOURCES else 0
        if offset < _ENABLE:
            return self._pending >> 8 * (offset - _PENDING) & 0xFFFF_FFFF
        if offset < _CONTEXT:
            context, byte = divmod(offset - _ENABLE, _ENABLE_STRIDE)
            return self._enabled[context] >> 8 * byte & 0xFFFF_FFFF if context < CONTEXTS else 0
        context, register = divmod(offset - _CONTEXT, _CONTEXT_STRIDE)
        if context >= CONTEXTS:
            return 0
        if register == 0:
            return self._thresholds[context]
        return self._claim(context) if register == 4 else 0

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a 32-bit register; writing `claim` completes an interrupt."""
        if offset < _PENDING:
            if 0 < offset // 4 < SOURCES:
                self._priorities[offset // 4] = value & PRIORITY_MAX
        elif _ENABLE <= offset < _CONTEXT:
            context, byte = divmod(offset - _ENABLE, _ENABLE_STRIDE)
            if context < CONTEXTS:
                mask = 0xFFFF_FFFF << 8 * byte
                merged = self._enabled[context] & ~mask | value << 8 * byte
                self._enabled[context] = merged & _BITS
        elif offset >= _CONTEXT:
            context, register = divmod(offset - _CONTEXT, _CONTEXT_STRIDE)
            if context < CONTEXTS and register == 0:
                self._thresholds[context] = value & PRIORITY_MAX
            elif context < CONTEXTS and register == 4:
                self._complete(context, value)
        self._update()

    def _best(self, context: int, above: int) -> int:
        """The pending source of the highest priority, if that is more than `above`; else 0."""
        waiting = self._pending & self._enabled[context]
        best, top = 0, above
        while waiting:
            low = waiting & -waiting
            source = low.bit_length() - 1
            if self._priorities[source] > top:
                best, top = source, self._priorities[source]
            waiting ^= low
        return best

    def _claim(self, context: int) -> int:
        source = self._best(context, 0)  # Section 9 of the specification: whatever the threshold.
        if source:
            self._pending &= ~(1 << source)
            self._claimed |= 1 << source
            self._update()
        return source

    def _complete(self, context: int, source: int) -> None:
        if 0 < source < SOURCES and self._enabled[context] >> source & 1:
            bit = 1 << source
            self._claimed &= ~bit
            self._pending |= self._levels & bit

    def _update(self) -> None:
        for context in range(CONTEXTS):
            self._set_line(context, self._best(context, self._thresholds[context]) != 0)
