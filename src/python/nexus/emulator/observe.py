"""A hart that can be watched: it stops before an instruction or after an access, and reports traps.

The hooks are the same on every engine, and so is what is seen.  On the reference engine blocks of
code still run compiled where nothing is watched: a page without breakpoints, and no hook on
instructions or data.  `native/observed.py` has the other engines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nexus.core.record import dataclass
from nexus.emulator.bus import Bus
from nexus.emulator.isa.cpu import RV64IMAC, Cpu
from nexus.emulator.memory import Ram
from nexus.emulator.reference import state as s
from nexus.emulator.reference.hart import Hart
from nexus.emulator.reference.trap import INTERRUPT, TrapError, pending_interrupt

READ: Final = 1
WRITE: Final = 2

# As many as a debugger can reasonably set; each access looks at all of them.
WATCHES_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Watch:
    """Data to watch, by virtual address."""

    address: int
    length: int
    access: int  # READ, WRITE or both.


@dataclass(frozen=True, slots=True)
class Hit:
    """The cause of a stop: a breakpoint (`watch` is None), a watched access, or the hart's turn."""

    address: int
    watch: Watch | None = None
    is_turn: bool = False  # It has the turn, which a caller waited for.


class Observer:
    """The stops to look for, and the one that was found."""

    def __init__(self) -> None:
        self.breakpoints: set[int] = set()
        self.watches: list[Watch] = []
        self.on_instruction: Callable[[int], None] | None = None
        self.on_trap: Callable[[int, int], None] | None = None
        self.hit: Hit | None = None
        # Stop as soon as this hart has the turn.
        self.awaited: int | None = None
        # At these steps we just stopped: a breakpoint there, or accesses of that instruction,
        # would stop us again for ever.
        self.resumed_at = -1
        self.accessed_at = -1

    @property
    def needs_every_step(self) -> bool:
        """Whether compiled blocks would hide something."""
        return self.on_instruction is not None or bool(self.watches)


class ObservingHart(Hart):
    """The common part of engines that report to an observer."""

    observer: Observer

    def run(self, budget: int) -> int:
        """Execute up to `budget` steps, unless this is the turn that a caller waits for."""
        observer = self.observer
        if budget and observer.awaited == self.state[s.HART]:
            observer.awaited = None
            observer.hit = Hit(self.state[s.PC], is_turn=True)
            return 0
        return super().run(budget)

    def _stops_here(self) -> bool:
        observer = self.observer
        pc = self.state[s.PC]
        if pc not in observer.breakpoints or self.steps == observer.resumed_at:
            return False
        observer.hit = Hit(pc)
        self.leave = True
        return True

    def _trap(self, trap: TrapError) -> None:
        if self.observer.on_trap is not None:
            self.observer.on_trap(trap.cause, trap.value)
        super()._trap(trap)

    def _attend(self) -> None:
        if self.observer.on_trap is not None:
            code = pending_interrupt(self.state)
            if code is not None:
                self.observer.on_trap(INTERRUPT | code, 0)
        super()._attend()

    # -- Data ------------------------------------------------------------------------------------

    def _touched(self, address: int, length: int, access: int) -> None:
        if self.steps == self.observer.accessed_at:
            return
        for watch in self.observer.watches:
            if (
                watch.access & access
                and address < watch.address + watch.length
                and watch.address < address + length
            ):
                self.observer.hit = Hit(address, watch)
                self.leave = True
                return

    def load(self, address: int, size: int) -> int:
        """Load, and report it."""
        value = super().load(address, size)
        self._touched(address, size, READ)
        return value

    def store(self, address: int, value: int, size: int) -> None:
        """Store, and report it."""
        super().store(address, value, size)
        self._touched(address, size, WRITE)

    def load_for_store(self, address: int, size: int) -> int:
        """Load for an atomic, and report it."""
        value = super().load_for_store(address, size)
        self._touched(address, size, READ)
        return value

    def load_reserved(self, address: int, size: int) -> int:
        """Load and reserve, and report it."""
        value = super().load_reserved(address, size)
        self._touched(address, size, READ)
        return value


class ObservedHart(ObservingHart):
    """The reference engine, reporting to an observer."""

    def __init__(
        self, ram: Ram, bus: Bus, entry: int, observer: Observer, cpu: Cpu = RV64IMAC
    ) -> None:
        super().__init__(ram, bus, entry, cpu=cpu)
        self.observer = observer

    def _run_blocks(self) -> None:
        observer = self.observer
        if observer.needs_every_step:
            return
        if observer.breakpoints:
            page = self.state[s.PC] >> 12
            if any(address >> 12 == page for address in observer.breakpoints):
                return
            self._run_block()
            return
        super()._run_blocks()

    def _run_block(self) -> None:
        """Run one compiled block: the next one may be in a page with breakpoints."""
        entry = self._context.blocks.get(self.state[s.PC])
        if entry is None or entry.run is None or entry.length > self._left:
            return
        left = self._left
        self._left = entry.length
        try:
            super()._run_blocks()
        finally:
            self._left += left - entry.length

    def _run_slowly(self) -> None:
        observer = self.observer
        state = self.state
        if self._stops_here():
            return
        is_first = True
        for operation in self._operations():
            if not is_first and self._stops_here():
                return
            is_first = False
            pc = state[s.PC]
            if observer.on_instruction is not None:
                observer.on_instruction(pc)
            try:
                state[s.PC] = operation[0](self, state, *operation[1:], pc)
            except TrapError as trap:
                self._trap(trap)
            self._left -= 1
            if self.attention or self.leave:
                self._attend()
                return
