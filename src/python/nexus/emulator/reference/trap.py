"""Exceptions and interrupts: causes, and the transfer of control to a handler."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from nexus.emulator.reference.state import (
    MACHINE,
    MCAUSE,
    MEDELEG,
    MEPC,
    MIDELEG,
    MIE,
    MIP_LINE,
    MIP_SOFT,
    MSTATUS,
    MTVAL,
    MTVEC,
    PC,
    PRIVILEGE,
    SCAUSE,
    SEPC,
    STVAL,
    STVEC,
    SUPERVISOR,
    State,
)

_ADDRESS: Final = (1 << 64) - 1

INTERRUPT: Final = 1 << 63

MSTATUS_SIE: Final = 1 << 1
MSTATUS_MIE: Final = 1 << 3
MSTATUS_SPIE: Final = 1 << 5
MSTATUS_MPIE: Final = 1 << 7
MSTATUS_SPP: Final = 1 << 8
MSTATUS_MPP: Final = 3 << 11
MSTATUS_FS: Final = 3 << 13  # Off, initial, clean, dirty.
MSTATUS_MPRV: Final = 1 << 17
MSTATUS_SUM: Final = 1 << 18
MSTATUS_MXR: Final = 1 << 19
MSTATUS_TVM: Final = 1 << 20
MSTATUS_TW: Final = 1 << 21
MSTATUS_TSR: Final = 1 << 22
MSTATUS_SD: Final = 1 << 63  # FS says dirty.
MENVCFG_STCE: Final = 1 << 63  # The supervisor has a timer of its own.

STIP: Final = 1 << 5

# Pending interrupts are taken in this order.
INTERRUPT_PRIORITY: Final = (11, 3, 7, 9, 1, 5)


class Cause(IntEnum):
    """Synchronous exception codes."""

    INSTRUCTION_ACCESS = 1
    ILLEGAL_INSTRUCTION = 2
    BREAKPOINT = 3
    LOAD_MISALIGNED = 4
    LOAD_ACCESS = 5
    STORE_MISALIGNED = 6
    STORE_ACCESS = 7
    ECALL_FROM_USER = 8
    INSTRUCTION_PAGE = 12
    LOAD_PAGE = 13
    STORE_PAGE = 15


class TrapError(Exception):
    """The instruction at pc cannot complete; no state but page-table A and D bits has changed."""

    def __init__(self, cause: int, value: int) -> None:
        super().__init__(cause, value)
        self.cause = cause
        self.value = value


def enter_trap(state: State, cause: int, value: int) -> None:
    """Transfer control from `pc` to the handler of `cause` (with INTERRUPT set, an interrupt)."""
    code = cause & 63
    is_interrupt = cause >= INTERRUPT
    privilege = state[PRIVILEGE]
    status = state[MSTATUS]
    delegated = state[MIDELEG if is_interrupt else MEDELEG] >> code & 1
    if delegated and privilege <= SUPERVISOR:
        state[SCAUSE], state[SEPC], state[STVAL] = cause, state[PC], value
        status = status & ~(MSTATUS_SPP | MSTATUS_SPIE) | privilege << 8
        status |= (status & MSTATUS_SIE) << 4
        state[MSTATUS] = status & ~MSTATUS_SIE
        state[PRIVILEGE] = SUPERVISOR
        vector = state[STVEC]
    else:
        state[MCAUSE], state[MEPC], state[MTVAL] = cause, state[PC], value
        status = status & ~(MSTATUS_MPP | MSTATUS_MPIE) | privilege << 11
        status |= (status & MSTATUS_MIE) << 4
        state[MSTATUS] = status & ~MSTATUS_MIE
        state[PRIVILEGE] = MACHINE
        vector = state[MTVEC]
    offset = 4 * code if is_interrupt and vector & 1 else 0
    state[PC] = (vector & ~3) + offset & _ADDRESS  # A table at the end of memory wraps.


def pending_interrupt(state: State) -> int | None:
    """The interrupt code that must be taken now, if any."""
    pending = (state[MIP_SOFT] | state[MIP_LINE]) & state[MIE]
    if not pending:
        return None
    privilege, status = state[PRIVILEGE], state[MSTATUS]
    delegated = state[MIDELEG]
    chosen = 0
    if privilege < MACHINE or status & MSTATUS_MIE:
        chosen = pending & ~delegated
    if not chosen and (
        privilege < SUPERVISOR or (privilege == SUPERVISOR and status & MSTATUS_SIE)
    ):
        chosen = pending & delegated
    for code in INTERRUPT_PRIORITY:
        if chosen >> code & 1:
            return code
    return None


def return_from_machine(state: State) -> None:
    """Do what mret does."""
    status = state[MSTATUS]
    privilege = status >> 11 & 3
    if privilege != MACHINE:
        status &= ~MSTATUS_MPRV
    status = status & ~(MSTATUS_MIE | MSTATUS_MPP) | (status & MSTATUS_MPIE) >> 4
    state[MSTATUS] = status | MSTATUS_MPIE
    state[PRIVILEGE] = privilege
    state[PC] = state[MEPC]


def return_from_supervisor(state: State) -> None:
    """Do what sret does."""
    status = state[MSTATUS]
    privilege = status >> 8 & 1
    status &= ~(MSTATUS_MPRV | MSTATUS_SIE | MSTATUS_SPP)
    status |= (state[MSTATUS] & MSTATUS_SPIE) >> 4
    state[MSTATUS] = status | MSTATUS_SPIE
    state[PRIVILEGE] = privilege
    state[PC] = state[SEPC]
