"""The clock of a hart, and the interrupt lines that it and devices drive.

Time is counted in steps, and in ticks spent waiting.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.bus import Bus
from nexus.emulator.memory import Ram
from nexus.emulator.reference import state as s
from nexus.emulator.reference.access import MemoryAccess
from nexus.emulator.reference.trap import MENVCFG_STCE, STIP

M64: Final = (1 << 64) - 1
MTIP: Final = 1 << 7

# One microsecond of virtual time is 100 steps; mtime counts tenths of a microsecond.
TICKS_PER_MTIME: Final = 10

# A clock that is closer to its end than this (a century) will get there.
CLOCK_NEAR: Final = 1 << 55


class ClockedMemory(MemoryAccess):
    """A hart's memory and time; what executes comes on top."""

    def __init__(self, state: s.State, ram: Ram, bus: Bus) -> None:
        super().__init__(state, ram, bus)
        self.leave = False  # `run` must return after this step.
        self._left = 0  # Steps left in the present `run`, for the clock registers.
        self._end = 0

    @property
    def steps(self) -> int:
        """Steps executed so far."""
        return self._end - self._left

    @property
    def ticks(self) -> int:
        """Virtual time in units of 10 ns."""
        return self._end - self._left + self.state[s.IDLE]

    @property
    def mtime(self) -> int:
        """The 10 MHz clock, which software can set; it wraps."""
        return self.ticks // TICKS_PER_MTIME + self.state[s.MTIME_OFFSET] & M64

    def set_mtime(self, value: int) -> None:
        """Set the clock: comparators, and `time`, follow it."""
        self.state[s.MTIME_OFFSET] = value - self.ticks // TICKS_PER_MTIME & M64
        self.timers_changed()

    def timers_changed(self) -> None:
        """A comparator was written: look again at once, and compute the deadline anew."""
        self.update_timers()
        self.leave = True

    def update_timers(self) -> None:
        """Set the timer interrupt lines as the clock says."""
        state, now = self.state, self.mtime
        lines = state[s.MIP_LINE] & ~(MTIP | STIP)
        if now >= state[s.MTIMECMP]:
            lines |= MTIP
        if state[s.MENVCFG] & MENVCFG_STCE and now >= state[s.STIMECMP]:
            lines |= STIP
        state[s.MIP_LINE] = lines

    def next_timer_ticks(self, *, enabled_only: bool) -> int | None:
        """The tick at which the next timer line goes up; or changes, if not `enabled_only`."""
        state, now = self.state, self.mtime
        mask = state[s.MIE] if enabled_only else M64
        comparators = []
        if mask & MTIP:
            comparators.append(state[s.MTIMECMP])
        if mask & STIP and state[s.MENVCFG] & MENVCFG_STCE:
            comparators.append(state[s.STIMECMP])
        # The topmost value is how guests say "never", unless the guest set the clock near to it.
        is_far = now < s.TIMER_NEVER - CLOCK_NEAR
        future = [c for c in comparators if now < c and not (is_far and c == s.TIMER_NEVER)]
        if not enabled_only and not is_far:
            future.append(M64 + 1)  # The clock wraps, and every line goes down.
        if not future:
            return None
        return (self.ticks // TICKS_PER_MTIME + min(future) - now) * TICKS_PER_MTIME

    def set_line(self, bit: int, is_high: bool) -> None:
        """Drive one interrupt input."""
        lines = self.state[s.MIP_LINE] & ~(1 << bit)
        self.state[s.MIP_LINE] = lines | (is_high << bit)
        self.attention = True

    @property
    def has_wakeup(self) -> bool:
        """True if wfi would not wait: an enabled interrupt is pending, whatever mstatus says."""
        state = self.state
        return bool((state[s.MIP_SOFT] | state[s.MIP_LINE]) & state[s.MIE])
