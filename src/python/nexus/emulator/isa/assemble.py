"""A small assembler generated from the table: how tests and tools write guest code as text.

One statement a line: `label:`, an instruction in the table's syntax, a compressed instruction
(`c.addi a0, -1`: registers in encoding order, then the immediate), a directive (`.word .dword
.half .byte .align .space .org`), or one of a few pseudo-instructions.  `#` starts a comment.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nexus.emulator.isa.decode import BY_NAME, COMPRESSED
from nexus.emulator.isa.operand import OperandError, number, parse, register
from nexus.emulator.isa.row import Compressed, Instruction
from nexus.emulator.memory import RAM_BASE

_COMPRESSED: Final = {row.name: row for row in COMPRESSED}
_DATA: Final = {".byte": 1, ".half": 2, ".word": 4, ".dword": 8}

_LINE: Final = re.compile(r"\s*(?:([A-Za-z_][\w]*):)?\s*(?:(\S+)\s*(.*?))?\s*")


class AssemblyError(ValueError):
    """A line cannot be assembled; the message quotes it."""


@dataclass
class _Unit:
    """The state of one pass."""

    base: int
    symbols: dict[str, int]
    is_final: bool
    output: bytearray = field(default_factory=bytearray)

    @property
    def pc(self) -> int:
        return self.base + len(self.output)

    def emit(self, value: int, size: int) -> None:
        self.output += (value & (1 << 8 * size) - 1).to_bytes(size, "little")


def assemble(text: str, base: int = RAM_BASE) -> bytes:
    """Assemble a program that starts at `base`.

    Raises:
        AssemblyError: A line is wrong.
    """
    return assemble_with_symbols(text, base)[0]


def assemble_with_symbols(text: str, base: int = RAM_BASE) -> tuple[bytes, dict[str, int]]:
    """Assemble; also return the address of every label."""
    symbols: dict[str, int] = {}
    for is_final in (False, True):
        unit = _Unit(base, symbols, is_final)
        for line in text.splitlines():
            try:
                _line(unit, line.split("#")[0])
            except ValueError as error:
                raise AssemblyError(f"{line.strip()!r}: {error}") from None
    return bytes(unit.output), symbols


def _line(unit: _Unit, line: str) -> None:
    found = _LINE.fullmatch(line)
    if not found:
        raise OperandError("not a statement")
    label, name, rest = found.groups()
    if label:
        if not unit.is_final and label in unit.symbols:
            raise OperandError(f"label {label} exists already")
        unit.symbols[label] = unit.pc
    if name:
        _statement(unit, name, re.split(r"\s*,\s*", rest) if rest else [])


def _statement(unit: _Unit, name: str, arguments: list[str]) -> None:
    if name in _DATA:
        for argument in arguments:
            unit.emit(_resolve(unit, argument), _DATA[name])
    elif name in _DIRECTIVES:
        _DIRECTIVES[name](unit, int(arguments[0], 0))
    elif name in _PSEUDO:
        for expansion in _PSEUDO[name](unit, *arguments):
            _statement(unit, str(expansion[0]), [str(operand) for operand in expansion[1:]])
    elif name in _COMPRESSED:
        _compressed(unit, _COMPRESSED[name], arguments)
    elif name in BY_NAME:
        _base(unit, BY_NAME[name], arguments)
    else:
        raise OperandError("unknown instruction")


def _resolve(unit: _Unit, text: str) -> int:
    """A number; in the first pass, labels that come later are not known yet."""
    try:
        return number(text, unit.symbols)
    except OperandError:
        if unit.is_final:
            raise
        return unit.pc


def _base(unit: _Unit, row: Instruction, arguments: list[str]) -> None:
    kinds = row.syntax.split(", ") if row.syntax else []
    if kinds and kinds[-1] == "rm" and len(arguments) == len(kinds) - 1:
        arguments = [*arguments, "dyn"]  # As every assembler has it.
    if len(kinds) != len(arguments):
        raise OperandError(f"expected {row.syntax or 'no operands'}")
    operands: dict[str, int] = {}
    for kind, argument in zip(kinds, arguments, strict=True):
        if kind == "target":
            argument = str(_resolve(unit, argument))
        parsed = parse(kind, argument, unit.symbols, unit.pc)
        if "imm" in parsed:  # A third source and a rounding mode share it.
            parsed["imm"] += operands.get("imm", 0)
        operands |= parsed
    unit.emit(row.encoding.insert(operands), 4)


def _compressed(unit: _Unit, row: Compressed, arguments: list[str]) -> None:
    kinds = [role for role, *_ in row.encoding.registers]
    if "rd" in kinds and "rs1" in kinds and not row.encoding.float_operands:
        kinds.remove("rs1")  # Written once, as rd.
    operands: dict[str, int] = {}
    for kind, argument in zip(kinds, arguments, strict=False):
        operands[kind] = register(argument)
    if len(arguments) > len(kinds):
        value = _resolve(unit, arguments[len(kinds)])
        is_target = row.base in ("jal", "beq", "bne")
        operands["imm"] = value - unit.pc if is_target else value
    if "rd" in operands:
        operands.setdefault("rs1", operands["rd"])
    unit.emit(row.encoding.insert(operands), 2)


def _align(unit: _Unit, boundary: int) -> None:
    unit.output += bytes(-len(unit.output) % boundary)


def _org(unit: _Unit, offset: int) -> None:
    if offset < len(unit.output):
        raise OperandError(f"already at {len(unit.output):#x}")
    unit.output += bytes(offset - len(unit.output))


def _space(unit: _Unit, length: int) -> None:
    unit.output += bytes(length)


_DIRECTIVES: Final[dict[str, Callable[[_Unit, int], None]]] = {
    ".align": _align,
    ".org": _org,
    ".space": _space,
}


def _li(unit: _Unit, rd: str, text: str) -> list[tuple[object, ...]]:
    """Load any constant or label, in as many instructions as its value needs."""
    value = _resolve(unit, text)
    if text in unit.symbols or not unit.is_final:
        try:
            int(text, 0)
        except ValueError:
            return _la(unit, rd, text)  # Labels take the same room in both passes.
    value = (value + (1 << 63) & (1 << 64) - 1) - (1 << 63)
    return _load_constant(rd, value)


def _load_constant(rd: str, value: int) -> list[tuple[object, ...]]:
    if -2048 <= value < 2048:
        return [("addi", rd, "zero", value)]
    low = (value + 2048 & 4095) - 2048
    if -(1 << 31) <= value < (1 << 31) - 2048:
        upper = [("lui", rd, value - low >> 12 & 0xFFFFF)]
        return [*upper, ("addiw", rd, rd, low)] if low else [*upper]
    steps = [*_load_constant(rd, value - low >> 12), ("slli", rd, rd, 12)]
    return [*steps, ("addi", rd, rd, low)] if low else steps


def _la(unit: _Unit, rd: str, text: str) -> list[tuple[object, ...]]:
    offset = _resolve(unit, text) - unit.pc
    low = (offset + 2048 & 4095) - 2048
    return [("auipc", rd, offset - low >> 12 & 0xFFFFF), ("addi", rd, rd, low)]


_PSEUDO: Final[dict[str, Callable[..., list[tuple[object, ...]]]]] = {
    "nop": lambda unit: [("addi", "zero", "zero", 0)],
    "li": _li,
    "la": _la,
    "mv": lambda unit, rd, rs: [("addi", rd, rs, 0)],
    "j": lambda unit, target: [("jal", "zero", target)],
    "call": lambda unit, target: [("jal", "ra", target)],
    "jr": lambda unit, rs: [("jalr", "zero", f"0({rs})")],
    "ret": lambda unit: [("jalr", "zero", "0(ra)")],
    "beqz": lambda unit, rs, target: [("beq", rs, "zero", target)],
    "bnez": lambda unit, rs, target: [("bne", rs, "zero", target)],
    "csrr": lambda unit, rd, csr: [("csrrs", rd, csr, "zero")],
    "csrw": lambda unit, csr, rs: [("csrrw", "zero", csr, rs)],
    "csrs": lambda unit, csr, rs: [("csrrs", "zero", csr, rs)],
    "csrc": lambda unit, csr, rs: [("csrrc", "zero", csr, rs)],
}
