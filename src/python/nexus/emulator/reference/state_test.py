"""A hart after a reset, and what the words of its state say about a trap."""

from __future__ import annotations

import pytest

from nexus.emulator.isa.cpu import RV64IMAC
from nexus.emulator.reference import state as s
from nexus.emulator.reference.chain import Trap, last_trap

AFTER_RESET = {
    "PC": 0x8000_0000,
    "PRIVILEGE": 3,
    "MSTATUS": 0xA_0000_0000,
    "RESERVED_ADDRESS": (1 << 64) - 1,
    "CHAIN_LOOK": 32,
    "STIMECMP": (1 << 64) - 1,
}


def test_a_reset_leaves_nothing_of_an_earlier_life() -> None:
    state = [7] * s.STATE_WORDS
    s.reset(state, 0x8000_0000, RV64IMAC)
    expected = [0] * s.STATE_WORDS
    for name, value in AFTER_RESET.items():
        expected[getattr(s, name)] = value
    expected[s.EXTENSIONS], expected[s.MISA] = RV64IMAC.mask, RV64IMAC.misa
    assert list(state) == expected


@pytest.mark.parametrize("previous", [0, 1, 3])
def test_a_trap_into_machine_mode_came_from_mpp(previous: int) -> None:
    for others in (0, 0x100, 0x2080):
        state = trapped(3, previous << 11 | others)
        assert last_trap(state) == Trap(11, 12, 13, previous)


@pytest.mark.parametrize("previous", [0, 1])
def test_a_trap_into_supervisor_mode_came_from_spp(previous: int) -> None:
    for others in (0, 0x1800, 0x280):
        state = trapped(1, previous << 8 | others)
        assert last_trap(state) == Trap(21, 22, 23, previous)


def trapped(privilege: int, status: int) -> list[int]:
    state = [0] * s.STATE_WORDS
    state[s.PRIVILEGE], state[s.MSTATUS] = privilege, status
    state[s.MEPC], state[s.MCAUSE], state[s.MTVAL] = 11, 12, 13
    state[s.SEPC], state[s.SCAUSE], state[s.STVAL] = 21, 22, 23
    return state
