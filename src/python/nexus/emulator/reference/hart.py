"""The reference engine: one hart, precise in every respect, written for clarity first.

Time is counted in steps.  A step is one instruction executed or trapped; taking an interrupt is
not a step.  The rule that makes runs reproducible: interrupts are considered before each step.
The loop below only looks when something may have changed (`attention`), which is the same thing.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.bus import Bus, BusError
from nexus.emulator.isa.decode import decode
from nexus.emulator.memory import Ram
from nexus.emulator.reference import state as s
from nexus.emulator.reference.block import HEAT_COMPILE, BlockCache, Entry, Operation
from nexus.emulator.reference.csr import MENVCFG_STCE, STIP
from nexus.emulator.reference.mmu import ACCESS_FAULT, FETCH, LOAD, STORE, BailError, Context, Mmu
from nexus.emulator.reference.source import Step, step_functions, step_operands
from nexus.emulator.reference.system import SYSTEM_STEPS
from nexus.emulator.reference.trap import (
    INTERRUPT,
    Cause,
    TrapError,
    enter_trap,
    pending_interrupt,
)

M64: Final = (1 << 64) - 1
MTIP: Final = 1 << 7

# One microsecond of virtual time is 100 steps; mtime counts tenths of a microsecond.
TICKS_PER_MTIME: Final = 10

_STEPS: Final[dict[str, Step]] = {**step_functions(), **SYSTEM_STEPS}


class Hart:
    """Registers, memory view and the step loop."""

    def __init__(self, ram: Ram, bus: Bus, entry: int, state: s.State | None = None) -> None:
        self.state: s.State = [0] * s.STATE_WORDS if state is None else state
        s.reset(self.state, entry)
        self.ram = ram
        self.bus = bus
        self.mmu = Mmu(self.state, ram)
        self.blocks = BlockCache(ram, self.mmu, _STEPS)
        ram.forget = self._forget
        self.attention = False  # Interrupts, context or deadline may have changed.
        self.leave = False  # `run` must return after this step.
        self._left = 0  # Steps left in the present `run`, for the clock registers.
        self._end = 0
        self._context = self.mmu.context()

    # -- Time ------------------------------------------------------------------------------------

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
        """The 10 MHz clock."""
        return self.ticks // TICKS_PER_MTIME

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

    def next_timer_ticks(self, enabled_only: bool) -> int | None:
        """The tick at which the next timer line goes up."""
        state = self.state
        mask = state[s.MIE] if enabled_only else M64
        comparators = []
        if mask & MTIP:
            comparators.append(state[s.MTIMECMP])
        if mask & STIP and state[s.MENVCFG] & MENVCFG_STCE:
            comparators.append(state[s.STIMECMP])
        # The topmost value is how guests say "never": it is five thousand years away.
        future = [c * TICKS_PER_MTIME for c in comparators if self.mtime < c < s.TIMER_NEVER]
        return min(future, default=None)

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

    # -- The loop --------------------------------------------------------------------------------

    def run(self, budget: int) -> int:
        """Execute up to `budget` steps; return how many were executed."""
        self._left = budget
        self._end = self.state[s.STEPS] + budget
        self.leave = False
        self._attend()
        while self._left > 0 and not self.leave:
            self._run_blocks()
            if self._left > 0:
                self._run_slowly()
        self.state[s.STEPS] = self.steps
        executed = budget - self._left
        self._end, self._left = self.state[s.STEPS], 0
        return executed

    def _attend(self) -> None:
        """Take an interrupt if one is due, and follow changes of mode."""
        self.attention = False
        code = pending_interrupt(self.state)
        if code is not None:
            enter_trap(self.state, INTERRUPT | code, 0)
        self._context = self.mmu.context()

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
                enter_trap(state, trap.cause, trap.value)
                self.attention = True
            self._left -= 1
            if self.attention or self.leave:
                self._attend()
                return

    def _operations(self) -> list[Operation]:
        """The operations to step through from pc; an empty list if fetching them trapped."""
        context, pc = self._context, self.state[s.PC]
        entry = context.blocks.get(pc)
        if entry is None:
            try:
                physical = self.mmu.translate(pc, FETCH, 2)
                block = self.blocks.find(physical)
                if block is None:
                    return [self._fetch(pc, physical)]
            except TrapError as trap:
                enter_trap(self.state, trap.cause, trap.value)
                self._left -= 1
                self._attend()
                return []
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

    def _fetch(self, pc: int, physical: int) -> Operation:
        """Fetch one instruction that is not cached: at a page's end, illegal, or outside RAM."""
        word = self._fetch_half(physical, pc)
        if word & 3 == 3:
            second = pc + 2 & M64
            if second & 4095 == 0:
                word |= self._fetch_half(self.mmu.translate(second, FETCH, 2), second) << 16
            else:
                word |= self._fetch_half(physical + 2, pc) << 16
        instruction = decode(word)
        if instruction is None:
            raise TrapError(Cause.ILLEGAL_INSTRUCTION, word)
        return (_STEPS[instruction.name], *step_operands(instruction))

    def _fetch_half(self, physical: int, pc: int) -> int:
        if not self.ram.contains(physical, 2):
            raise TrapError(Cause.INSTRUCTION_ACCESS, pc)
        return int.from_bytes(self.ram.read(physical, 2), "little")

    def _forget(self, page: int) -> None:
        """A marked page changes: nothing derived from it may survive."""
        self.blocks.forget(page)
        self.mmu.flush()
        self.attention = True

    # -- Memory accesses of step functions --------------------------------------------------------

    def load(self, address: int, size: int) -> int:
        """Load `size` bytes, unsigned, whatever is there."""
        offset = address & 4095
        if offset + size > 4096:
            return self._load_straddling(address, size)
        if not address & size - 1:
            try:
                return self._context.loads[size][address >> 12][offset // size]
            except BailError:
                pass
        physical = self.mmu.translate(address, LOAD, size)
        if self.ram.contains(physical, size):
            return int.from_bytes(self.ram.read(physical, size), "little")
        self.attention = True
        try:
            return self.bus.read(physical, size)
        except BusError:
            raise TrapError(Cause.LOAD_ACCESS, address) from None

    def store(self, address: int, value: int, size: int) -> None:
        """Store the low `size` bytes of a value."""
        offset = address & 4095
        if offset + size > 4096:
            self._store_straddling(address, value, size)
            return
        value &= (1 << 8 * size) - 1
        if not address & size - 1:
            try:
                self._context.stores[size][address >> 12][offset // size] = value
                return
            except BailError:
                pass
        physical = self.mmu.translate(address, STORE, size)
        if self.ram.contains(physical, size):
            self.ram.write(physical, value.to_bytes(size, "little"))
            return
        self.attention = True
        try:
            self.bus.write(physical, size, value)
        except BusError:
            raise TrapError(Cause.STORE_ACCESS, address) from None

    def _halves(self, address: int, size: int, access: int) -> list[tuple[int, int]]:
        """Split an access that crosses a page: (physical, length) of both parts, RAM only."""
        first = 4096 - (address & 4095)
        parts = []
        for start, length in ((address, first), (address + first & M64, size - first)):
            physical = self.mmu.translate(start, access, length)
            if not self.ram.contains(physical, length):
                raise TrapError(ACCESS_FAULT[access], start)
            parts.append((physical, length))
        return parts

    def _load_straddling(self, address: int, size: int) -> int:
        parts = self._halves(address, size, LOAD)
        return int.from_bytes(b"".join(self.ram.read(*part) for part in parts), "little")

    def _store_straddling(self, address: int, value: int, size: int) -> None:
        parts = self._halves(address, size, STORE)
        data = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        first = parts[0][1]
        self.ram.write(parts[0][0], data[:first])
        self.ram.write(parts[1][0], data[first:])

    # -- Atomics ---------------------------------------------------------------------------------

    def load_for_store(self, address: int, size: int) -> int:
        """The load of a read-modify-write, sign-extended; faults as a store would."""
        if address & size - 1:
            raise TrapError(Cause.STORE_MISALIGNED, address)
        physical = self.mmu.translate(address, STORE, size)
        if not self.ram.contains(physical, size):
            raise TrapError(Cause.STORE_ACCESS, address)
        return int.from_bytes(self.ram.read(physical, size), "little", signed=True) & M64

    def load_reserved(self, address: int, size: int) -> int:
        """lr: load, sign-extended, and remember address and value."""
        if address & size - 1:
            raise TrapError(Cause.LOAD_MISALIGNED, address)
        physical = self.mmu.translate(address, LOAD, size)
        if not self.ram.contains(physical, size):
            raise TrapError(Cause.LOAD_ACCESS, address)
        value = int.from_bytes(self.ram.read(physical, size), "little", signed=True) & M64
        self.state[s.RESERVED_ADDRESS] = address
        self.state[s.RESERVED_VALUE] = value
        return value

    def store_conditional(self, address: int, value: int, size: int) -> int:
        """sc: store and return 0 if the reservation stands, else return 1.

        It stands if the address is the reserved one and memory still holds the value that lr saw,
        which is QEMU's rule.
        """
        if address & size - 1:
            raise TrapError(Cause.STORE_MISALIGNED, address)
        reserved = self.state[s.RESERVED_ADDRESS]
        if reserved != address:
            self.state[s.RESERVED_ADDRESS] = s.NO_RESERVATION
            return 1
        old = self.load_for_store(address, size)
        self.state[s.RESERVED_ADDRESS] = s.NO_RESERVATION
        if old != self.state[s.RESERVED_VALUE]:
            return 1
        self.store(address, value, size)
        return 0

    @property
    def context(self) -> Context:
        """The caches in use."""
        return self._context
