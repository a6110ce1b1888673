import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.emulator.isa.decode import BASE, COMPRESSED
from nexus.emulator.isa.encoding import Encoding, EncodingError, fixed_bits, parse
from nexus.emulator.isa.row import Compressed, Instruction

ENCODINGS = [
    *(pytest.param(row.encoding, 32, id=row.name) for row in BASE),
    *(pytest.param(row.encoding, 16, id=row.name) for row in COMPRESSED),
]


@pytest.mark.parametrize(("encoding", "width"), ENCODINGS)
def test_every_row_has_its_width_and_round_trips(encoding: Encoding, width: int) -> None:
    assert encoding.width == width
    covered = encoding.mask
    for _, shift, width, _ in encoding.registers:
        covered |= (1 << width) - 1 << shift
    for shift, width, _ in encoding.scatter:
        covered |= (1 << width) - 1 << shift
    for seed in (0, encoding.mask ^ covered, 0x5A5A5A5A & covered):
        word = encoding.match | seed & covered & ~encoding.mask
        assert encoding.insert(encoding.operands(word)) == word


@pytest.mark.parametrize("row", [*BASE, *COMPRESSED], ids=lambda row: row.name)
def test_a_decoder_finds_by_the_bits_that_are_parsed(row: Instruction | Compressed) -> None:
    assert fixed_bits(row.pattern) == (row.encoding.mask, row.encoding.match)


@given(st.integers(-(1 << 12), (1 << 12) - 2).map(lambda v: v & ~1))
def test_branch_immediates_round_trip(offset: int) -> None:
    branch = next(row for row in BASE if row.name == "beq").encoding
    assert branch.operands(branch.insert({"imm": offset}))["imm"] == offset


@pytest.mark.parametrize(
    ("pattern", "immediate"),
    [("0101", ""), ("ddddd qqq", ""), ("iiiii 00000000000", "5:0"), ("0" * 16, "1:0")],
)
def test_malformed_notation_is_refused(pattern: str, immediate: str) -> None:
    with pytest.raises(EncodingError):
        parse(pattern, immediate)


def test_operands_that_do_not_fit_are_refused() -> None:
    addi = next(row for row in BASE if row.name == "addi").encoding
    with pytest.raises(ValueError, match="imm=2048"):
        addi.insert({"imm": 2048})
    with pytest.raises(ValueError, match="rd=32"):
        addi.insert({"rd": 32})
