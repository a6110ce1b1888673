"""Guests that are caught in traps, and guests that only look so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.emulator.guest_support import OPEN_PMP, PAGING, drop_to
from nexus.emulator.program_support import EXIT
from nexus.emulator.reference.chain import ENDLESS, LOOKS, PATIENT, WINDOW

RAM_BASE: Final = 0x8000_0000
# The exact rule needs the first look and two comparisons; loops over two handlers twice as long.
_SOON: Final = LOOKS[0] + WINDOW
VECTOR: Final = "la t0, handler\ncsrw mtvec, t0\n"
_STACK: Final = ".dword 0\n" * 128


@dataclass(frozen=True, slots=True)
class Stuck:
    """A guest that is stuck, the first trap of its chain, and the one it is caught in."""

    name: str
    text: str
    first: tuple[int, int]  # Cause and value.
    last: tuple[int, int]
    traps_max: int = _SOON


STUCK: Final = (
    Stuck("null-store-before-mtvec", "sd zero, 0(zero)", (7, 0), (1, 0)),
    Stuck("illegal-before-mtvec", ".word 0xf2000053", (2, 0xF200_0053), (1, 0)),
    Stuck("call-of-null", "jr zero", (1, 0), (1, 0)),
    Stuck("ecall-before-mtvec", "ecall", (11, 0), (1, 0)),
    Stuck(
        "handler-that-faults-at-its-start",
        f"{VECTOR} .word 0\n.align 4\nhandler: .word 0",
        (2, 0),
        (2, 0),
    ),
    Stuck(
        "handler-that-faults-later",
        f"{VECTOR} ld a0, 0(zero)\n.align 4\nhandler: csrr a1, mcause\nsd a1, 0(zero)\nmret",
        (5, 0),
        (7, 0),
    ),
    Stuck(
        "handler-that-calls-itself",
        f"{VECTOR} ebreak\n.align 4\nhandler: csrr a1, mepc\necall",
        (3, 0),
        (11, 0),
    ),
    Stuck(
        "handler-without-a-stack",
        f"""{VECTOR} li sp, 0
        ecall
        .align 4
        handler: addi sp, sp, -256
        sd ra, 0(sp)
        mret""",
        (11, 0),
        (7, -1),
    ),
    Stuck(
        "handler-that-faults-after-it-saved-registers",
        f"""{VECTOR} la sp, handler
        li t0, 0x40000
        add sp, sp, t0
        ecall
        .align 4
        handler: addi sp, sp, -64
        sd ra, 0(sp)
        sd s0, 8(sp)
        addi s0, sp, 64
        lw a0, 4(zero)
        mret""",
        (11, 0),
        (5, 4),
    ),
    Stuck(
        "return-to-the-fault",
        f"{VECTOR} ld a0, 8(zero)\n.align 4\nhandler: mret",
        (5, 8),
        (5, 8),
    ),
    Stuck(
        "return-to-the-call",
        f"{VECTOR} ecall\n.align 4\nhandler: csrr t1, mepc\ncsrw mepc, t1\nmret",
        (11, 0),
        (11, 0),
    ),
    Stuck(
        "two-handlers",
        f"""{VECTOR} .word 0
        .align 4
        handler: la t0, other
        csrw mtvec, t0
        .word 0
        .align 4
        other: la t0, handler
        csrw mtvec, t0
        ebreak""",
        (2, 0),
        (-1, 0),
    ),
    Stuck(
        "two-handlers-that-return-to-each-other",
        f"""{VECTOR} la s1, one
        la s2, two
        ebreak
        one: .word 0
        two: ebreak
        .align 4
        handler: csrw mepc, s1
        mv t1, s1
        mv s1, s2
        mv s2, t1
        li t1, 0
        mret""",
        (3, 0),
        (-1, 0),
    ),
    Stuck(
        "supervisor-without-stvec",
        f"""{VECTOR}{OPEN_PMP}
        li t0, 0xb1ff
        csrw medeleg, t0
        {drop_to(1, "super")}
        super: ld a0, 16(zero)
        .align 4
        handler: j handler""",
        (5, 16),
        (1, 0),
    ),
    Stuck(
        "supervisor-handler-that-is-not-mapped",
        f"""{OPEN_PMP}{PAGING}{VECTOR}
        li t0, 0xb1ff
        csrw medeleg, t0
        li t0, 0x5000
        csrw stvec, t0
        {drop_to(1, "super")}
        super: ecall
        ecall
        .align 4
        handler: mret""",
        (9, 0),
        (-1, -1),
    ),
    Stuck(
        "a-counter-in-the-handler",
        f"{VECTOR} .word 0\n.align 4\nhandler: addi s0, s0, 1\n.word 0",
        (2, 0),
        (2, 0),
        traps_max=ENDLESS,
    ),
    # The hart reads another value each time, so nothing repeats.
    Stuck(
        "a-handler-that-reads-the-cycles",
        f"{VECTOR} .word 0\n.align 4\nhandler: csrr a0, mcycle\n.word 0",
        (2, 0),
        (2, 0),
        traps_max=ENDLESS,
    ),
    # It notices that its stack is used up, and dies of that in itself.
    Stuck(
        "a-guard-of-the-stack-in-the-handler",
        f"""{VECTOR} la sp, stack
        ecall
        .align 4
        handler: addi sp, sp, -128
        sd ra, 0(sp)
        csrr a0, mcause
        la t0, guard
        bltu sp, t0, over
        ld a1, 8(zero)
        over: ebreak
        .align 8
        guard: .dword 0
        {_STACK}
        stack: .dword 0""",
        (11, 0),
        (-1, -1),
    ),
    Stuck(
        "a-timer-that-would-interrupt-the-code",
        f"""{VECTOR}{OPEN_PMP}
        li t0, 0x02004000
        li t1, -1
        sd t1, 0(t0)
        li t0, 0x80
        csrw mie, t0
        {drop_to(0, "user")}
        user: ld a0, 8(zero)
        .align 4
        handler: mret""",
        (5, 8),
        (5, 8),
        traps_max=PATIENT + WINDOW,
    ),
    # The same, where the handler restores a status: that lets nothing come into the handler.
    Stuck(
        "a-status-that-lets-interrupts-into-the-code-alone",
        f"""{VECTOR}{OPEN_PMP}
        li t0, 0x02004000
        li t1, -1
        sd t1, 0(t0)
        li t0, 0x80
        csrw mie, t0
        csrrsi zero, mstatus, 2
        {drop_to(1, "super")}
        super: ld a0, 8(zero)
        .align 4
        handler: csrr t0, mstatus
        csrw mstatus, t0
        mret""",
        (5, 8),
        (5, 8),
        traps_max=PATIENT + WINDOW,
    ),
    # It writes to lines that it never looks at.
    Stuck(
        "a-handler-that-clears-interrupts",
        f"{VECTOR} ebreak\n.align 4\nhandler: csrw mip, zero\nmret",
        (3, 0),
        (3, 0),
    ),
)

# These end by themselves, with code 0, whatever they look like.
FREE: Final = {
    # A kernel that repeats a call until a device has something to say.
    "waits-for-the-transmitter": f"""{VECTOR}{OPEN_PMP}
        li s0, 0x10000000
        li s1, 200
        {drop_to(0, "user")}
        user: ecall
        .align 4
        handler: lbu t0, 5(s0)
        addi s1, s1, -1
        bnez s1, back
        li a0, 0
        {EXIT}
        back: mret""",
    # Firmware that emulates instructions one after the other.
    "emulates": f"""{VECTOR} li s1, 100
        again: .word 0
        .word 0
        .word 0
        addi s1, s1, -1
        bnez s1, again
        li a0, 0
        {EXIT}
        .align 4
        handler: csrr t0, mepc
        addi t0, t0, 4
        csrw mepc, t0
        mret""",
    # A test of words that are not instructions, whose handler never returns.
    "tries-words": f"""{VECTOR} li s1, 5000
        next: .word 0
        .align 4
        handler: addi s1, s1, -1
        bnez s1, next
        li a0, 0
        {EXIT}""",
    # Memory that is given where it is touched, by one instruction in a loop.
    "pages-on-demand": f"""{OPEN_PMP}{PAGING}{VECTOR}
        {drop_to(1, "super")}
        super: li s4, 0
        li s5, 0x1000
        li s6, 100
        touch: add s4, s4, s5
        sd s6, 0(s4)
        addi s6, s6, -1
        bnez s6, touch
        ecall
        .align 4
        handler: csrr t0, mcause
        li t1, 9
        beq t0, t1, done
        csrr t0, mtval
        srli t0, t0, 9
        add t0, t0, s2
        ori t1, s3, 0xf
        sd t1, 0(t0)
        mret
        done: li a0, 0
        {EXIT}""",
    # Handlers that wait for a clock, and keep nothing of what they read.
    **{
        f"waits-for-{register}": f"""{VECTOR} ecall
        .align 4
        handler: csrr t0, {register}
        li t1, {end}
        bgeu t0, t1, done
        li t0, 0
        mret
        done: li a0, 0
        {EXIT}"""
        for register, end in (("time", 3000), ("mcycle", 30_000), ("minstret", 30_000))
    },
    # A handler that looks whether the timer's line is up; no interrupt is enabled.
    "waits-for-a-line": f"""{VECTOR} li t0, 0x02004000
        li t1, 3000
        sd t1, 0(t0)
        li t0, 0
        ecall
        .align 4
        handler: csrr t0, mip
        andi t0, t0, 0x80
        bnez t0, done
        mret
        done: li a0, 0
        {EXIT}""",
    # A handler that lets interrupts come for a moment, where the trapped code lets none.
    "lets-the-timer-come": f"""{VECTOR} li t0, 0x02004000
        li t1, 3000
        sd t1, 0(t0)
        li t0, 0x80
        csrw mie, t0
        li t0, 0
        ecall
        .align 4
        handler: csrr t0, mcause
        blt t0, zero, done
        csrr s1, mepc
        csrr s2, mstatus
        csrrsi zero, mstatus, 8
        csrw mstatus, s2
        csrw mepc, s1
        mret
        done: li a0, 0
        {EXIT}""",
    # The same, by the other gate: interrupts are on, and one is enabled for a moment.
    "enables-the-timer-for-a-moment": f"""{VECTOR} li t0, 0x02004000
        li t1, 3000
        sd t1, 0(t0)
        li s3, 0x80
        li t0, 0
        ecall
        .align 4
        handler: csrr t0, mcause
        blt t0, zero, done
        csrr s1, mepc
        csrr s2, mstatus
        csrrsi zero, mstatus, 8
        csrw mie, s3
        csrw mie, zero
        csrw mstatus, s2
        csrw mepc, s1
        mret
        done: li a0, 0
        {EXIT}""",
    # A thread that yields until the timer's interrupt ends it.
    "yields-until-the-timer": f"""{VECTOR}{OPEN_PMP}
        li t0, 0x02004000
        li t1, 3000
        sd t1, 0(t0)
        li t0, 0x80
        csrw mie, t0
        {drop_to(0, "user")}
        user: ecall
        .align 4
        handler: csrr t0, mcause
        blt t0, zero, tick
        mret
        tick: li a0, 0
        {EXIT}""",
}
