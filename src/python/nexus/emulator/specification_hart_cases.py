"""Questions about the hart and its clock: see `specification_cases`."""

from __future__ import annotations

from typing import Final

from nexus.emulator.specification_cases import Question

# -- Pending interrupts: privileged specification 3.1.9 -----------------------------------------

# The transmitter's interrupt holds up the supervisor's external line; then something happens to
# mip; then the line goes down, is claimed and completed.
_LINE_UP: Final = """
    li t0, 0x0c000028
    li t1, 1
    sw t1, 0(t0)
    li t0, 0x0c002080
    li t1, 0x400
    sw t1, 0(t0)
    li s2, 0x10000000
    li t1, 2
    sb t1, 1(s2)
    li s0, 0x200
    li s1, 2
"""
_LINE_DOWN: Final = """
    sb zero, 1(s2)
    li t2, 0x0c201004
    lw t3, 0(t2)
    sw t3, 0(t2)
    csrr s5, mip
"""


def _pending(name: str, change: str, shown: int, kept: int) -> Question:
    return Question(f"mip-{name}", _LINE_UP + change + _LINE_DOWN, (shown, kept))


_PENDING: Final = (
    _pending("clear-immediate", "csrrci s4, mip, 2", 0x280, 0x80),
    _pending("set-immediate", "csrrsi s4, mip, 2", 0x280, 0x82),
    _pending("clear", "csrrc s4, mip, s1", 0x280, 0x80),
    _pending("set", "csrrs s4, mip, s1", 0x280, 0x82),
    _pending("set-the-same-bit", "csrrs s4, mip, s0", 0x280, 0x280),
    _pending("clear-the-same-bit", "csrw mip, s0\n csrrc s4, mip, s0", 0x280, 0x80),
    _pending("write", "csrrw s4, mip, s1", 0x280, 0x82),
    _pending("read", "csrrs s4, mip, zero", 0x280, 0x80),
    _pending("set-in-sip", "li t0, 0x222\n csrw mideleg, t0\n csrrsi s4, sip, 2", 0x200, 0x82),
)


# -- The clock: 3.2.1 ---------------------------------------------------------------------------

_FAR: Final = 0x10_0000_0000


def _since(register: str, base: str = "s1") -> str:
    """Whether a clock reads at least `base` and at most 1.6 seconds more: then it becomes 0."""
    return f"sub {register}, {register}, {base}\n srli {register}, {register}, 24\n"


_CLOCK: Final = f"""
    li s0, 0x0200bff8
    li s3, 0x02004000
    li s1, {_FAR:#x}
"""
_READ_CLOCKS: Final = f"ld s4, 0(s0)\n csrr s5, time\n {_since('s4')} {_since('s5')}"
_TIMER_LINE: Final = "csrr {0}, mip\n andi {0}, {0}, {1}\n"

_TIME: Final = (
    Question("mtime-whole", f"{_CLOCK} sd s1, 0(s0)\n {_READ_CLOCKS}", (0, 0)),
    Question(
        "mtime-halves",
        f"""{_CLOCK}
        li s1, 0x1234500000
        li t1, 0x34500000
        sw t1, 0(s0)
        li t1, 0x12
        sw t1, 4(s0)
        {_READ_CLOCKS}
        lwu s6, 4(s0)
        lw s7, 0(s0)
        li t1, 0x34500000
        {_since("s7", "t1")}
        """,
        (0, 0, 0x12, 0),
    ),
    Question(
        "mtime-upper-half-alone",
        f"{_CLOCK} li t1, 0x10\n sw t1, 4(s0)\n {_READ_CLOCKS}",
        (0, 0),
    ),
    Question(
        "mtime-goes-back",
        f"{_CLOCK} sd s1, 0(s0)\n sd zero, 0(s0)\n li s1, 0\n {_READ_CLOCKS}",
        (0, 0),
    ),
    Question(
        "mtime-moves-the-machine-timer",
        f"""{_CLOCK}
        sd s1, 0(s3)
        {_TIMER_LINE.format("s4", 0x80)}
        sd s1, 0(s0)
        {_TIMER_LINE.format("s5", 0x80)}
        sd zero, 0(s0)
        {_TIMER_LINE.format("s6", 0x80)}
        """,
        (0, 0x80, 0),
    ),
    Question(
        "mtime-moves-the-supervisor-timer",
        f"""{_CLOCK}
        li t0, 1
        slli t0, t0, 63
        csrw menvcfg, t0
        csrw 0x14d, s1
        {_TIMER_LINE.format("s4", 0x20)}
        sd s1, 0(s0)
        {_TIMER_LINE.format("s5", 0x20)}
        """,
        (0, 0x20),
        qemu=(0, 0),
    ),
    Question(
        "a-set-clock-wakes",
        f"""{_CLOCK}
        sd s1, 0(s3)
        addi t1, s1, -500
        sd t1, 0(s0)
        li t1, 0x80
        csrw mie, t1
        wfi
        {_READ_CLOCKS}
        {_TIMER_LINE.format("s6", 0x80)}
        """,
        (0, 0, 0x80),
    ),
)

