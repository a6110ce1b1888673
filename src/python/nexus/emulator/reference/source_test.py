"""Both shapes that are generated from a row must mean the same, and mean what the manual says."""

from types import FunctionType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.emulator.isa.decode import BASE, Decoded
from nexus.emulator.isa.python_source import NAMESPACE
from nexus.emulator.isa.row import IMM_SHAMT32, IMM_SHAMT64
from nexus.emulator.isa.semantics import semantics_of
from nexus.emulator.reference import state as s
from nexus.emulator.reference.entry import step_operands
from nexus.emulator.reference.source import block_code, step_function

M64 = (1 << 64) - 1
MIN64 = 1 << 63
MIN32 = 0xFFFF_FFFF_8000_0000

WORDS = st.one_of(
    st.integers(0, M64),
    st.sampled_from([0, 1, M64, MIN64, MIN64 - 1, 1 << 31, (1 << 31) - 1, MIN32, 1 << 32]),
)
PLAIN = [row.name for row in BASE if semantics_of(row.name).is_plain]


def run_step(it: Decoded, state: list[int], pc: int) -> int:
    return step_function(it.name)(None, state, *step_operands(it), pc)


def run_block(it: Decoded, state: list[int], pc: int) -> int:
    code = block_code((it,))
    reached: int = FunctionType(code, {**NAMESPACE, "BailError": KeyError})(pc, state)
    return reached


def machine_state(rs1: int, rs2: int) -> list[int]:
    state = [0] * s.STATE_WORDS
    state[5], state[6] = rs1, rs2
    return state


@pytest.mark.parametrize(
    ("name", "rs1", "rs2", "expected"),
    [
        ("add", M64, 2, 1),
        ("sub", 0, 1, M64),
        ("slt", M64, 0, 1),
        ("sltu", M64, 0, 0),
        ("sll", 1, 64 + 63, MIN64),
        ("sra", MIN64, 63, M64),
        ("srl", MIN64, 63, 1),
        ("addw", 0x7FFF_FFFF, 1, MIN32),
        ("subw", 0, 1, M64),
        ("sllw", 1, 31, MIN32),
        ("srlw", MIN32, 31, 1),
        ("sraw", MIN32, 31, M64),
        ("mul", MIN64, 2, 0),
        ("mulh", M64, M64, 0),
        ("mulhu", M64, M64, M64 - 1),
        ("mulhsu", M64, M64, M64),
        ("mulw", 0x10000, 0x8000, MIN32),
        ("div", MIN64, M64, MIN64),
        ("div", 7, 0, M64),
        ("div", -7 & M64, 2, -3 & M64),
        ("divu", 7, 0, M64),
        ("rem", MIN64, M64, 0),
        ("rem", -7 & M64, 2, M64),
        ("rem", 7, 0, 7),
        ("remu", 7, 0, 7),
        ("divw", MIN32, M64, MIN32),
        ("divw", 1, 0, M64),
        ("divuw", 1, 0, M64),
        ("remw", MIN32, M64, 0),
        ("remw", 0x8000_0000, 0, MIN32),
        ("remuw", 0xFFFF_FFFF, 0, M64),
    ],
)
def test_a_step_and_a_block_compute_the_same_result(
    name: str, rs1: int, rs2: int, expected: int
) -> None:
    for run in (run_step, run_block):
        state = machine_state(rs1, rs2)
        assert run(Decoded(name, 7, 5, 6, 0, 4), state, 0x8000_0000) == 0x8000_0004
        assert state[7] == expected, run.__name__


@pytest.mark.parametrize(
    ("name", "rs1", "rs2", "is_taken"),
    [
        ("beq", 1, 1, True),
        ("bne", 1, 1, False),
        ("blt", M64, 0, True),
        ("bge", M64, 0, False),
        ("bltu", M64, 0, False),
        ("bgeu", M64, 0, True),
    ],
)
def test_a_step_and_a_block_take_the_same_branch(
    name: str, rs1: int, rs2: int, is_taken: bool
) -> None:
    for run in (run_step, run_block):
        reached = run(Decoded(name, 0, 5, 6, -16, 4), machine_state(rs1, rs2), 0)
        assert reached == (-16 & M64 if is_taken else 4)


def test_jalr_reads_its_base_before_it_links() -> None:
    for run in (run_step, run_block):
        state = machine_state(0x1235, 0)
        assert run(Decoded("jalr", 5, 5, 0, 2, 4), state, 0x100) == 0x1236
        assert state[5] == 0x104


@pytest.mark.parametrize("name", PLAIN)
def test_a_step_and_a_block_agree_on_registers_that_are_zero_for_ever(name: str) -> None:
    """In a block such a register is a constant of the source."""
    it = Decoded(name, 7, 0, 0, 0, 4)
    stepped, blocked = machine_state(0, 0), machine_state(0, 0)
    assert run_step(it, stepped, 0) == run_block(it, blocked, 0)
    assert stepped == blocked


# Immediates that are not numbers of 12 bits: an amount to shift by, as its row says; a way to go.
AMOUNTS = {IMM_SHAMT64: 63, IMM_SHAMT32: 31}
MASKS = {
    **{row.name: AMOUNTS[row.immediate] for row in BASE if row.immediate in AMOUNTS},
    **dict.fromkeys(("jal", "beq"), ~1),
}


@given(
    st.sampled_from(PLAIN),
    WORDS,
    WORDS,
    st.sampled_from([0, 5, 7]),
    st.sampled_from([0, 5]),
    st.sampled_from([0, 6]),
    st.integers(-2048, 2047),
    WORDS.map(lambda pc: pc & ~1),
    st.sampled_from([2, 4]),
)
def test_step_and_block_agree(
    name: str, a: int, b: int, rd: int, rs1: int, rs2: int, imm: int, pc: int, length: int
) -> None:
    it = Decoded(name, rd, rs1, rs2, imm & MASKS.get(name, -1), length)
    stepped, blocked = machine_state(a, b), machine_state(a, b)
    assert run_step(it, stepped, pc) == run_block(it, blocked, pc)
    stepped[s.SINK] = 0  # Scratch, never read.
    assert stepped == blocked
    assert all(0 <= word <= M64 for word in stepped)
