"""Zba, Zbb, Zbs and Zicond: the rows of address arithmetic, bit fiddling and conditional zeros."""

from __future__ import annotations

from typing import Final

from nexus.emulator.isa.row import IMM_SHAMT32, IMM_SHAMT64, Instruction

_OP: Final = "0110011"
_OP_32: Final = "0111011"
_IMM: Final = "0010011"
_IMM_32: Final = "0011011"


def _two(
    extension: str, name: str, high: str, funct3: str, semantics: str, opcode: str = _OP
) -> Instruction:
    """A row of two registers."""
    pattern = f"{high} bbbbb aaaaa {funct3} ddddd {opcode}"
    return Instruction(name, pattern, "", "rd, rs1, rs2", f"rd = {semantics}", (extension,))


def _one(
    extension: str, name: str, high: str, funct3: str, semantics: str, opcode: str = _IMM
) -> Instruction:
    """A row of one register."""
    pattern = f"{high} aaaaa {funct3} ddddd {opcode}"
    return Instruction(name, pattern, "", "rd, rs1", f"rd = {semantics}", (extension,))


def _shift(
    extension: str, name: str, high: str, funct3: str, semantics: str, opcode: str = _IMM
) -> Instruction:
    """A row of a register and a 6-bit constant."""
    pattern = f"{high} iiiiii aaaaa {funct3} ddddd {opcode}"
    syntax = "rd, rs1, imm"
    return Instruction(name, pattern, IMM_SHAMT64, syntax, f"rd = {semantics}", (extension,))


ZBA: Final = (
    _two("zba", "add.uw", "0000100", "000", "rs2 + zext32(rs1)", _OP_32),
    _two("zba", "sh1add", "0010000", "010", "rs2 + (rs1 << 1)"),
    _two("zba", "sh2add", "0010000", "100", "rs2 + (rs1 << 2)"),
    _two("zba", "sh3add", "0010000", "110", "rs2 + (rs1 << 3)"),
    _two("zba", "sh1add.uw", "0010000", "010", "rs2 + (zext32(rs1) << 1)", _OP_32),
    _two("zba", "sh2add.uw", "0010000", "100", "rs2 + (zext32(rs1) << 2)", _OP_32),
    _two("zba", "sh3add.uw", "0010000", "110", "rs2 + (zext32(rs1) << 3)", _OP_32),
    _shift("zba", "slli.uw", "000010", "001", "zext32(rs1) << imm", _IMM_32),
)

_LEFT_32: Final = "sext32(zext32(rs1) << (rs2 & 31) | zext32(rs1) >> (0 - rs2 & 31))"
_RIGHT_32: Final = "sext32(zext32(rs1) >> (rs2 & 31) | zext32(rs1) << (0 - rs2 & 31))"

ZBB: Final = (
    _two("zbb", "andn", "0100000", "111", "rs1 & (rs2 ^ -1)"),
    _two("zbb", "orn", "0100000", "110", "rs1 | (rs2 ^ -1)"),
    _two("zbb", "xnor", "0100000", "100", "rs1 ^ (rs2 ^ -1)"),
    _one("zbb", "clz", "0110000 00000", "001", "clz(rs1)"),
    _one("zbb", "ctz", "0110000 00001", "001", "ctz(rs1)"),
    _one("zbb", "cpop", "0110000 00010", "001", "cpop(rs1)"),
    _one("zbb", "clzw", "0110000 00000", "001", "clz(zext32(rs1)) - 32", _IMM_32),
    _one("zbb", "ctzw", "0110000 00001", "001", f"ctz(rs1 | {1 << 32})", _IMM_32),
    _one("zbb", "cpopw", "0110000 00010", "001", "cpop(zext32(rs1))", _IMM_32),
    _two("zbb", "max", "0000101", "110", "rs2 if lts(rs1, rs2) else rs1"),
    _two("zbb", "maxu", "0000101", "111", "rs2 if rs1 < rs2 else rs1"),
    _two("zbb", "min", "0000101", "100", "rs1 if lts(rs1, rs2) else rs2"),
    _two("zbb", "minu", "0000101", "101", "rs1 if rs1 < rs2 else rs2"),
    _one("zbb", "sext.b", "0110000 00100", "001", "sra(rs1 << 56, 56)"),
    _one("zbb", "sext.h", "0110000 00101", "001", "sra(rs1 << 48, 48)"),
    _one("zbb", "zext.h", "0000100 00000", "100", "rs1 & 65535", _OP_32),
    _two("zbb", "rol", "0110000", "001", "rs1 << (rs2 & 63) | rs1 >> (0 - rs2 & 63)"),
    _two("zbb", "ror", "0110000", "101", "rs1 >> (rs2 & 63) | rs1 << (0 - rs2 & 63)"),
    _shift("zbb", "rori", "011000", "101", "rs1 >> imm | rs1 << (0 - imm & 63)"),
    _two("zbb", "rolw", "0110000", "001", _LEFT_32, _OP_32),
    _two("zbb", "rorw", "0110000", "101", _RIGHT_32, _OP_32),
    Instruction(
        "roriw",
        f"0110000 iiiii aaaaa 101 ddddd {_IMM_32}",
        IMM_SHAMT32,
        "rd, rs1, imm",
        f"rd = {_RIGHT_32.replace('rs2', 'imm')}",
        ("zbb",),
    ),
    _one("zbb", "rev8", "011010111000", "101", "rev8(rs1)"),
    _one("zbb", "orc.b", "001010000111", "101", "orcb(rs1)"),
)

ZBS: Final = (
    _two("zbs", "bclr", "0100100", "001", "rs1 & ((1 << (rs2 & 63)) ^ -1)"),
    _shift("zbs", "bclri", "010010", "001", "rs1 & ((1 << imm) ^ -1)"),
    _two("zbs", "bext", "0100100", "101", "rs1 >> (rs2 & 63) & 1"),
    _shift("zbs", "bexti", "010010", "101", "rs1 >> imm & 1"),
    _two("zbs", "binv", "0110100", "001", "rs1 ^ (1 << (rs2 & 63))"),
    _shift("zbs", "binvi", "011010", "001", "rs1 ^ (1 << imm)"),
    _two("zbs", "bset", "0010100", "001", "rs1 | (1 << (rs2 & 63))"),
    _shift("zbs", "bseti", "001010", "001", "rs1 | (1 << imm)"),
)

ZICOND: Final = (
    _two("zicond", "czero.eqz", "0000111", "101", "0 if rs2 == 0 else rs1"),
    _two("zicond", "czero.nez", "0000111", "111", "rs1 if rs2 == 0 else 0"),
)
