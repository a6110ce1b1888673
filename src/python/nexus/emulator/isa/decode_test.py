from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nexus.emulator.isa import bits, compressed, floating, integer, system
from nexus.emulator.isa.cpu import OPTIONAL, RV64IMAC
from nexus.emulator.isa.decode import BASE, BY_NAME, COMPRESSED, Decoded, decode, length_of
from nexus.emulator.isa.row import Compressed, Instruction

# The modules that hold rows, and the one optional extension that has none.
TABLES = (bits, compressed, floating, integer, system)
ROWS: tuple[Instruction | Compressed, ...] = (*BASE, *COMPRESSED)
PAGING = "sv48"


def is_encoded(word: int, name: str) -> bool:
    encoding = BY_NAME[name].encoding
    return word & encoding.mask == encoding.match


@given(st.integers(0, (1 << 32) - 1))
@example(0)
@example(0xFFFFFFFF)
def test_every_word_is_an_instruction_or_illegal(word: int) -> None:
    found = decode(word)
    assert found is None or found.length == length_of(word)
    assert found is None or found.length == 2 or is_encoded(word, found.name)


def test_every_half_word_is_an_instruction_or_illegal() -> None:
    halves = [decode(half) for half in range(1 << 16) if half & 3 != 3]
    for found in filter(None, halves):
        assert found.length == 2
        assert found.name in BY_NAME


def test_every_row_of_the_tables_is_decoded() -> None:
    tuples = [
        value for table in TABLES for value in vars(table).values() if isinstance(value, tuple)
    ]
    kinds = (Instruction, Compressed)
    rows = {row.name for rows in tuples for row in rows if isinstance(row, kinds)}
    assert rows == {row.name for row in ROWS}


def test_every_extension_has_rows_that_need_it() -> None:
    needed = {name for row in ROWS for name in row.requires}
    assert needed == {*OPTIONAL} - {PAGING}


def test_no_two_rows_claim_the_same_word_without_one_being_narrower() -> None:
    for encodings in ([row.encoding for row in BASE], [row.encoding for row in COMPRESSED]):
        for one, other in combinations(encodings, 2):
            common = one.mask & other.mask
            differ = one.match & common != other.match & common
            assert differ or one.mask != other.mask


# Words and their meaning as riscv64-unknown-elf-objdump (binutils 2.40) prints them.
@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (0x1141, Decoded("addi", 2, 2, 0, -16, 2)),  # c.addi sp,-16
        (0xE406, Decoded("sd", 0, 2, 1, 8, 2)),  # c.sdsp ra,8(sp)
        (0x60A2, Decoded("ld", 1, 2, 0, 8, 2)),  # c.ldsp ra,8(sp)
        (0x8082, Decoded("jalr", 0, 1, 0, 0, 2)),  # c.jr ra
        (0x4501, Decoded("addi", 10, 0, 0, 0, 2)),  # c.li a0,0
        (0x6785, Decoded("lui", 15, 0, 0, 4096, 2)),  # c.lui a5,0x1
        (0x7139, Decoded("addi", 2, 2, 0, -64, 2)),  # c.addi16sp sp,-64
        (0x1800, Decoded("addi", 8, 2, 0, 48, 2)),  # c.addi4spn s0,sp,48
        (0xB7ED, Decoded("jal", 0, 0, 0, -22, 2)),  # c.j .-22
        (0x852E, Decoded("add", 10, 0, 11, 0, 2)),  # c.mv a0,a1
        (0x9002, Decoded("ebreak", 0, 0, 0, 0, 2)),  # c.ebreak
        (0x8D89, Decoded("sub", 11, 11, 10, 0, 2)),  # c.sub a1,a0
        (0xFE010113, Decoded("addi", 2, 2, 0, -32, 4)),  # addi sp,sp,-32
        (0xFF5FF06F, Decoded("jal", 0, 0, 0, -12, 4)),  # j .-12
        (0x30200073, Decoded("mret", 0, 0, 0, 0, 4)),
        (0x1004A52F, Decoded("lr.w", 10, 9, 0, 0, 4)),  # lr.w a0,(s1)
        (0x00F7A7AF, Decoded("amoadd.w", 15, 15, 15, 0, 4)),  # amoadd.w a5,a5,(a5)
    ],
)
def test_a_known_word_is_decoded(word: int, expected: Decoded) -> None:
    assert decode(word) == expected


@pytest.mark.parametrize(
    "half",
    [
        pytest.param(0x0000, id="all zeros"),
        pytest.param(0x0010, id="c.addi4spn without a constant"),
        pytest.param(0x2001, id="c.addiw to x0"),
        pytest.param(0x6101, id="c.addi16sp of zero"),
        pytest.param(0x6281, id="c.lui of zero"),
        pytest.param(0x4002, id="c.lwsp to x0"),
        pytest.param(0x8002, id="c.jr to x0"),
        pytest.param(0x9C41, id="reserved arithmetic"),
        pytest.param(0x2000, id="c.fld, no floating point"),
    ],
)
def test_reserved_compressed_encodings_are_illegal(half: int) -> None:
    assert decode(half, RV64IMAC.mask) is None
