"""A hot loop for a debugger's stops: beside it a piece of its flow graph that never runs."""

from __future__ import annotations

from typing import Final

from nexus.bench.guest_workload import Workload
from nexus.emulator.memory import RAM_BASE

# The first instruction of what never runs, and one that each turn executes.
BESIDE: Final = RAM_BASE + 8
IN_LOOP: Final = RAM_BASE + 16
# A word of the page that the loop writes to, in which it never writes.
UNWRITTEN: Final = RAM_BASE + 0x100800

_SOURCE: Final = """
    j start
never: addi s10, s10, 7
    j turn
turn: addi s10, s10, 1
    ld t1, 0(s0)
    xor t1, t1, s10
    sd t1, 0(s0)
    blt s1, zero, never
    slli t2, s10, 3
    add s10, s10, t2
    srli t2, s10, 7
    xor s10, s10, t2
    addi s1, s1, -1
    bnez s1, turn
    addi s11, s11, -1
    bnez s11, again
    j finish
start: li s0, 0x80100000
again: li s1, 1000000
    j turn
"""
STOPS: Final = Workload(lambda: _SOURCE, rounds=60)
