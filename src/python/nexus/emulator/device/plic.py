"""The platform-level interrupt controller: 95 sources, two contexts a hart, machine and supervisor.

Level-triggered: a source whose line is high becomes pending, unless it is being served; completing
it samples the line again.  Equal priorities are ordered by source number.  A context's threshold
decides what interrupts it, not what it can claim.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from nexus.emulator.device.words import Words

SOURCES: Final = 96  # Including source 0, which does not exist.
CONTEXTS: Final = 2  # The contexts of one hart.
PRIORITY_MAX: Final = 7

# The registers: a priority a source from 0 on, then bit sets, then a threshold a context and behind
# it the register that claims and completes.
PENDING_OFFSET: Final = 0x1000
ENABLED_OFFSET: Final = 0x2000
ENABLED_SHIFT: Final = 7  # From one context's bit set to the next.
CONTEXT_OFFSET: Final = 0x20_0000
CONTEXT_SHIFT: Final = 12
CLAIM_OFFSET: Final = 4  # Within those of a context.
_BITS: Final = (1 << SOURCES) - 2  # Bit 0 is hardwired to zero.

# The state as words, so that an engine can serve registers itself: bit sets of 32 sources a word,
# then a word for each threshold and priority.
GROUPS: Final = SOURCES // 32
LEVELS: Final = 0
PENDING: Final = LEVELS + GROUPS
CLAIMED: Final = PENDING + GROUPS
ENABLED: Final = CLAIMED + GROUPS
THRESHOLDS: Final = ENABLED + CONTEXTS * GROUPS
PRIORITIES: Final = THRESHOLDS + CONTEXTS
WORDS: Final = PRIORITIES + SOURCES
# The contexts of further harts come behind: a bit set and a threshold each.
_FURTHER: Final = GROUPS + 1


def _set_of(first: int) -> property:
    """A set of sources, bit 0 first."""

    def read(plic: Plic) -> int:
        words = plic.words
        return words[first] | words[first + 1] << 32 | words[first + 2] << 64

    def write(plic: Plic, value: int) -> None:
        for group in range(GROUPS):
            plic.words[first + group] = value >> 32 * group & 0xFFFF_FFFF

    return property(read, write)


def _list_of(first: int, count: int) -> property:
    """A number for each context or source, saved as a list."""

    def read(plic: Plic) -> list[int]:
        return [plic.words[first + index] for index in range(count)]

    def write(plic: Plic, values: list[int]) -> None:
        for index in range(count):
            plic.words[first + index] = values[index]

    return property(read, write)


def _enabled_at(context: int) -> int:
    if context < CONTEXTS:
        return ENABLED + GROUPS * context
    return WORDS + _FURTHER * (context - CONTEXTS)


def _threshold_at(context: int) -> int:
    if context < CONTEXTS:
        return THRESHOLDS + context
    return _enabled_at(context) + GROUPS


class Plic:
    """Interrupt state as bit sets indexed by source."""

    SAVED: ClassVar[tuple[str, ...]] = (
        "_levels",
        "_pending",
        "_claimed",
        "_priorities",
        "_enabled",
        "_thresholds",
    )

    def __init__(self, set_line: Callable[[int, bool], None], harts: int = 1) -> None:
        """`set_line(context, level)` drives the external interrupt of a context."""
        self._set_line = set_line
        self._contexts = CONTEXTS * harts
        self.words: Words = [0] * (WORDS + _FURTHER * (self._contexts - CONTEXTS))

    _levels = _set_of(LEVELS)
    _pending = _set_of(PENDING)
    _claimed = _set_of(CLAIMED)
    _priorities = _list_of(PRIORITIES, SOURCES)

    @property
    def _thresholds(self) -> list[int]:
        return [self.words[_threshold_at(context)] for context in range(self._contexts)]

    @_thresholds.setter
    def _thresholds(self, values: list[int]) -> None:
        for context in range(self._contexts):
            self.words[_threshold_at(context)] = values[context]

    @property
    def _enabled(self) -> list[int]:
        return [self._enabled_of(context) for context in range(self._contexts)]

    @_enabled.setter
    def _enabled(self, values: list[int]) -> None:
        for context in range(self._contexts):
            self._enable(context, values[context])

    def share(self, words: Words) -> None:
        """Keep the state here from now on; for the contexts of one hart."""
        for index in range(WORDS):
            words[index] = self.words[index]
        self.words = words

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
        if offset < PENDING_OFFSET:
            source = offset // 4
            return self.words[PRIORITIES + source] if source < SOURCES else 0
        if offset < ENABLED_OFFSET:
            pending: int = self._pending
            return pending >> 8 * (offset - PENDING_OFFSET) & 0xFFFF_FFFF
        if offset < CONTEXT_OFFSET:
            context, byte = divmod(offset - ENABLED_OFFSET, 1 << ENABLED_SHIFT)
            return (
                self._enabled_of(context) >> 8 * byte & 0xFFFF_FFFF
                if context < self._contexts
                else 0
            )
        context, register = divmod(offset - CONTEXT_OFFSET, 1 << CONTEXT_SHIFT)
        if context >= self._contexts:
            return 0
        if register == 0:
            return self.words[_threshold_at(context)]
        return self._claim(context) if register == CLAIM_OFFSET else 0

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a 32-bit register; writing `claim` completes an interrupt."""
        if offset < PENDING_OFFSET:
            if 0 < offset // 4 < SOURCES:
                self.words[PRIORITIES + offset // 4] = value & PRIORITY_MAX
        elif ENABLED_OFFSET <= offset < CONTEXT_OFFSET:
            context, byte = divmod(offset - ENABLED_OFFSET, 1 << ENABLED_SHIFT)
            if context < self._contexts:
                mask = 0xFFFF_FFFF << 8 * byte
                merged = self._enabled_of(context) & ~mask | value << 8 * byte
                self._enable(context, merged & _BITS)
        elif offset >= CONTEXT_OFFSET:
            context, register = divmod(offset - CONTEXT_OFFSET, 1 << CONTEXT_SHIFT)
            if context < self._contexts and register == 0:
                self.words[_threshold_at(context)] = value & PRIORITY_MAX
            elif context < self._contexts and register == CLAIM_OFFSET:
                self._complete(context, value)
        self._update()

    def _enabled_of(self, context: int) -> int:
        first = _enabled_at(context)
        words = self.words
        return words[first] | words[first + 1] << 32 | words[first + 2] << 64

    def _enable(self, context: int, sources: int) -> None:
        for group in range(GROUPS):
            self.words[_enabled_at(context) + group] = sources >> 32 * group & 0xFFFF_FFFF

    def _best(self, context: int, above: int) -> int:
        """The pending source of the highest priority, if that is more than `above`; else 0."""
        waiting = self._pending & self._enabled_of(context)
        best, top = 0, above
        while waiting:
            low = waiting & -waiting
            source = low.bit_length() - 1
            priority = self.words[PRIORITIES + source]
            if priority > top:
                best, top = source, priority
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
        if 0 < source < SOURCES and self._enabled_of(context) >> source & 1:
            bit = 1 << source
            self._claimed &= ~bit
            self._pending |= self._levels & bit

    def _update(self) -> None:
        for context in range(self._contexts):
            self._set_line(context, self._best(context, self.words[_threshold_at(context)]) != 0)