# -- The page walk: 4.3.2, and protection of what it writes: 3.7.1 ------------------------------

_READ_ONLY_TABLE: Final = """
    la t0, caught
    csrw mtvec, t0
    li s0, 0x80010000
    li t1, 0x200000cf
    sd t1, 16(s0)
    li t1, {entry:#x}
    sd t1, 8(s0)
    li t0, 0x200041ff
    csrw pmpaddr0, t0
    li t0, -1
    csrw pmpaddr1, t0
    li t0, {config:#x}
    csrw pmpcfg0, t0
    li t0, 0x8000000000080010
    csrw satp, t0
    li t0, 0x800
    csrw mstatus, t0
    la t0, lower
    csrw mepc, t0
    mret
lower:
    li s1, 0x40000000
    {access}
    ecall
    .align 4
caught:
    csrr s4, mcause
    csrr s5, mtval
    ld s6, 8(s0)
"""


def _walk(
    name: str, entry: int, access: str, answers: tuple[int, int, int], config: int = 0x1F19
) -> Question:
    """An access through a gigapage whose entry lies where PMP lets lower modes only read."""
    text = _READ_ONLY_TABLE.format(entry=entry, access=access, config=config)
    qemu = None
    if answers[0] in (1, 5, 7) and config == 0x1F19:
        bits = 0xC0 if answers[0] == 7 else 0x40
        # QEMU 7.2 looks up whether the walk may read the entry, and not whether it may write it.
        cause, value = (2, _FIRST_WORD) if answers[0] == 1 else (9, 0)
        qemu = (cause, value, entry | bits)
    return Question(f"walk-{name}", text, answers, qemu)


_PLACE: Final = 0x4000_0000
_FIRST_WORD: Final = 0x3052_9073  # Writes mtvec, which lower modes may not: so it was fetched.

_WALKS: Final = (
    _walk("load-sets-a", 0x2000_000F, "ld s2, 0(s1)", (5, _PLACE, 0x2000_000F)),
    _walk("store-sets-d", 0x2000_004F, "sd s2, 0(s1)", (7, _PLACE, 0x2000_004F)),
    _walk("store-sets-both", 0x2000_000F, "sd s2, 8(s1)", (7, _PLACE + 8, 0x2000_000F)),
    _walk("atomic-sets-d", 0x2000_004F, "amoadd.d s2, s2, (s1)", (7, _PLACE, 0x2000_004F)),
    _walk("reserve-sets-a", 0x2000_000F, "lr.d s2, (s1)", (5, _PLACE, 0x2000_000F)),
    _walk("fetch-sets-a", 0x2000_000F, "jr s1", (1, _PLACE, 0x2000_000F)),
    _walk("load-sets-nothing", 0x2000_004F, "ld s2, 0(s1)", (9, 0, 0x2000_004F)),
    _walk("store-sets-nothing", 0x2000_00CF, "lr.d s2, (s1)", (9, 0, 0x2000_00CF)),
    _walk("no-permission-comes-first", 0x2000_0003, "sd s2, 0(s1)", (15, _PLACE, 0x2000_0003)),
)

HART_QUESTIONS: Final = (*_PENDING, *_TIME, *_WALKS)

# Sets the clock to where it ends and wraps, with comparators on both sides, and lists every line
# that it sees in memory: what it sees must not depend on how its time is sliced.
WRAPPING_CLOCK: Final = f"""
    {_CLOCK}
    li t0, 1
    slli t0, t0, 63
    csrw menvcfg, t0
    li t0, -3
    csrw 0x14d, t0
    li t0, 4
    sd t0, 0(s3)
    li t0, -6
    sd t0, 0(s0)
    la s5, seen
    li s6, 40
look:
    csrr t0, mip
    sd t0, 0(s5)
    csrr t0, time
    sd t0, 8(s5)
    addi s5, s5, 16
    addi s6, s6, -1
    bnez s6, look
    li t0, -1
    sd t0, 0(s3)
    li t0, -5
    sd t0, 0(s0)
    li t0, 0x80
    csrw mie, t0
    wfi
    csrr s7, time
over:
    j over
.align 8
seen:
    .space 640
"""
