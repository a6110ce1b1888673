"""The order of interrupts, the mode that takes each, and the state that a trap keeps."""

from __future__ import annotations

from itertools import combinations

import pytest

from nexus.emulator.reference import state as s
from nexus.emulator.reference.trap import (
    INTERRUPT,
    MSTATUS_MIE,
    MSTATUS_SIE,
    enter_trap,
    pending_interrupt,
)

# The privileged specification, 3.1.9: external, software, timer; machine's before supervisor's.
ORDER = (11, 3, 7, 9, 1, 5)
DELEGATED = (9, 1, 5)


def make(*, pending: int, enabled: int = 0xAAA, delegated: int = 0) -> list[int]:
    state = [0] * s.STATE_WORDS
    state[s.MIP_SOFT], state[s.MIE], state[s.MIDELEG] = pending, enabled, delegated
    state[s.PRIVILEGE], state[s.MSTATUS] = s.MACHINE, MSTATUS_MIE
    return state


def bits(*codes: int) -> int:
    return sum(1 << code for code in codes)


@pytest.mark.parametrize("pair", combinations(ORDER, 2))
def test_of_two_the_first_is_taken_and_then_the_other(pair: tuple[int, int]) -> None:
    state = make(pending=bits(*pair))
    assert pending_interrupt(state) == pair[0]
    state[s.MIP_SOFT] = bits(pair[1])
    assert pending_interrupt(state) == pair[1]


@pytest.mark.parametrize("pair", combinations(DELEGATED, 2))
def test_the_same_order_among_those_of_the_supervisor(pair: tuple[int, int]) -> None:
    state = make(pending=bits(*pair), delegated=bits(*DELEGATED))
    state[s.PRIVILEGE], state[s.MSTATUS] = s.SUPERVISOR, MSTATUS_SIE
    assert pending_interrupt(state) == pair[0]


@pytest.mark.parametrize(
    ("privilege", "status", "machine", "supervisor"),
    [
        (s.MACHINE, 0, False, False),
        (s.MACHINE, MSTATUS_SIE, False, False),
        (s.MACHINE, MSTATUS_MIE, True, False),
        (s.SUPERVISOR, 0, True, False),
        (s.SUPERVISOR, MSTATUS_MIE, True, False),
        (s.SUPERVISOR, MSTATUS_SIE, True, True),
        (s.USER, 0, True, True),
    ],
)
def test_a_mode_below_is_always_interruptible_one_above_never(
    privilege: int, status: int, machine: bool, supervisor: bool
) -> None:
    for code, is_taken in ((7, machine), (5, supervisor)):
        state = make(pending=bits(code), delegated=bits(*DELEGATED))
        state[s.PRIVILEGE], state[s.MSTATUS] = privilege, status
        assert pending_interrupt(state) == (code if is_taken else None)


def test_what_is_not_enabled_does_not_come_whether_it_is_a_line_or_not() -> None:
    for field in (s.MIP_SOFT, s.MIP_LINE):
        state = make(pending=0, enabled=bits(7))
        state[field] = bits(11, 5)
        assert pending_interrupt(state) is None
        state[field] |= bits(7)
        assert pending_interrupt(state) == 7


@pytest.mark.parametrize("vector", [0x8000_0000, 0x8000_0001])
@pytest.mark.parametrize("cause", [2, INTERRUPT | 5])
def test_a_table_of_vectors_is_for_interrupts_alone(vector: int, cause: int) -> None:
    state = make(pending=0)
    state[s.MTVEC] = vector
    enter_trap(state, cause, 0)
    is_vectored = vector & 1 and cause >= INTERRUPT
    assert state[s.PC] == (0x8000_0014 if is_vectored else 0x8000_0000)


def test_a_trap_in_machine_mode_is_never_delegated() -> None:
    state = make(pending=0)
    state[s.MEDELEG], state[s.PC] = 1 << 2, 0x8000_0040
    enter_trap(state, 2, 7)
    assert (state[s.MCAUSE], state[s.MEPC], state[s.MTVAL]) == (2, 0x8000_0040, 7)
    assert (state[s.SCAUSE], state[s.PRIVILEGE]) == (0, s.MACHINE)
    for privilege in (s.SUPERVISOR, s.USER):
        state[s.PRIVILEGE] = privilege
        enter_trap(state, 2, 9)
        assert (state[s.SCAUSE], state[s.STVAL], state[s.PRIVILEGE]) == (2, 9, s.SUPERVISOR)
        assert state[s.MSTATUS] >> 8 & 1 == privilege
