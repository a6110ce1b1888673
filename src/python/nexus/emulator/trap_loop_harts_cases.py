"""Guests on two harts that are caught in traps together, and guests of which one gets on."""

from __future__ import annotations

from typing import Final

from nexus.emulator.program_support import EXIT
from nexus.emulator.trap_loop_cases import VECTOR

# On two harts, of which at least one is stuck, and no hart is left to change that.
_SECOND: Final = "csrr t0, mhartid\nbnez t0, second\n"
STUCK_TOGETHER: Final = {
    "both-before-mtvec": "sd zero, 0(zero)",
    "the-first-while-the-second-waits": f"{_SECOND} sd zero, 0(zero)\nsecond: wfi\nj second",
    "the-second-while-the-first-waits": f"{_SECOND} first: wfi\nj first\nsecond: sd zero, 0(zero)",
    "the-first-while-the-second-waits-for-it": f"""{_SECOND}
        .word 0
        second: li t0, 8
        csrw mie, t0
        asleep: wfi
        j asleep""",
    "the-second-is-stuck-first": f"""{_SECOND}
        li t1, 20000
        work: addi t1, t1, -1
        bnez t1, work
        first: wfi
        j first
        second: sd zero, 0(zero)""",
    "both-with-a-handler-that-returns": f"{VECTOR} ld a0, 8(zero)\n.align 4\nhandler: mret",
}

# The first puts the code of the second in its place, and is stuck itself long after that.
_FREED_EARLY: Final = f"""{_SECOND}
        li t1, 20000
        work: addi t1, t1, -1
        bnez t1, work
        la t1, spot
        li t2, 0x13
        sw t2, 0(t1)
        li t1, 20000
        wait: addi t1, t1, -1
        bnez t1, wait
        sd zero, 0(zero)
        second: la t0, spot
        csrw mtvec, t0
        .align 4
        spot: .word 0
"""

# On two harts: one is stuck for a while, and the other helps it or ends the run.
FREE_TOGETHER: Final = {
    # The second is where the first has not put its code yet: a word of zeros is illegal.
    "code-comes-later": f"""{_SECOND}
        li t1, 20000
        work: addi t1, t1, -1
        bnez t1, work
        la t1, spot
        li t2, 0x13
        sw t2, 0(t1)
        asleep: wfi
        j asleep
        second: la t0, spot
        csrw mtvec, t0
        .align 4
        spot: .word 0
        li a0, 0
        {EXIT}""",
    # As above, but the first is stuck itself once it has put the code there.
    "code-comes-from-one-that-is-stuck-then": f"""{_SECOND}
        li t1, 20000
        work: addi t1, t1, -1
        bnez t1, work
        la t1, spot
        li t2, 0x13
        sw t2, 0(t1)
        sd zero, 0(zero)
        second: la t0, spot
        csrw mtvec, t0
        .align 4
        spot: .word 0
        li t1, 20000
        more: addi t1, t1, -1
        bnez t1, more
        li a0, 0
        {EXIT}""",
    # The second is freed, and has long to do, before the first is stuck.
    "the-one-that-was-freed-has-work": f"""{_FREED_EARLY}        li t1, 60000
        more: addi t1, t1, -1
        bnez t1, more
        li a0, 0
        {EXIT}""",
    # The second is freed and then waits for its timer, which the first knows nothing of.
    "the-one-that-was-freed-sleeps": f"""{_FREED_EARLY}        li t0, 0x02004008
        li t1, 20000
        sd t1, 0(t0)
        li t0, 0x80
        csrw mie, t0
        wfi
        li a0, 0
        {EXIT}""",
    "the-other-ends-the-run": f"""{_SECOND}
        li t1, 20000
        work: addi t1, t1, -1
        bnez t1, work
        li a0, 0
        {EXIT}
        second: sd zero, 0(zero)""",
    # A timer of the hart that waits is more than nothing.
    "a-timer-is-set": f"""{_SECOND}{VECTOR}
        li t0, 0x02004000
        li t1, 3000
        sd t1, 0(t0)
        li t0, 0x80
        csrw mie, t0
        li t0, 8
        csrw mstatus, t0
        first: wfi
        j first
        .align 4
        handler: li a0, 0
        {EXIT}
        second: sd zero, 0(zero)""",
}
