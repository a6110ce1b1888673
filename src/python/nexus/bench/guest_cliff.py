"""Guest programs that meet what slowed emulators down: one program for each cliff.

Some are the same code twice, once where everything is easy; their ratio is what counts.  The
others repeat one operation of a kernel, so that a rate of them stands for its cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nexus.bench.guest_setup import (
    FLOAT_ON_DEMAND,
    FW_CFG,
    MACHINE_HANDLER,
    OPEN,
    PAGED,
    PENDING,
    PLIC,
    SSTC,
    SUPERVISOR_HANDLER,
    TO_SUPERVISOR,
    TO_USER,
    TRANSMITTER,
)
from nexus.bench.guest_workload import Workload

OPERATIONS: Final = 16  # A round repeats its operation as often.
_STORM_ROUNDS: Final = 100_000  # Some tenths of a second on QEMU.
_MIX_ROUNDS: Final = 100_000

# Its operations are the steps that are counted, and on QEMU as many as time allows.
FAULTS: Final = "a fault at its own handler"

# A small kernel's setting: one range from zero, as high as the register goes.
_TOR: Final = """
    li t0, 0x3fffffffffffff
    csrw pmpaddr0, t0
    li t0, 0xf
    csrw pmpcfg0, t0
"""

# OpenSBI's setting: the CLINT and its own memory closed to lower modes, the rest open.
_FIRMWARE: Final = """
    li t0, 0x801fff
    csrw pmpaddr0, t0
    li t0, 0x20201fff
    csrw pmpaddr1, t0
    li t0, -1
    csrw pmpaddr2, t0
    li t0, 0x1f1818
    csrw pmpcfg0, t0
"""

# A locked word in the midst of memory that is never touched, and an open rest.
_LOCKED: Final = """
    li t0, 0x20100101
    csrw pmpaddr0, t0
    li t0, -1
    csrw pmpaddr1, t0
    li t0, 0x1f90
    csrw pmpcfg0, t0
"""

_MIX: Final = """
    li s0, 0x80900000
round: li t0, 512
mix: slli t1, t0, 3
    andi t1, t1, 0x7f8
    add t1, t1, s0
    ld t2, 0(t1)
    add t2, t2, t0
    sd t2, 0(t1)
    xor s10, s10, t2
    addi t0, t0, -1
    bnez t0, mix
    addi s11, s11, -1
    bnez s11, round
    j finish
"""

# Code at the beginning of a page, a table at its end or on another page.
_SHARED: Final = """
    la s0, table
    li s1, {distance}
    add s0, s0, s1
    j round
.align 12
round: li t0, 512
mix: slli t1, t0, 3
    andi t1, t1, 0x3f8
    add t1, t1, s0
    ld t2, 0(t1)
    add t2, t2, t0
    sd t2, 0(t1)
    xor s10, s10, t2
    addi t0, t0, -1
    bnez t0, mix
    addi s11, s11, -1
    bnez s11, round
    j finish
.align 8
table: .space 2048
"""


def _storm(
    setup: str, operation: str, end: str = "j finish", rounds: int = _STORM_ROUNDS
) -> Workload:
    """Rounds of one operation, after what it needs."""
    text = f"""
    {setup}
round:
    {operation * OPERATIONS}
    addi s11, s11, -1
    bnez s11, round
    {end}
    """
    return Workload(lambda: text, rounds, is_compute=False)


def _mix(setup: str, body: str = _MIX) -> Workload:
    """The same work under another setup."""
    return Workload(lambda: setup + body, _MIX_ROUNDS, is_compute=False)


# The handler of supervisor mode is nowhere, so each fetch of it traps again, until the timer of
# machine mode ends it: a round is a tick.
_FAULTS: Final = f"""
{OPEN}
    la t0, faults_end
    csrw mtvec, t0
    li t0, 0xb3ff
    csrw medeleg, t0
    csrw stvec, zero
    li t0, 0x0200bff8
    ld t1, 0(t0)
    add t1, t1, s11
    li t0, 0x02004000
    sd t1, 0(t0)
    li t0, 0x80
    csrw mie, t0
{TO_SUPERVISOR}
    jr zero
faults_end: j finish
"""

# As many bytes as operations, each in a block of its own: QEMU interrupts between blocks.
_BYTES: Final = f"""
{TRANSMITTER}
round: li t0, {OPERATIONS}
byte: sb t3, 0(s1)
    addi t0, t0, -1
    bnez t0, byte
    addi s11, s11, -1
    bnez s11, round
    sb zero, 1(s1)
    j finish
