"""Zicsr, the privileged instructions and A: the rows that reach beyond the register file."""

from __future__ import annotations

from typing import Final

from nexus.emulator.isa.row import IMM_CSR, Instruction


def _csr(name: str, funct3: str, operand: str) -> Instruction:
    """A csr row; the csr number is the immediate, `zimm` is the rs1 field itself."""
    pattern = f"iiiiiiiiiiii aaaaa {funct3} ddddd 1110011"
    return Instruction(name, pattern, IMM_CSR, f"rd, csr, {operand}", "system()")


def _privileged(name: str, code: str) -> Instruction:
    return Instruction(name, f"{code} 00000 000 00000 1110011", "", "", "system()")


ZICSR: Final = (
    _csr("csrrw", "001", "rs1"),
    _csr("csrrs", "010", "rs1"),
    _csr("csrrc", "011", "rs1"),
    _csr("csrrwi", "101", "zimm"),
    _csr("csrrsi", "110", "zimm"),
    _csr("csrrci", "111", "zimm"),
)

PRIVILEGED: Final = (
    _privileged("ecall", "000000000000"),
    _privileged("ebreak", "000000000001"),
    _privileged("sret", "000100000010"),
    _privileged("mret", "001100000010"),
    _privileged("wfi", "000100000101"),
    Instruction("sfence.vma", "0001001 bbbbb aaaaa 000 00000 1110011", "", "rs1, rs2", "system()"),
)


def _amo(name: str, funct5: str, value: str) -> tuple[Instruction, Instruction]:
    """Both widths of a read-modify-write; `old` and `source` are sign-extended to 64 bits."""
    return (
        Instruction(
            f"{name}.w",
            f"{funct5} - - bbbbb aaaaa 010 ddddd 0101111",
            "",
            "rd, rs2, (rs1)",
            f"rd = atomic_4(rs1, sext32(rs2), {value})",
        ),
        Instruction(
            f"{name}.d",
            f"{funct5} - - bbbbb aaaaa 011 ddddd 0101111",
            "",
            "rd, rs2, (rs1)",
            f"rd = atomic_8(rs1, rs2, {value})",
        ),
    )


def _reserved(size: int, funct3: str, suffix: str) -> tuple[Instruction, Instruction]:
    """Load-reserved and store-conditional of one width."""
    tail = f"aaaaa {funct3} ddddd 0101111"
    return (
        Instruction(
            f"lr.{suffix}", f"00010 - - 00000 {tail}", "", "rd, (rs1)", f"rd = reserve_{size}(rs1)"
        ),
        Instruction(
            f"sc.{suffix}",
            f"00011 - - bbbbb {tail}",
            "",
            "rd, rs2, (rs1)",
            f"rd = conditional_{size}(rs1, rs2)",
        ),
    )


RV64A: Final = (
    *_reserved(4, "010", "w"),
    *_reserved(8, "011", "d"),
    *_amo("amoswap", "00001", "source"),
    *_amo("amoadd", "00000", "old + source"),
    *_amo("amoxor", "00100", "old ^ source"),
    *_amo("amoand", "01100", "old & source"),
    *_amo("amoor", "01000", "old | source"),
    *_amo("amomin", "10000", "old if lts(old, source) else source"),
    *_amo("amomax", "10100", "source if lts(old, source) else old"),
    # Sign extension keeps the unsigned order of 32-bit values too.
    *_amo("amominu", "11000", "old if old < source else source"),
    *_amo("amomaxu", "11100", "source if old < source else old"),
)
