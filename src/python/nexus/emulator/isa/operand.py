"""Operands as text: register and csr names, and the operand kinds that a row's syntax lists."""

from __future__ import annotations

import re
from typing import Final

from nexus.emulator.isa.encoding import FLOAT_BASE

REGISTER_NAMES: Final = (
    "zero",
    "ra",
    "sp",
    "gp",
    "tp",
    "t0",
    "t1",
    "t2",
    "s0",
    "s1",
    *(f"a{i}" for i in range(8)),
    *(f"s{i}" for i in range(2, 12)),
    "t3",
    "t4",
    "t5",
    "t6",
)
FLOAT_NAMES: Final = (
    *(f"ft{i}" for i in range(8)),
    "fs0",
    "fs1",
    *(f"fa{i}" for i in range(8)),
    *(f"fs{i}" for i in range(2, 12)),
    "ft8",
    "ft9",
    "ft10",
    "ft11",
)
_REGISTERS: Final = {
    **{name: number for number, name in enumerate(REGISTER_NAMES)},
    **{f"x{number}": number for number in range(32)},
    **{name: number for number, name in enumerate(FLOAT_NAMES, FLOAT_BASE)},
    **{f"f{number}": FLOAT_BASE + number for number in range(32)},
    "fp": 8,
}
# Rounding modes by their number: to nearest even, to zero, down, up, to nearest away from zero.
ROUNDING_NAMES: Final = ("rne", "rtz", "rdn", "rup", "rmm", "5", "6", "dyn")

CSR_NAMES: Final = {
    0x001: "fflags",
    0x002: "frm",
    0x003: "fcsr",
    0x100: "sstatus",
    0x104: "sie",
    0x105: "stvec",
    0x106: "scounteren",
    0x10A: "senvcfg",
    0x140: "sscratch",
    0x141: "sepc",
    0x142: "scause",
    0x143: "stval",
    0x144: "sip",
    0x14D: "stimecmp",
    0x180: "satp",
    0x300: "mstatus",
    0x301: "misa",
    0x302: "medeleg",
    0x303: "mideleg",
    0x304: "mie",
    0x305: "mtvec",
    0x306: "mcounteren",
    0x30A: "menvcfg",
    0x320: "mcountinhibit",
    0x340: "mscratch",
    0x341: "mepc",
    0x342: "mcause",
    0x343: "mtval",
    0x344: "mip",
    0x3A0: "pmpcfg0",
    0x3A2: "pmpcfg2",
    **{0x3B0 + i: f"pmpaddr{i}" for i in range(16)},
    0xB00: "mcycle",
    0xB02: "minstret",
    0xC00: "cycle",
    0xC01: "time",
    0xC02: "instret",
    0xF11: "mvendorid",
    0xF12: "marchid",
    0xF13: "mimpid",
    0xF14: "mhartid",
    0xF15: "mconfigptr",
    0x7A0: "tselect",
}
CSR_NUMBERS: Final = {name: number for number, name in CSR_NAMES.items()}

_OFFSET: Final = re.compile(r"(.*)\((\w+)\)")


class OperandError(ValueError):
    """An operand is not written as its kind requires."""


def register_name(number: int) -> str:
    """The name of a register by its number in a decoded instruction."""
    return FLOAT_NAMES[number - FLOAT_BASE] if number >= FLOAT_BASE else REGISTER_NAMES[number]


def register(text: str) -> int:
    """The number of a register given by either of its names."""
    if text not in _REGISTERS:
        raise OperandError(f"{text!r}: expected a register")
    return _REGISTERS[text]


def parse(kind: str, text: str, symbols: dict[str, int], pc: int) -> dict[str, int]:
    """Parse one operand of the kind a syntax names (`rd`, `imm(rs1)`, `target`...)."""
    if kind in ("rd", "rs1", "rs2"):
        return {kind: register(text)}
    if kind == "rs3":
        return {"imm": register(text) - FLOAT_BASE << 3}
    if kind == "rm" and text in ROUNDING_NAMES:
        return {"imm": ROUNDING_NAMES.index(text)}
    if kind == "zimm":
        return {"rs1": number(text, symbols)}
    if kind == "csr":
        return {"imm": CSR_NUMBERS[text] if text in CSR_NUMBERS else number(text, symbols)}
    if kind == "target":
        return {"imm": number(text, symbols) - pc}
    if kind == "upper":
        value = number(text, symbols) << 12
        return {"imm": value - (1 << 32) if value >> 31 == 1 else value}
    if kind in ("imm(rs1)", "(rs1)"):
        found = _OFFSET.fullmatch(text)
        if not found:
            raise OperandError(f"{text!r}: expected {kind}")
        values = {"rs1": register(found[2])}
        if kind == "imm(rs1)":
            values["imm"] = number(found[1] or "0", symbols)
        return values
    return {"imm": number(text, symbols)}


def number(text: str, symbols: dict[str, int]) -> int:
    """A constant, a symbol, or a symbol with a signed offset."""
    found = re.fullmatch(r"([^+-]*)([+-]?)(.*)", text, re.DOTALL)
    assert found is not None, "the pattern matches every text"
    name, sign, rest = found.groups()
    if name in symbols:
        offset = int(rest, 0) if sign else 0
        return symbols[name] + (-offset if sign == "-" else offset)
    try:
        return int(text, 0)
    except ValueError:
        raise OperandError(f"{text!r}: expected a number or a label") from None


def show(kind: str, operands: dict[str, int], pc: int) -> str:
    """Write one operand."""
    if kind in ("rd", "rs1", "rs2"):
        return register_name(operands[kind])
    imm = operands.get("imm", 0)
    if kind == "rs3":
        return register_name(FLOAT_BASE + (imm >> 3))
    if kind == "rm":
        return ROUNDING_NAMES[imm & 7]
    if kind == "zimm":
        return str(operands["rs1"])
    if kind == "csr":
        return CSR_NAMES.get(imm, hex(imm))
    if kind == "target":
        return hex(pc + imm & (1 << 64) - 1)
    if kind == "upper":
        return hex(imm >> 12 & 0xFFFFF)
    if kind == "imm(rs1)":
        return f"{imm}({REGISTER_NAMES[operands['rs1']]})"
    if kind == "(rs1)":
        return f"({REGISTER_NAMES[operands['rs1']]})"
    return str(imm)
