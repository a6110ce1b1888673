"""The setup of a guest before the measured loop: modes, handlers, page tables, devices."""

from __future__ import annotations

from typing import Final

OPEN: Final = """
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
"""

TO_SUPERVISOR: Final = """
    li t0, 0x1800
    csrc mstatus, t0
    li t0, 0x800
    csrs mstatus, t0
    la t0, lower
    csrw mepc, t0
    mret
lower:
"""

# Answers calls and faults: the instruction behind is the next one.
_HANDLER: Final = """
    j ready
.align 4
handler: csrr t6, {epc}
    addi t6, t6, 4
    csrw {epc}, t6
    addi s10, s10, 1
    {back}
ready:
    la t0, handler
    csrw {vector}, t0
"""
MACHINE_HANDLER: Final = _HANDLER.format(epc="mepc", back="mret", vector="mtvec")
SUPERVISOR_HANDLER: Final = _HANDLER.format(epc="sepc", back="sret", vector="stvec")

# Floating point is off until an instruction of it traps; that one is executed again.
FLOAT_ON_DEMAND: Final = """
    j ready
.align 4
handler: csrs mstatus, s1
    addi s10, s10, 1
    mret
ready:
    la t0, handler
    csrw mtvec, t0
    li s1, 0x6000
    csrc mstatus, s1
"""

# The first gigabyte of RAM as one page for supervisor mode, another for user mode at zero; ends
# by ebreak.
PAGED: Final = """
    li t1, 0x80008000
    li t0, 0x200000cf
    sd t0, 16(t1)
    li t0, 0x200000df
    sd t0, 0(t1)
    li t1, 0x80009000
    li t0, 0x200000cf
    sd t0, 16(t1)
    li t0, 0x200000df
    sd t0, 0(t1)
    li s3, 0x8000000000080008
    li s4, 0x8000000000080009
    csrw satp, s3
    li t0, 0xb1f7
    csrw medeleg, t0
    la t0, paged_end
    csrw mtvec, t0
    j paged
paged_end: csrw satp, zero
    j finish
paged:
"""
# User mode sees memory at zero.
TO_USER: Final = """
    li t0, 0x1800
    csrc mstatus, t0
    la t0, lower
    li t1, 0x80000000
    sub t0, t0, t1
    csrw mepc, t0
    mret
lower:
"""

SSTC: Final = """
    li t0, 0x8000000000000000
    csrw menvcfg, t0
    li t0, 7
    csrw mcounteren, t0
    csrw scounteren, t0
"""

PLIC: Final = """
    li t0, 0x0c000028
    li t1, 1
    sw t1, 0(t0)
    li t0, 0x0c002080
    li t1, 0x400
    sw t1, 0(t0)
    li s1, 0x0c201004
"""

FW_CFG: Final = """
    li s1, 0x10100000
    li t0, 0x1900
    sh t0, 8(s1)
"""

# The transmitter interrupts machine mode; t3 is a byte that no checksum has.
TRANSMITTER: Final = """
    li t0, 0x0c000028
    li t1, 1
    sw t1, 0(t0)
    li t0, 0x0c002000
    li t1, 0x400
    sw t1, 0(t0)
    li s1, 0x10000000
    li s2, 0x0c200004
    li t3, 10
    li t0, 2
    sb t0, 1(s1)
    li t0, 0x800
    csrw mie, t0
    j ready
.align 4
handler: lw t5, 0(s2)
    lbu t6, 2(s1)
    sw t5, 0(s2)
    addi s10, s10, 1
    mret
ready:
    la t0, handler
    csrw mtvec, t0
    csrrsi zero, mstatus, 8
"""

# A software interrupt is pending and enabled, and never taken.
PENDING: Final = """
    li t0, 0x02000000
    li t1, 1
    sw t1, 0(t0)
    li t0, 8
    csrw mie, t0
"""
