"""Every row is in the language, and what is not in it names its row."""

import pytest

from nexus.emulator.isa.decode import BASE
from nexus.emulator.isa.semantics import SemanticsError, parse_semantics, semantics_of
from nexus.emulator.isa.statement import (
    PC_RELATIVE,
    Assign,
    Binary,
    Branch,
    Condition,
    Constant,
    Extend,
    Load,
    Name,
    Operator,
    Relation,
)


@pytest.mark.parametrize("name", [row.name for row in BASE])
def test_every_row_is_parsed(name: str) -> None:
    assert semantics_of(name).statements


def test_rows_become_statements() -> None:
    assert semantics_of("addi").statements == (
        Assign("rd", Binary(Operator.ADD, Name("rs1"), Name("imm"))),
    )
    assert semantics_of("lw").statements == (
        Load(Binary(Operator.ADD, Name("rs1"), Name("imm")), 4, Extend.SIGN),
    )
    test = Condition(Relation.LESS_SIGNED, Name("rs1"), Name("rs2"))
    assert semantics_of("blt").statements == (Branch(test, PC_RELATIVE),)


def test_what_a_row_does_is_known_from_its_statements() -> None:
    assert semantics_of("jal").is_jump
    assert semantics_of("jal").is_relative
    assert not semantics_of("jalr").is_relative
    assert semantics_of("mret").is_system
    assert semantics_of("lr.w").is_atomic
    assert semantics_of("lr.w").writes_rd
    assert not semantics_of("sw").writes_rd
    assert not semantics_of("sw").is_plain


def test_negative_constants_are_numbers() -> None:
    assert parse_semantics("x", "rd = -2").statements == (Assign("rd", Constant(-2)),)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("rd = rs1 / rs2", "rs1 / rs2"),
        ("rd = load_u3(rs1)", "load_u3(rs1)"),
        ("rd = bit(rs1)", "rs1"),
        ("t = load_u4(rs1)", "load_u4(rs1)"),
        ("rd = mulh(rs1, rs2, extra=1)", "mulh(rs1, rs2, extra=1)"),
        ("store_8(rs1)", "store_8(rs1)"),
        ("rd += 1", "rd += 1"),
        ("rd = atomic_2(rs1, rs2, old)", "atomic_2(rs1, rs2, old)"),
        ("branch(rs1 < rs2 < imm, pc)", "rs1 < rs2 < imm"),
        ("rd = (", "was never closed"),
        ("rd = mulh(rs1)", "mulh(rs1)"),
        ("rd = ctz(rs1, rs2)", "ctz(rs1, rs2)"),
        ("rd = rs1 + rs4", "'rs4' has no value here"),
        ("rd = t; t = rs1", "'t' has no value here"),
        ("rd = rs1; jump(rd)", "'rd' has no value here"),
        ("rd = old", "'old' has no value here"),
    ],
)
def test_an_unknown_form_names_its_row(text: str, quoted: str) -> None:
    with pytest.raises(SemanticsError, match=r"^row example: ") as raised:
        parse_semantics("example", text)
    assert quoted in str(raised.value)
