"""Samples where a machine is, every so many retired instructions.

The distance is counted in the guest's own steps, so the same run has the same samples, on every
engine and however `run` calls slice the time.  A sample is taken between two instructions and
changes nothing that a guest could notice.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Final

from nexus.emulator.coverage import PageKey
from nexus.emulator.memory import PAGE_BYTES, RAM_BASE, Ram
from nexus.emulator.reference import state as s
from nexus.emulator.reference.hart import Hart
from nexus.emulator.reference.mmu import levels_of

# A millisecond of a busy machine: an instruction takes 10 ns.
EVERY_DEFAULT: Final = 100_000

# Different samples kept for one machine; more of them are counted and not kept.
SAMPLES_MAX: Final = 1 << 18

# Frames followed: deeper chains of calls are recursion.
FRAMES_MAX: Final = 24

_DIGEST_BYTES: Final = 16
_RA: Final = 1
_FP: Final = 8
_PPN: Final = (1 << 44) - 1
_LEAF: Final = 0b1110


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample of a machine: the page of pc, pc itself, and what could be return addresses.

    `ra` is the register; `returns` were found by following the frame pointer.
    """

    page: PageKey
    pc: int
    ra: int
    returns: tuple[int, ...]


class Sampler:
    """Collects the samples of the machine of one name, over all of its boots."""

    def __init__(self, every: int = EVERY_DEFAULT) -> None:
        if every <= 0:
            raise ValueError(f"every={every}: expected at least 1 instruction")
        self.every = every
        self.samples: Counter[Sample] = Counter()
        self.samples_lost = 0
        self._due = every

    def attach(self) -> None:
        """A machine was switched on: its steps begin at 0."""
        self._due = self.every

    def run(self, hart: Hart, budget: int, ram: Ram) -> None:
        """Let a hart execute up to `budget` steps, and sample it where a sample is due."""
        while budget > 0:
            if hart.steps >= self._due:
                self._due = hart.steps + self.every - (hart.steps - self._due) % self.every
                self._take(hart, ram)
            wanted = min(budget, self._due - hart.steps)
            done = hart.run(wanted)
            budget -= done
            if done < wanted:
                return

    def _take(self, hart: Hart, ram: Ram) -> None:
        state = hart.state
        pc = state[s.PC]
        physical = _walk(state, ram, pc & -PAGE_BYTES)
        digest = b""
        if physical is not None:
            start = physical - RAM_BASE
            content = ram.buffer[start : start + PAGE_BYTES]
            digest = hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
        key = PageKey(physical or 0, pc & -PAGE_BYTES, state[s.PRIVILEGE], digest)
        sample = Sample(key, pc, state[_RA], tuple(_returns(state, ram)))
        if sample in self.samples or len(self.samples) < SAMPLES_MAX:
            self.samples[sample] += 1
        else:
            self.samples_lost += 1


def _returns(state: s.State, ram: Ram) -> list[int]:
    """The return addresses that the frame pointer leads to; frames lie one above the other."""
    found: list[int] = []
    frame = state[_FP]
    pages: dict[int, int | None] = {}
    while len(found) < FRAMES_MAX and frame >= 16 and frame % 8 == 0:
        pair = []
        for address in (frame - 16, frame - 8):
            page = address & -PAGE_BYTES
            if page not in pages:
                pages[page] = _walk(state, ram, page)
            physical = pages[page]
            if physical is None:
                return found
            at = physical - RAM_BASE + (address - page)
            pair.append(int.from_bytes(ram.buffer[at : at + 8], "little"))
        above, back = pair
        if not back:
            break
        found.append(back)
        if above <= frame:
            break
        frame = above
    return found


def _walk(state: s.State, ram: Ram, page: int) -> int | None:
    """The place in RAM of a virtual page, without touching the bits that a walk sets."""
    physical = page
    if state[s.PRIVILEGE] != s.MACHINE and state[s.SATP] >> 60:
        table = (state[s.SATP] & _PPN) << 12
        for level in reversed(range(levels_of(state[s.SATP]))):
            shift = 12 + 9 * level
            slot = table + ((page >> shift & 511) << 3)
            if not ram.contains(slot, 8):
                return None
            at = slot - RAM_BASE
            entry = int.from_bytes(ram.buffer[at : at + 8], "little")
            if not entry & 1:
                return None
            table = (entry >> 10 & _PPN) << 12
            if entry & _LEAF:
                physical = table | page & (1 << shift) - 1 & -PAGE_BYTES
                break
        else:
            return None
    return physical if ram.contains(physical, PAGE_BYTES) else None
