"""The values of a translated region that stand in for the state: registers and operands."""

from __future__ import annotations

from typing import Protocol

from nexus.emulator.isa.decode import BY_NAME, Decoded
from nexus.emulator.memory import PAGE_BYTES
from nexus.emulator.native.region import third_source
from nexus.emulator.native.slots import handler_name, has_near_form


class Source(Protocol):
    """The part of a region's writer that operands need."""

    def get(self, number: int) -> str:
        """The value of a register."""

    def op(self, operation: str, left: str | int, right: str | int) -> str:
        """A binary operation."""


class Way(dict[int, str]):
    """The registers known as values at one point of a block; `changed` must be written back."""

    def __init__(self, changed: frozenset[int]) -> None:
        super().__init__()
        self.changed = set(changed)

    def copy(self) -> Way:
        """The same at this moment."""
        found = Way(frozenset(self.changed))
        found.update(self)
        return found


class Names(dict[str, str]):
    """The operands of one instruction, as its semantics names them."""

    def __init__(self, source: Source, offset: int, instruction: Decoded) -> None:
        super().__init__(length=str(instruction.length), imm=str(instruction.imm))
        self._source = source
        self._offset = offset
        self._registers = {
            "rs1": instruction.rs1,
            "rs2": instruction.rs2,
            "rs3": third_source(instruction),
        }

    def __missing__(self, name: str) -> str:
        if name == "pc":
            return self._source.op("add", "%base", self._offset)
        return self._source.get(self._registers[name])


def own_handler(offset: int, instruction: Decoded) -> str:
    """The interpreter's handler of an instruction at an offset."""
    row = BY_NAME[instruction.name]
    is_far = has_near_form(row) and not 0 <= offset + instruction.imm < PAGE_BYTES
    return handler_name(row.name, instruction.length, is_far=is_far)
