"""The reference engine, with a record of what it executes and of how branches went."""

from __future__ import annotations

from functools import cache
from typing import Final

from nexus.emulator.bus import Bus
from nexus.emulator.coverage import EXECUTED, NOT_TAKEN, TAKEN, Recorder
from nexus.emulator.isa.cpu import Cpu
from nexus.emulator.isa.decode import BASE
from nexus.emulator.isa.semantics import semantics_of
from nexus.emulator.memory import PAGE_SHIFT, RAM_BASE, Ram
from nexus.emulator.reference import state as s
from nexus.emulator.reference.core import Step
from nexus.emulator.reference.entry import Entry, Operation
from nexus.emulator.reference.hart import M64, Hart
from nexus.emulator.reference.source import step_function
from nexus.emulator.reference.trap import TrapError

# Places in an operation, a tuple of a step function and its operands: the target's distance, the
# length of the instruction.
_DISTANCE: Final = 4
LENGTH: Final = 5


@cache
def branch_steps() -> frozenset[Step]:
    """The function that executes a conditional branch."""
    names = [row.name for row in BASE if semantics_of(row.name).is_conditional]
    return frozenset(step_function(name) for name in names)


def way_of(hart: Hart, operation: Operation, pc: int) -> int:
    """The way of a branch that was just executed; 0 for anything else.

    It changes nothing, so it is asked again, with itself as the target: where the next instruction
    is the target, the place that it led to would not tell.
    """
    if operation[0] not in branch_steps():
        return 0
    operands = (*operation[1:_DISTANCE], 0, *operation[_DISTANCE + 1 :])
    return TAKEN if operation[0](hart, hart.state, *operands, pc) == pc else NOT_TAKEN


class CoveredHart(Hart):
    """A hart that notes each instruction when it begins, and each branch when it is decided."""

    def __init__(self, ram: Ram, bus: Bus, entry: int, recorder: Recorder, cpu: Cpu) -> None:
        super().__init__(ram, bus, entry, cpu=cpu)
        self._recorder = recorder
        self._recorded: dict[int, bytearray] = {}  # Frame to flags.
        # Where each compiled block has led to: what is known need not be noted again.
        self._ends: dict[Entry, set[int]] = {}
        recorder.attach(lambda: None)

    def _flags_at(self, pc: int) -> bytearray | None:
        """The flags of the page at pc; none outside of RAM."""
        number = self._fetch_address(pc) - RAM_BASE >> PAGE_SHIFT
        flags = self._recorded.get(number)
        if flags is None and 0 <= number < len(self.ram.marks):
            flags = self._recorder.page(self.ram, number, pc, self.state[s.PRIVILEGE])
            self._recorded[number] = flags
        return flags

    def _run_blocks(self) -> None:
        """Do as the hart does, and note what was not known."""
        state = self.state
        entries = self._context.blocks
        ends = self._ends
        left = self._left
        pc = state[s.PC]
        while True:
            entry = entries.get(pc)
            if entry is None or entry.run is None or entry.length > left:
                break
            reached = entry.run(pc)
            if reached < 0:  # Gave up before instruction ~reached.
                done = ~reached
                left -= done
                lengths = [it.length for it in entry.block.instructions[:done]]
                self._note_run(pc, lengths)
                pc = pc + sum(lengths) & M64
                break
            known = ends.get(entry)
            if known is None or reached not in known:
                self._note_block(entry, pc, reached)
            left -= entry.length
            pc = reached
        state[s.PC] = pc
        self._left = left

    def _note_block(self, entry: Entry, pc: int, reached: int) -> None:
        last = entry.block.operations[-1]
        if last[_DISTANCE] != last[LENGTH]:  # Else both ways lead there.
            self._ends.setdefault(entry, set()).add(reached)
        lengths = [it.length for it in entry.block.instructions]
        self._note_run(pc, lengths)
        self._note_branch(pc + sum(lengths[:-1]) & M64, last)

    def _note_run(self, pc: int, lengths: list[int]) -> None:
        """Note instructions in a row; a block lies within one page."""
        flags = self._flags_at(pc) if lengths else None
        if flags is None:
            return
        place = (pc & 4095) >> 1
        for length in lengths:
            flags[place] |= EXECUTED
            place += length >> 1

    def _note_branch(self, pc: int, operation: Operation) -> None:
        way = way_of(self, operation, pc)
        flags = self._flags_at(pc) if way else None
        if flags is not None:
            flags[(pc & 4095) >> 1] |= way

    def _run_slowly(self) -> None:
        state = self.state
        for operation in self._operations():
            pc = state[s.PC]
            self._note_run(pc, [operation[LENGTH]])
            try:
                state[s.PC] = operation[0](self, state, *operation[1:], pc)
            except TrapError as trap:
                self._trap(trap)
            else:
                self._note_branch(pc, operation)
            self._left -= 1
            if self.attention or self.leave:
                self._attend()
                return

    def _forget(self, page: int) -> None:
        self._recorded.pop(page, None)
        self._ends.clear()
        super()._forget(page)
