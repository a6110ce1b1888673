"""F and D: the rows of floating-point numbers.

An `rm` field is the low three bits of the immediate, and the third source of the fused rows is the
five bits above them, as a register number: so every row has the operands that all others have.
What sets no flag is written in words (moves, sign injection); the rest names an operation.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.isa.row import IMM_I, IMM_S, Instruction

_IMM_RM: Final = "2:0"
_IMM_FUSED: Final = "7:3|2:0"
_REG: Final = "rd, rs1, rs2"

# Name, the code in the format field, and the extension.
_FORMATS: Final = (("s", "00", "f"), ("d", "01", "d"))


def _rounded(
    name: str, code: str, source: str, to: str, semantics: str, *, extension: str
) -> Instruction:
    """A row with one source, a fixed second field and a rounding mode."""
    pattern = f"{code} {source} iii {to} 1010011"
    return Instruction(name, pattern, _IMM_RM, "rd, rs1, rm", f"rd = {semantics}", (extension,))


def _arithmetic(name: str, funct5: str) -> tuple[Instruction, ...]:
    return tuple(
        Instruction(
            f"f{name}.{kind}",
            f"{funct5}{code} BBBBB AAAAA iii DDDDD 1010011",
            _IMM_RM,
            "rd, rs1, rs2, rm",
            f"rd = {name}_{kind}(rs1, rs2, imm)",
            (extension,),
        )
        for kind, code, extension in _FORMATS
    )


def _fused(name: str, opcode: str) -> tuple[Instruction, ...]:
    return tuple(
        Instruction(
            f"f{name}.{kind}",
            f"iiiii {code} BBBBB AAAAA iii DDDDD {opcode}",
            _IMM_FUSED,
            "rd, rs1, rs2, rs3, rm",
            f"rd = {name}_{kind}(rs1, rs2, rs3, imm)",
            (extension,),
        )
        for kind, code, extension in _FORMATS
    )


def _root() -> tuple[Instruction, ...]:
    return tuple(
        _rounded(
            f"fsqrt.{kind}",
            f"01011{code} 00000",
            "AAAAA",
            "DDDDD",
            f"sqrt_{kind}(rs1, imm)",
            extension=extension,
        )
        for kind, code, extension in _FORMATS
    )


def _chosen(name: str, funct5: str, funct3: str, operation: str) -> tuple[Instruction, ...]:
    """Rows of two sources without rounding that set flags."""
    to = "ddddd" if funct5 == "10100" else "DDDDD"
    return tuple(
        Instruction(
            f"{name}.{kind}",
            f"{funct5}{code} BBBBB AAAAA {funct3} {to} 1010011",
            "",
            _REG,
            f"rd = {operation}_{kind}(rs1, rs2)",
            (extension,),
        )
        for kind, code, extension in _FORMATS
    )


def _signs(name: str, funct3: str, single: str, double: str) -> tuple[Instruction, ...]:
    pattern = f"BBBBB AAAAA {funct3} DDDDD 1010011"
    return (
        Instruction(f"{name}.s", f"0010000 {pattern}", "", _REG, f"rd = box({single})", ("f",)),
        Instruction(f"{name}.d", f"0010001 {pattern}", "", _REG, f"rd = {double}", ("d",)),
    )


_INTEGERS: Final = (("w", "00000"), ("wu", "00001"), ("l", "00010"), ("lu", "00011"))


def _conversions() -> tuple[Instruction, ...]:
    """Between numbers and integers, both ways."""
    found = []
    for kind, code, extension in _FORMATS:
        for integer, field in _INTEGERS:
            found += [
                _rounded(
                    f"fcvt.{integer}.{kind}",
                    f"11000{code} {field}",
                    "AAAAA",
                    "ddddd",
                    f"to_{integer}_{kind}(rs1, imm)",
                    extension=extension,
                ),
                _rounded(
                    f"fcvt.{kind}.{integer}",
                    f"11010{code} {field}",
                    "aaaaa",
                    "DDDDD",
                    f"from_{integer}_{kind}(rs1, imm)",
                    extension=extension,
                ),
            ]
    return tuple(found)


def _move(name: str, pattern: str, semantics: str, extension: str) -> Instruction:
    """A row of one source whose other fields are fixed."""
    return Instruction(name, pattern, "", "rd, rs1", f"rd = {semantics}", (extension,))


_OUT: Final = "00000 AAAAA {} ddddd 1010011"
_IN: Final = "00000 aaaaa 000 DDDDD 1010011"

# Bits between the register files, and the class of a number.
_MOVES: Final = (
    _move("fmv.x.w", f"1110000 {_OUT.format('000')}", "sext32(rs1)", "f"),
    _move("fmv.w.x", f"1111000 {_IN}", "box(rs1)", "f"),
    _move("fmv.x.d", f"1110001 {_OUT.format('000')}", "rs1", "d"),
    _move("fmv.d.x", f"1111001 {_IN}", "rs1", "d"),
    _move("fclass.s", f"1110000 {_OUT.format('001')}", "class_s(rs1)", "f"),
    _move("fclass.d", f"1110001 {_OUT.format('001')}", "class_d(rs1)", "d"),
)


def _memory(
    load: str, store: str, funct3: str, extension: str, size: int
) -> tuple[Instruction, ...]:
    loaded = "load_b4" if size == 4 else "load_u8"
    return (
        Instruction(
            load,
            f"iiiiiiiiiiii aaaaa {funct3} DDDDD 0000111",
            IMM_I,
            "rd, imm(rs1)",
            f"rd = {loaded}(rs1 + imm)",
            (extension,),
        ),
        Instruction(
            store,
            f"iiiiiii BBBBB aaaaa {funct3} iiiii 0100111",
            IMM_S,
            "rs2, imm(rs1)",
            f"store_{size}(rs1 + imm, rs2)",
            (extension,),
        ),
    )


_SIGN_S, _SIGN_D = f"{1 << 31}", f"{1 << 63}"
_REST_S, _REST_D = f"{(1 << 31) - 1}", f"{(1 << 63) - 1}"

FLOATING: Final = (
    *_memory("flw", "fsw", "010", "f", 4),
    *_memory("fld", "fsd", "011", "d", 8),
    *_fused("madd", "1000011"),
    *_fused("msub", "1000111"),
    *_fused("nmsub", "1001011"),
    *_fused("nmadd", "1001111"),
    *_arithmetic("add", "00000"),
    *_arithmetic("sub", "00001"),
    *_arithmetic("mul", "00010"),
    *_arithmetic("div", "00011"),
    *_root(),
    *_signs(
        "fsgnj",
        "000",
        f"unbox(rs1) & {_REST_S} | unbox(rs2) & {_SIGN_S}",
        f"rs1 & {_REST_D} | rs2 & {_SIGN_D}",
    ),
    *_signs(
        "fsgnjn",
        "001",
        f"unbox(rs1) & {_REST_S} | (unbox(rs2) ^ {_SIGN_S}) & {_SIGN_S}",
        f"rs1 & {_REST_D} | (rs2 ^ {_SIGN_D}) & {_SIGN_D}",
    ),
    *_signs(
        "fsgnjx",
        "010",
        f"unbox(rs1) ^ unbox(rs2) & {_SIGN_S}",
        f"rs1 ^ rs2 & {_SIGN_D}",
    ),
    *_chosen("fmin", "00101", "000", "min"),
    *_chosen("fmax", "00101", "001", "max"),
    *_chosen("fle", "10100", "000", "le"),
    *_chosen("flt", "10100", "001", "lt"),
    *_chosen("feq", "10100", "010", "eq"),
    _rounded("fcvt.s.d", "0100000 00001", "AAAAA", "DDDDD", "d_to_s(rs1, imm)", extension="d"),
    _rounded("fcvt.d.s", "0100001 00000", "AAAAA", "DDDDD", "s_to_d(rs1, imm)", extension="d"),
    *_conversions(),
    *_MOVES,
)
