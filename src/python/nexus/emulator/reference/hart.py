"""The reference engine: one hart, precise in every respect, written for clarity first.

Time is counted in steps.  A step is one instruction executed or trapped; taking an interrupt is
not a step.  The rule that makes runs reproducible: interrupts are considered before each step.
The loop below only looks when something may have changed (`attention`), which is the same thing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from nexus.emulator.bus import Bus
from nexus.emulator.isa.cpu import RV64IMAC, Cpu
from nexus.emulator.memory import Ram
from nexus.emulator.reference import chain
from nexus.emulator.reference import state as s
from nexus.emulator.reference.block import HEAT_COMPILE, BlockCache, operation_of
from nexus.emulator.reference.clock import ClockedMemory
from nexus.emulator.reference.entry import Entry, Operation
from nexus.emulator.reference.mmu import FETCH
from nexus.emulator.reference.trap import (
    INTERRUPT,
    MSTATUS_FS,
    MSTATUS_SD,
    Cause,
    TrapError,
    enter_trap,
    pending_interrupt,
)

M64: Final = (1 << 64) - 1


class Hart(ClockedMemory):
    """Registers, memory view, clock and the step loop."""

    def __init__(
        self,
        ram: Ram,
        bus: Bus,
        entry: int,
        state: s.State | None = None,
        cpu: Cpu = RV64IMAC,
    ) -> None:
        words: s.State = [0] * s.STATE_WORDS if state is None else state
        s.reset(words, entry, cpu)
        super().__init__(words, ram, bus)
        self.blocks = BlockCache(ram, self.mmu, cpu.mask)
        ram.forget = self._forget
        self.stops_when_stuck = False
        # Whether every other hart is stuck as well, or waits for what none of them will do.
        self.is_left_alone: Callable[[], bool] = lambda: True
        # Whether a network could write to memory behind the guest's back.
        self.is_connected: Callable[[], bool] = lambda: False

    def restore(self, words: Sequence[int]) -> None:
        """Become a hart with these state words, in memory that has been replaced already."""
        for index, word in enumerate(words):
            self.state[index] = word
        self._end, self._left = self.state[s.STEPS], 0
        self.attention = True
        self.mmu.pmp_changed()

    # -- Floating point --------------------------------------------------------------------------

    def need_float(self, pc: int) -> None:
        """An instruction names a floating-point register: these must be on."""
        if not self.state[s.MSTATUS] & MSTATUS_FS:
            raise self.illegal(pc)

    def wrote_float(self) -> None:
        """A floating-point register or a flag changed."""
        self.state[s.MSTATUS] |= MSTATUS_FS | MSTATUS_SD

    # -- The loop --------------------------------------------------------------------------------

    def run(self, budget: int) -> int:
        """Execute up to `budget` steps; return how many were executed."""
        before = self.state[s.STEPS]
        self._left = budget
        self._end = before + budget
        self.leave = False
        self._attend()
        while self._left > 0 and not self.leave:
            self._advance()
        self.state[s.STEPS] = self.steps
        self._end, self._left = self.state[s.STEPS], 0
        return self._end - before

    def _attend(self) -> None:
        """Take an interrupt if one is due, and follow changes of mode."""
        self.attention = False
        code = pending_interrupt(self.state)
        if code is not None:
            enter_trap(self.state, INTERRUPT | code, 0)
        self._follow_mode()

    def _follow_mode(self) -> None:
        self._context = self.mmu.context()

    def _advance(self) -> None:
        """Execute some steps, at least one."""
        self._run_blocks()
        if self._left > 0:
            self._run_slowly()

    def _run_blocks(self) -> None:
        """Run compiled blocks until one is missing, too long for the budget, or gives up."""
        state = self.state
        entries = self._context.blocks
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
                pc = pc + sum(it.length for it in entry.block.instructions[:done]) & M64
                break
            left -= entry.length
            pc = reached
        state[s.PC] = pc
        self._left = left

    def _run_slowly(self) -> None:
        """Execute the rest of the block at pc one step after the other."""
        for operation in self._operations():
            state = self.state
            pc = state[s.PC]
            try:
                state[s.PC] = operation[0](self, state, *operation[1:], pc)
            except TrapError as trap:
                self._trap(trap)
            self._left -= 1
            if self.attention or self.leave:
                self._attend()
                return

    def _trap(self, trap: TrapError) -> None:
        """Enter the handler instead of completing the instruction at pc."""
        enter_trap(self.state, trap.cause, trap.value)
        chain.note_trap(self.state, self.ticks)
        self._look_at_chain()
        self.attention = True

    def _look_at_chain(self) -> None:
        """A trap was noted: when the chain is long, find out whether it leads anywhere."""
        state = self.state
        if chain.is_long(state):
            chain.look(state, self.ram, self.is_connected)
            self.leave |= self.is_to_stop

    def heard_from_outside(self) -> None:
        if chain.is_watched(self.state, self.ticks):
            chain.disturbed(self.state)

    @property
    def is_to_stop(self) -> bool:
        """Whether the hart is stuck and is to stop there."""
        return self.stops_when_stuck and not self.state[s.CHAIN_LOOK] and self.is_left_alone()

    @property
    def trap_loop(self) -> chain.TrapLoop | None:
        """The loop of traps that this hart will never leave, if it is in one."""
        return chain.loop_of(self.state)

    def _operations(self) -> tuple[Operation, ...]:
        """The operations to step through from pc; none if fetching them trapped."""
        context, pc = self._context, self.state[s.PC]
        entry = context.blocks.get(pc)
        if entry is None:
            try:
                physical = self._fetch_address(pc)
                block = self.blocks.find(physical)
                if block is None:
                    return (self.fetch(pc, physical),)
            except TrapError as trap:
                self._trap(trap)
                self._left -= 1
                self._attend()
                return ()
            entry = Entry(block)
            if not self.mmu.pmp.is_uniform(physical & ~4095):
                return block.operations[:1]  # Permission must be looked up for each instruction.
            context.blocks[pc] = entry
        block = entry.block
        if block.is_simple:
            block.heat += 1
            if entry.run is None and (block.heat > HEAT_COMPILE or block.code):
                self.blocks.bind(entry, context, self.state)
        return block.operations[: self._left]

    def _fetch_address(self, pc: int) -> int:
        """Translate pc, once a page as long as nothing changes."""
        known = self._context.code_pages.get(pc >> 12)
        if known is not None:
            return known | pc & 4095
        physical = self.mmu.translate(pc, FETCH, 2)
        if self.mmu.pmp.is_uniform(physical & ~4095):
            self._context.code_pages[pc >> 12] = physical & ~4095
        return physical

    def fetch(self, pc: int, physical: int) -> Operation:
        """Fetch one instruction that is not cached: at a page's end, illegal, or outside RAM."""
        from nexus.emulator.isa.decode import decode  # The table: an engine may do without.

        word = self._fetch_word(pc, physical)
        instruction = decode(word, self.state[s.EXTENSIONS])
        if instruction is None:
            raise TrapError(Cause.ILLEGAL_INSTRUCTION, word)
        return operation_of(instruction)

    def illegal(self, pc: int) -> TrapError:
        """The trap of the instruction at `pc`, which cannot be executed as things are."""
        return TrapError(
            Cause.ILLEGAL_INSTRUCTION, self._fetch_word(pc, self.mmu.translate(pc, FETCH, 2))
        )

    def _fetch_word(self, pc: int, physical: int) -> int:
        word = self._fetch_half(physical, pc)
        if word & 3 == 3:
            second = pc + 2 & M64
            if second & 4095 == 0:
                word |= self._fetch_half(self.mmu.translate(second, FETCH, 2), second) << 16
            else:
                word |= self._fetch_half(physical + 2, pc) << 16
        return word

    def _fetch_half(self, physical: int, pc: int) -> int:
        if not self.ram.contains(physical, 2):
            raise TrapError(Cause.INSTRUCTION_ACCESS, pc)
        return int.from_bytes(self.ram.read(physical, 2), "little")

    def _forget(self, page: int) -> None:
        """A marked page changes: nothing derived from it may survive."""
        self.blocks.forget(page)
        self.mmu.flush()
        self.attention = True
