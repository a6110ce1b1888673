"""Instruction words as text, from the table's syntax column."""

from __future__ import annotations

from nexus.emulator.isa.decode import BY_NAME, decode
from nexus.emulator.isa.operand import show


def disassemble(word: int, pc: int = 0) -> str:
    """Write the instruction at `pc`; compressed ones as the base instruction they stand for."""
    instruction = decode(word)
    if instruction is None:
        return f".word {word:#x}" if word & 3 == 3 else f".half {word & 0xFFFF:#x}"
    row = BY_NAME[instruction.name]
    operands = instruction._asdict()
    kinds = row.syntax.split(", ") if row.syntax else []
    return f"{row.name} {', '.join(show(kind, operands, pc) for kind in kinds)}".rstrip()