"""

_S: Final = OPEN + TO_SUPERVISOR
_DELEGATED: Final = "li t0, 0x222\n csrw mideleg, t0"

# Name of a cliff, and of the same code away from it.
PAIRS: Final[Mapping[str, str]] = {
    "TOR over everything": "open to supervisor mode",
    "a firmware's protection": "open to supervisor mode",
    "a locked word": "open to machine mode",
    "text and data in one page": "text and data apart",
}

CLIFFS: Final[Mapping[str, Workload]] = {
    "open to supervisor mode": _mix(_S),
    "open to machine mode": _mix(OPEN),
    "text and data apart": _mix("", _SHARED.format(distance=0x10000)),
    "TOR over everything": _mix(_TOR + TO_SUPERVISOR),
    "a firmware's protection": _mix(_FIRMWARE + TO_SUPERVISOR),
    "a locked word": _mix(_LOCKED),
    "text and data in one page": _mix("", _SHARED.format(distance=0)),
}

STORMS: Final[Mapping[str, Workload]] = {
    "sstatus": _storm(_S, "csrrci t0, sstatus, 2\n csrrsi t0, sstatus, 2\n"),
    "mstatus": _storm("", "csrrci t0, mstatus, 8\n csrrsi t0, mstatus, 8\n"),
    "sie": _storm(_DELEGATED + _S, "csrrsi t0, sie, 2\n csrrci t0, sie, 2\n"),
    "sip": _storm(_DELEGATED + _S, "csrrsi t0, sip, 2\n csrrci t0, sip, 2\n"),
    "mip and mie": _storm("li s1, 0x888", "csrr t0, mip\n csrw mie, s1\n csrw mie, zero\n"),
    "mhartid and cycle": _storm("", "csrr t0, mhartid\n csrr t1, cycle\n"),
    "stimecmp": _storm(
        SSTC + _S + "li s1, -1", "csrw 0x14d, s1\n addi s10, s10, 1\n", rounds=20_000
    ),
    "ecall and mret": _storm(OPEN + MACHINE_HANDLER + TO_SUPERVISOR, "ecall\n"),
    "ecall and sret": _storm(OPEN + PAGED + SUPERVISOR_HANDLER + TO_USER, "ecall\n", "ebreak\n"),
    "page fault and sret": _storm(
        OPEN + PAGED + SUPERVISOR_HANDLER + TO_SUPERVISOR + "li s1, 0x40000000",
        "lw t0, 0(s1)\n",
        "ebreak",
        40_000,
    ),
    FAULTS: Workload(lambda: _FAULTS, 500_000, is_compute=False),
    "a register that is not permitted": _storm(
        OPEN + MACHINE_HANDLER + TO_SUPERVISOR, "csrr t0, time\n"
    ),
    "floating point on demand": _storm(FLOAT_ON_DEMAND, "fadd.d f0, f1, f2\n csrc mstatus, s1\n"),
    "pmp of another task": _storm(
        OPEN + "li s1, 0x202001ff\n li s2, 0x202801ff\n li s3, 0x1c1f",
        "csrw pmpaddr1, s1\n csrw pmpcfg0, s3\n csrw pmpaddr1, s2\n csrw pmpcfg0, s3\n",
        rounds=10_000,
    ),
    "satp and sfence.vma": _storm(
        OPEN + PAGED + TO_SUPERVISOR,
        "csrw satp, s4\n sfence.vma zero, zero\n csrw satp, s3\n sfence.vma zero, zero\n",
        "ebreak",
        1500,  # QEMU forgets all of its translations each time.
    ),
    "mtime and mtimecmp": _storm(
        "li s1, 0x02004000\n li s2, 0x0200bff8\n li s3, -1",
        "ld t0, 0(s2)\n sd s3, 0(s1)\n",
        rounds=20_000,
    ),
    "plic claim and complete": _storm(PLIC, "lw t0, 0(s1)\n sw t0, 0(s1)\n"),
    "fw_cfg bytes": _storm(FW_CFG, "lbu t0, 0(s1)\n addi s10, s10, 1\n"),
    "uart: modem status, enabled interrupts": _storm(
        "li s1, 0x10000000", "lbu t0, 6(s1)\n lbu t0, 1(s1)\n"
    ),
    "uart: a byte, and its interrupt": Workload(lambda: _BYTES, 4000, is_compute=False),
    "virtio: interrupt status and acknowledgement": _storm(
        "li s1, 0x10003000\n li s2, 1", "lw t0, 0x60(s1)\n sw s2, 0x64(s1)\n"
    ),
    "rtc: the time": _storm("li s1, 0x101000", "lwu t0, 0(s1)\n lwu t1, 4(s1)\n"),
    "an access that no device answers": _storm(
        OPEN + MACHINE_HANDLER + "li s1, 0x18000000", "lw t0, 0(s1)\n", rounds=40_000
    ),
    "wfi with something pending": _storm(PENDING, "wfi\n", rounds=40_000),
    "misaligned across pages": _storm(
        "li s1, 0x80900ffd", "ld t0, 0(s1)\n addi t0, t0, 1\n sd t0, 0(s1)\n"
    ),
}
