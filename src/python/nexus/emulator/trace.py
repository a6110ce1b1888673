"""A machine's work as lines of text: every instruction, or every trap.

    1234 S 0000000080200124 kernel_main+0x24: 00a00893  addi a7, zero, 10
    1301 U 0000000000010458 trap 8 ecall from user, value 0x0

An instruction's line has what ran before it (a count), privilege, pc, name, word, and text.  Where
there are several harts, the privilege follows the hart's number: `2:S`.
"""

from __future__ import annotations

from collections.abc import Callable

from nexus.emulator.cause_names import LETTERS, cause_name, interrupt_name
from nexus.emulator.inspect import instruction_at
from nexus.emulator.isa.disassemble import disassemble
from nexus.emulator.machine import Machine
from nexus.emulator.observe import Observer
from nexus.emulator.reference import state as s
from nexus.emulator.reference.trap import INTERRUPT
from nexus.emulator.symbols import Symbols


class Tracer:
    """Writes lines about one machine; the machine is given after it was made."""

    def __init__(self, symbols: Symbols, write: Callable[[str], object]) -> None:
        self._symbols = symbols
        self._write = write
        self.machine: Machine | None = None

    def watch(self, observer: Observer, what: str) -> None:
        """Hook into an observer: `instructions` (and traps between them) or `traps`."""
        observer.on_trap = self._trap
        if what == "instructions":
            observer.on_instruction = self._instruction

    def _instruction(self, pc: int) -> None:
        assert self.machine is not None
        word = instruction_at(self.machine, pc)
        if word is None:
            return  # Fetching it will trap, and the trap is recorded.
        digits = 8 if word & 3 == 3 else 4
        text = disassemble(word, pc)
        self._write(f"{self._place(pc)}: {word:0{digits}x}{'':{8 - digits}}  {text}\n")

    def _trap(self, cause: int, value: int) -> None:
        assert self.machine is not None
        place = self._place(self.machine.hart.state[s.PC])
        if cause & INTERRUPT:
            code = cause & ~INTERRUPT
            self._write(f"{place} interrupt {code} {interrupt_name(code)}\n")
        else:
            self._write(f"{place} trap {cause} {cause_name(cause)}, value {value:#x}\n")

    def _place(self, pc: int) -> str:
        assert self.machine is not None
        hart = self.machine.hart
        name = self._symbols.name_of(pc)
        privilege = LETTERS[hart.state[s.PRIVILEGE]]
        if self.machine.harts > 1:
            privilege = f"{hart.state[s.HART]}:{privilege}"
        return f"{hart.steps} {privilege} {pc:016x}" + (f" {name}" if name else "")
