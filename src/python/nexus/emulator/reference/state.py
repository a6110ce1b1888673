"""The architectural state of a hart: one flat sequence of 64-bit words.

Both engines work on the same sequence (a list for the reference alone, a memory view when native
code shares it), so either can continue where the other stopped.  Indices 0..31 are x0..x31; the
rest follows here.  Derived data (translation caches, decoded code) is not state and lives
elsewhere.
"""

from __future__ import annotations

from typing import Final, Protocol

from nexus.emulator.isa.cpu import Cpu
from nexus.emulator.isa.encoding import FLOAT_BASE


class State(Protocol):
    """The sequence that holds the state of a hart: a list and a memory view both fit."""

    def __getitem__(self, index: int, /) -> int:
        """Read a word."""

    def __setitem__(self, index: int, value: int, /) -> None:
        """Write a word, a number in 0..2**64-1."""


SINK: Final = 32  # Where writes to x0 go.
PC: Final = 33
PRIVILEGE: Final = 34  # 0 user, 1 supervisor, 3 machine.
WAITING: Final = 35  # 1 after wfi until an enabled interrupt is pending.
STEPS: Final = 36  # Instructions executed, trapped ones included.
IDLE: Final = 37  # Ticks (10 ns) spent waiting.
MSTATUS: Final = 38
MIE: Final = 39
MIP_SOFT: Final = 40  # Interrupt bits that software wrote.
MIP_LINE: Final = 41  # Interrupt bits that devices and timers hold up.
MEDELEG: Final = 42
MIDELEG: Final = 43
MTVEC: Final = 44
MEPC: Final = 45
MCAUSE: Final = 46
MTVAL: Final = 47
MSCRATCH: Final = 48
MCOUNTEREN: Final = 49
MTIME_OFFSET: Final = 50  # The sum that writes to mtime added to the clock.
MENVCFG: Final = 51
STVEC: Final = 52
SEPC: Final = 53
SCAUSE: Final = 54
STVAL: Final = 55
SSCRATCH: Final = 56
SCOUNTEREN: Final = 57
SENVCFG: Final = 58
SATP: Final = 59
STIMECMP: Final = 60
RESERVED_ADDRESS: Final = 61  # The address of the last lr; all ones if none.
RESERVED_VALUE: Final = 62
CYCLE_OFFSET: Final = 63  # The sums that writes to mcycle and minstret added.
INSTRET_OFFSET: Final = 64
MTIMECMP: Final = 65
PMPCFG0: Final = 66
PMPCFG2: Final = 67
PMPADDR0: Final = 68  # 16 of them.
PMPADDR_COUNT: Final = 16
# The words up to here are what a guest can see, and what digests are made of.
VISIBLE_WORDS: Final = 84

# The chain of traps that the hart is in (see chain.py): what every engine counts ...
CHAIN_COUNT: Final = 84  # Traps in it so far.
CHAIN_TRAP_AT: Final = 85  # Tick of the last trap.
CHAIN_RETURN_AT: Final = 86  # Tick of the last return from a handler.
CHAIN_LOOK: Final = 87  # Count from which the reference looks at traps; 0: there is no way out.
CHAIN_PC: Final = 88  # The first trap: where, why, with which value, in which mode.
CHAIN_CAUSE: Final = 89
CHAIN_VALUE: Final = 90
CHAIN_MODE: Final = 91
# ... and what the look compares with: the hart at an earlier trap.
ANCHOR_AT: Final = 92  # Its tick.
ANCHOR_REST: Final = 93  # Hash of what is not below.
ANCHOR_MEMORY: Final = 94  # Hash of memory, once there was a reason to take it ...
ANCHOR_TRIES: Final = 95  # ... and how often that was so.
ANCHOR_NEAR: Final = 96  # Traps since then that differed by the stack pointer alone.
ANCHOR_OPEN: Final = 97  # Whether something could have changed the next instruction: see chain.py.
ANCHOR_WORDS: Final = 98  # x1..x31, mtval, stval, mscratch, sscratch.
ANCHOR_COUNT: Final = 35

# Floating point, and what else only some harts have.  Digests have these words where the hart has
# the F extension.
F0: Final = ANCHOR_WORDS + ANCHOR_COUNT  # f0 to f31.
FCSR: Final = F0 + 32  # Flags, and from bit 5 on the rounding mode.
TSELECT: Final = FCSR + 1
FLOAT_WORDS: Final = TSELECT + 1 - F0
# The kind of the hart: constant, from power-on on.
EXTENSIONS: Final = TSELECT + 1  # The mask of `isa/cpu.py`.
MISA: Final = EXTENSIONS + 1
HART: Final = MISA + 1  # Its number.
STATE_WORDS: Final = HART + 1
assert F0 == FLOAT_BASE, "decoded instructions number registers as the state does"

CHAIN_LOOK_FIRST: Final = 32

USER: Final = 0
SUPERVISOR: Final = 1
MACHINE: Final = 3

NO_RESERVATION: Final = (1 << 64) - 1
TIMER_NEVER: Final = (1 << 64) - 1

# mstatus: 64-bit S and U modes, read-only.
MSTATUS_RESET: Final = 0xA_0000_0000


def reset(state: State, entry: int, cpu: Cpu) -> None:
    """Put a hart into its reset state, about to execute `entry` in machine mode."""
    for index in range(STATE_WORDS):
        state[index] = 0
    state[PC] = entry
    state[PRIVILEGE] = MACHINE
    state[MSTATUS] = MSTATUS_RESET
    state[RESERVED_ADDRESS] = NO_RESERVATION
    state[CHAIN_LOOK] = CHAIN_LOOK_FIRST
    state[EXTENSIONS], state[MISA] = cpu.mask, cpu.misa
    state[STIMECMP] = TIMER_NEVER  # mtimecmp starts at zero instead, so MTIP is up: as on QEMU.
