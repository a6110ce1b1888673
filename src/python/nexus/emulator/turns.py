"""Several harts, one after the other: each runs for a fixed number of steps, then the next.

There is one engine, and one clock that every step of every hart moves on; what harts have of their
own is their state words.  The hart whose turn it is runs until its turn is over or it waits; the
next in order that has something to do follows at once.  Nothing else chooses a hart, so the order
is the same on every engine and for every way to slice the time.  (The native engine changes turns
by itself, by the same rules, as long as nothing has to be looked at here: `native/turns.py`.)

A parked hart is its state words, except for those that the machine has once.  Its timers are looked
at when it could run, and devices raise its interrupt lines where it is parked.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import ClassVar, Final, Protocol, runtime_checkable

from nexus.emulator.parked import COMMON, ParkedHart, ParkedWords
from nexus.emulator.reference import state as s
from nexus.emulator.reference.chain import DOUBTED
from nexus.emulator.reference.clock import MTIP, TICKS_PER_MTIME
from nexus.emulator.reference.core import Core
from nexus.emulator.reference.hart import Hart
from nexus.emulator.reference.trap import MENVCFG_STCE, STIP
from nexus.emulator.turn_words import TURN_STEPS, TurnWords

HARTS_MAX: Final = 8
_M64: Final = (1 << 64) - 1

# Interrupts that only a hart can send: MSIP and SSIP.
_BY_HARTS: Final = 1 << 3 | 1 << 1
# CHAIN_LOOK of a hart that is stuck, or was when it was looked at last.
_STUCK: Final = (0, DOUBTED)

_PROTECTION: Final = slice(s.PMPCFG0, s.PMPADDR0 + s.PMPADDR_COUNT)


@runtime_checkable
class ChangesTurns(Protocol):
    """An engine that changes turns by itself; others return when one is over."""

    def share_turns(self, words: TurnWords) -> None:
        """Find the harts whose turn it is not there."""


class OneHart:
    """A hart that is alone, as devices see harts."""

    count = 1

    def __init__(self, hart: Hart) -> None:
        self._hart = hart

    def set_line(self, number: int, bit: int, is_high: bool) -> None:
        """Drive one of its interrupt inputs."""
        self._hart.set_line(bit, is_high)

    def read(self, number: int, index: int) -> int:
        """Read one of its state words."""
        return self._hart.state[index]

    def set_comparator(self, number: int, value: int) -> None:
        """Write its mtimecmp."""
        self._hart.state[s.MTIMECMP] = value
        self._hart.timers_changed()


class Turns:
    """Whose turn it is, and the harts whose turn it is not."""

    SAVED: ClassVar[tuple[str, ...]] = ("_current", "_ends_at", "_kept")

    def __init__(self, hart: Hart, count: int) -> None:
        """Make `count` harts of one that has just been reset; number 0 begins."""
        self._hart = hart
        hart.is_left_alone = self._are_others_over
        self.count = count
        self._block = TurnWords(count, self._words())
        self._block.ends_at = TURN_STEPS
        self._parked = self._block.harts
        if isinstance(hart, ChangesTurns):
            hart.share_turns(self._block)
        for number, words in enumerate(self._parked):
            words[s.HART] = number
            words[10] = number  # a0, as the reset ROM's code leaves it.

    @property
    def _current(self) -> int:
        return self._hart.state[s.HART]

    @_current.setter
    def _current(self, number: int) -> None:
        self._hart.state[s.HART] = number

    @property
    def _ends_at(self) -> int:
        return self._block.ends_at

    @_ends_at.setter
    def _ends_at(self, ticks: int) -> None:
        self._block.ends_at = ticks

    @property
    def _kept(self) -> list[list[int]]:
        kept = [words.tolist() for words in self._parked]
        for words in kept:
            words[s.SINK] = 0  # Written at the engine's discretion, never read.
        return kept

    @_kept.setter
    def _kept(self, values: list[list[int]]) -> None:
        for number, (words, kept) in enumerate(zip(self._parked, values, strict=True)):
            words[:] = array("Q", kept)
            words[s.HART] = number  # Engines find words by it, so it is not left to a snapshot.

    def restored(self) -> None:
        """The words of the present hart are restored with the engine."""

    def words_of(self, number: int) -> Sequence[int]:
        """The state words of a hart, for digests."""
        return self._words() if number == self._current else self._parked[number]

    @property
    def current(self) -> int:
        """The number of the hart whose turn it is."""
        return self._current

    def core(self, number: int) -> Core:
        """A hart, to look at and to change by hand."""
        if number == self._current:
            return self._hart
        words = ParkedWords(self._hart, self._parked[number], self._lines_of)
        return ParkedHart(self._hart, words)

    # -- Whose turn it is ------------------------------------------------------------------------

    def set_limit(self, ticks: int) -> None:
        """Let an engine that can change turns do so before this tick."""
        self._block.set_limit(ticks)

    def choose(self) -> int:
        """Give the turn to the hart that has it now; return the tick at which it is over."""
        now = self._hart.ticks
        if now < self._ends_at and self._is_ready(self._current):
            return self._ends_at
        for step in range(1, self.count + 1):
            number = (self._current + step) % self.count
            if self._is_ready(number):
                self._switch(number)
                self._ends_at = now + TURN_STEPS
                break
        return self._ends_at

    def next_timer_ticks(self, *, enabled_only: bool) -> int | None:
        """The tick at which the next timer of a hart goes off; None if there is none."""
        hart = self._hart
        found = []
        ticks = hart.next_timer_ticks(enabled_only=enabled_only)
        if ticks is not None:
            found.append(ticks)
        for number, words in enumerate(self._parked):
            if number != self._current:
                found += self._timers_of(words)
        return min(found, default=None)

    @property
    def is_present_ready(self) -> bool:
        """Whether the hart whose turn it is has something to do; once chosen, no other hart has."""
        return self._is_ready(self._current)

    @property
    def is_anybody_ready(self) -> bool:
        """Whether a hart has something to do."""
        return any(self._is_ready(number) for number in range(self.count))

    def _are_others_over(self, sure: tuple[int, ...] = (0,)) -> bool:
        """Whether a loop of traps of the present hart is the end of all of them.

        A hart is over that is in such a loop itself, or waits for an interrupt that only another
        hart could send.  A device or a timer that may wake it is more than that.
        """
        return all(
            not words[s.MIE] & ~_BY_HARTS and not self._is_ready(number)
            if words[s.WAITING]
            else words[s.CHAIN_LOOK] in sure
            for number, words in enumerate(self._parked)
            if number != self._current
        )

    def _doubt_others(self) -> None:
        """The present hart may have freed those that were stuck, or may do so in this turn."""
        for number, words in enumerate(self._parked):
            if number != self._current and not words[s.CHAIN_LOOK]:
                words[s.CHAIN_LOOK] = DOUBTED

    def _look_again(self) -> None:
        """If all may be stuck, look whether the present hart still is: others ran meanwhile.

        So each of them is looked at in turn, and the run ends when none has got on.
        """
        state = self._hart.state
        if state[s.CHAIN_LOOK] in _STUCK and self._are_others_over(_STUCK):
            state[s.CHAIN_LOOK] = state[s.CHAIN_COUNT] + 1
        elif state[s.CHAIN_LOOK]:
            self._doubt_others()

    def _is_ready(self, number: int) -> bool:
        if number == self._current:
            return not self._hart.state[s.WAITING] or self._hart.has_wakeup
        words = self._parked[number]
        if not words[s.WAITING]:
            return True
        return bool((words[s.MIP_SOFT] | self._lines_of(words)) & words[s.MIE])

    def _lines_of(self, words: memoryview[int]) -> int:
        """A parked hart's interrupt lines, with those of its timers as the clock says."""
        now = self._hart.mtime
        lines = words[s.MIP_LINE] & ~(MTIP | STIP)
        if now >= words[s.MTIMECMP]:
            lines |= MTIP
        if words[s.MENVCFG] & MENVCFG_STCE and now >= words[s.STIMECMP]:
            lines |= STIP
        return lines

    def _timers_of(self, words: memoryview[int]) -> list[int]:
        """When enabled timers of a parked hart will go off, in ticks."""
        hart, now = self._hart, self._hart.mtime
        comparators = []
        if words[s.MIE] & MTIP:
            comparators.append(words[s.MTIMECMP])
        if words[s.MIE] & STIP and words[s.MENVCFG] & MENVCFG_STCE:
            comparators.append(words[s.STIMECMP])
        future = [it for it in comparators if now < it and it != s.TIMER_NEVER]
        return [(hart.ticks // TICKS_PER_MTIME + it - now) * TICKS_PER_MTIME for it in future]

    # -- Devices ---------------------------------------------------------------------------------

    def set_line(self, number: int, bit: int, is_high: bool) -> None:
        """Drive one interrupt input of a hart."""
        if number == self._current:
            self._hart.set_line(bit, is_high)
            return
        words = self._parked[number]
        words[s.MIP_LINE] = words[s.MIP_LINE] & ~(1 << bit) | is_high << bit

    def read(self, number: int, index: int) -> int:
        """Read a state word of a hart."""
        return self._hart.state[index] if number == self._current else self._parked[number][index]

    def set_comparator(self, number: int, value: int) -> None:
        """Write mtimecmp of a hart."""
        if number == self._current:
            self._hart.state[s.MTIMECMP] = value
            self._hart.timers_changed()
        else:
            self._parked[number][s.MTIMECMP] = value
            self._hart.leave = True  # A waiting hart may have to be woken earlier.

    # -- The change ------------------------------------------------------------------------------

    def _switch(self, number: int) -> None:
        if number == self._current:
            return
        hart = self._hart
        state = hart.state
        assert isinstance(state, list | memoryview), "a list, or memory shared with an engine"
        if state[s.CHAIN_LOOK]:
            self._doubt_others()
        leaving, coming = self._parked[self._current], self._parked[number]
        if isinstance(state, list):
            leaving[:] = array("Q", state[: s.STATE_WORDS])
        else:
            leaving[:] = state[: s.STATE_WORDS]
        # Only its own steps count as its instructions; until it is back, these are of others.
        leaving[s.INSTRET_OFFSET] = leaving[s.INSTRET_OFFSET] + leaving[s.STEPS] & _M64
        for index in COMMON:
            coming[index] = leaving[index]
        coming[s.INSTRET_OFFSET] = coming[s.INSTRET_OFFSET] - leaving[s.STEPS] & _M64
        state[: s.STATE_WORDS] = coming
        self._look_again()
        hart.attention = True
        hart.update_timers()
        if leaving[_PROTECTION] != coming[_PROTECTION]:
            hart.mmu.pmp_changed()

    def _words(self) -> list[int]:
        state = self._hart.state
        assert isinstance(state, list | memoryview), "a list, or memory shared with an engine"
        return list(state[: s.STATE_WORDS])
