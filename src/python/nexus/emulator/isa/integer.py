"""RV64I, Zifencei and M: the rows of ordinary computation.

`semantics` is explained in `isa/semantics.py`; every value is 64 bits wide and unsigned unless a
function says otherwise.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.isa.row import (
    IMM_B,
    IMM_I,
    IMM_J,
    IMM_S,
    IMM_SHAMT32,
    IMM_SHAMT64,
    IMM_U,
    Instruction,
)

_REG = "rd, rs1, rs2"
_IMM = "rd, rs1, imm"
_BRANCH = "rs1, rs2, target"


def _op(name: str, high: str, funct3: str, semantics: str, opcode: str = "0110011") -> Instruction:
    """A register-register row."""
    return Instruction(
        name, f"{high} bbbbb aaaaa {funct3} ddddd {opcode}", "", _REG, f"rd = {semantics}"
    )


def _op32(name: str, high: str, funct3: str, semantics: str) -> Instruction:
    """A register-register row of the 32-bit group."""
    return _op(name, high, funct3, semantics, "0111011")


def _imm(name: str, funct3: str, semantics: str, opcode: str = "0010011") -> Instruction:
    """A register-immediate row."""
    return Instruction(
        name, f"iiiiiiiiiiii aaaaa {funct3} ddddd {opcode}", IMM_I, _IMM, f"rd = {semantics}"
    )


def _shift(name: str, high: str, funct3: str, semantics: str) -> Instruction:
    """A shift by a 6-bit constant."""
    pattern = f"{high} iiiiii aaaaa {funct3} ddddd 0010011"
    return Instruction(name, pattern, IMM_SHAMT64, _IMM, f"rd = {semantics}")


def _shift32(name: str, high: str, funct3: str, semantics: str) -> Instruction:
    """A 32-bit shift by a 5-bit constant."""
    pattern = f"{high} iiiii aaaaa {funct3} ddddd 0011011"
    return Instruction(name, pattern, IMM_SHAMT32, _IMM, f"rd = {semantics}")


def _load(name: str, funct3: str, function: str) -> Instruction:
    pattern = f"iiiiiiiiiiii aaaaa {funct3} ddddd 0000011"
    return Instruction(name, pattern, IMM_I, "rd, imm(rs1)", f"rd = {function}(rs1 + imm)")


def _store(name: str, funct3: str, function: str) -> Instruction:
    pattern = f"iiiiiii bbbbb aaaaa {funct3} iiiii 0100011"
    return Instruction(name, pattern, IMM_S, "rs2, imm(rs1)", f"{function}(rs1 + imm, rs2)")


def _branch(name: str, funct3: str, condition: str) -> Instruction:
    pattern = f"iiiiiii bbbbb aaaaa {funct3} iiiii 1100011"
    return Instruction(name, pattern, IMM_B, _BRANCH, f"branch({condition}, pc + imm)")


RV64I: Final = (
    Instruction("lui", "iiiiiiiiiiiiiiiiiiii ddddd 0110111", IMM_U, "rd, upper", "rd = imm"),
    Instruction("auipc", "iiiiiiiiiiiiiiiiiiii ddddd 0010111", IMM_U, "rd, upper", "rd = pc + imm"),
    Instruction(
        "jal",
        "iiiiiiiiiiiiiiiiiiii ddddd 1101111",
        IMM_J,
        "rd, target",
        "rd = pc + length; jump(pc + imm)",
    ),
    Instruction(
        "jalr",
        "iiiiiiiiiiii aaaaa 000 ddddd 1100111",
        IMM_I,
        "rd, imm(rs1)",
        "target = rs1 + imm & -2; rd = pc + length; jump(target)",
    ),
    _branch("beq", "000", "rs1 == rs2"),
    _branch("bne", "001", "rs1 != rs2"),
    _branch("blt", "100", "lts(rs1, rs2)"),
    _branch("bge", "101", "ges(rs1, rs2)"),
    _branch("bltu", "110", "rs1 < rs2"),
    _branch("bgeu", "111", "rs1 >= rs2"),
    _load("lb", "000", "load_s1"),
    _load("lh", "001", "load_s2"),
    _load("lw", "010", "load_s4"),
    _load("ld", "011", "load_u8"),
    _load("lbu", "100", "load_u1"),
    _load("lhu", "101", "load_u2"),
    _load("lwu", "110", "load_u4"),
    _store("sb", "000", "store_1"),
    _store("sh", "001", "store_2"),
    _store("sw", "010", "store_4"),
    _store("sd", "011", "store_8"),
    _imm("addi", "000", "rs1 + imm"),
    _imm("slti", "010", "bit(lts(rs1, imm))"),
    _imm("sltiu", "011", "bit(rs1 < imm)"),
    _imm("xori", "100", "rs1 ^ imm"),
    _imm("ori", "110", "rs1 | imm"),
    _imm("andi", "111", "rs1 & imm"),
    _shift("slli", "000000", "001", "rs1 << imm"),
    _shift("srli", "000000", "101", "rs1 >> imm"),
    _shift("srai", "010000", "101", "sra(rs1, imm)"),
    _op("add", "0000000", "000", "rs1 + rs2"),
    _op("sub", "0100000", "000", "rs1 - rs2"),
    _op("sll", "0000000", "001", "rs1 << (rs2 & 63)"),
    _op("slt", "0000000", "010", "bit(lts(rs1, rs2))"),
    _op("sltu", "0000000", "011", "bit(rs1 < rs2)"),
    _op("xor", "0000000", "100", "rs1 ^ rs2"),
    _op("srl", "0000000", "101", "rs1 >> (rs2 & 63)"),
    _op("sra", "0100000", "101", "sra(rs1, rs2 & 63)"),
    _op("or", "0000000", "110", "rs1 | rs2"),
    _op("and", "0000000", "111", "rs1 & rs2"),
    _imm("addiw", "000", "sext32(rs1 + imm)", "0011011"),
    _shift32("slliw", "0000000", "001", "sext32(rs1 << imm)"),
    _shift32("srliw", "0000000", "101", "sext32(zext32(rs1) >> imm)"),
    _shift32("sraiw", "0100000", "101", "sra(sext32(rs1), imm)"),
    _op32("addw", "0000000", "000", "sext32(rs1 + rs2)"),
    _op32("subw", "0100000", "000", "sext32(rs1 - rs2)"),
    _op32("sllw", "0000000", "001", "sext32(rs1 << (rs2 & 31))"),
    _op32("srlw", "0000000", "101", "sext32(zext32(rs1) >> (rs2 & 31))"),
    _op32("sraw", "0100000", "101", "sra(sext32(rs1), rs2 & 31)"),
    # One hart, stores visible to fetch at once: both fences have nothing to wait for.
    Instruction("fence", "------------ ----- 000 ----- 0001111", "", "", "nothing()"),
    Instruction("fence.i", "------------ ----- 001 ----- 0001111", "", "", "nothing()"),
)

RV64M: Final = (
    _op("mul", "0000001", "000", "rs1 * rs2"),
    _op("mulh", "0000001", "001", "mulh(rs1, rs2)"),
    _op("mulhsu", "0000001", "010", "mulhsu(rs1, rs2)"),
    _op("mulhu", "0000001", "011", "mulhu(rs1, rs2)"),
    _op("div", "0000001", "100", "divs(rs1, rs2)"),
    _op("divu", "0000001", "101", "divu(rs1, rs2)"),
    _op("rem", "0000001", "110", "rems(rs1, rs2)"),
    _op("remu", "0000001", "111", "remu(rs1, rs2)"),
    _op32("mulw", "0000001", "000", "sext32(rs1 * rs2)"),
    _op32("divw", "0000001", "100", "sext32(divs(sext32(rs1), sext32(rs2)))"),
    _op32("divuw", "0000001", "101", "sext32(divu(zext32(rs1), zext32(rs2)))"),
    _op32("remw", "0000001", "110", "sext32(rems(sext32(rs1), sext32(rs2)))"),
    _op32("remuw", "0000001", "111", "sext32(remu(zext32(rs1), zext32(rs2)))"),
)
