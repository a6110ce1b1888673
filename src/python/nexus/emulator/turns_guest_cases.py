"""A guest for several harts: they count together, and wake each other in a ring."""

from __future__ import annotations

from typing import Final

from nexus.emulator.program_support import EXIT

ROUNDS: Final = 2000
COUNTERS: Final = 0x8000_8000

# Each hart adds to two counters, by lr and sc and by an atomic, until each has done its rounds.
# Then each sleeps until the one before it rings, and rings the next; hart 0 begins and ends it.


def ring(harts: int) -> str:
    """The source text for so many harts; the exit code is how far the counters are apart."""
    return f"""
    csrr s0, mhartid
    li s1, {COUNTERS}
    li s2, {ROUNDS}
    li s3, 0x2000000
count:
    lr.d t0, (s1)
    addi t0, t0, 1
    sc.d t1, t0, (s1)
    bnez t1, count
    addi t2, s1, 8
    li t3, 1
    amoadd.d zero, t3, (t2)
    addi s2, s2, -1
    bnez s2, count
    li t0, 8
    csrw mie, t0
    slli t0, s0, 2
    add s4, s3, t0
    addi s5, s4, 4
    li t0, {harts - 1}
    bne s0, t0, inner
    mv s5, s3
inner:
    li t1, 1
    bnez s0, sleep
    sw t1, 0(s5)
sleep:
    wfi
    lw t0, 0(s4)
    beqz t0, sleep
    sw zero, 0(s4)
    beqz s0, over
    sw t1, 0(s5)
asleep:
    wfi
    j asleep
over:
    ld a0, 0(s1)
    ld a1, 8(s1)
    sub a0, a0, a1
    {EXIT}
"""
