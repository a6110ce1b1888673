"""The guest program that is all system calls: user mode, two address spaces, a page remapped.

A user loop calls the supervisor, whose handler saves registers, changes the address space, now and
then rewrites a page table entry, and returns.  This is what a microkernel does all day.
"""

from __future__ import annotations

from typing import Final

# Roots at 0x80008000 and 0x80009000, one middle and one leaf table for both; user text is page
# 0x10 and user data page 0x11.  The two leaf entries alternate between two frames.
PAGING: Final = """
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    li t0, 0x100
    csrw medeleg, t0
    li t1, 0x80008000
    li t2, 0x80009000
    li t0, 0x200000cf
    sd t0, 16(t1)
    sd t0, 16(t2)
    li t0, 0x20002801
    sd t0, 0(t1)
    sd t0, 0(t2)
    li t1, 0x8000a000
    li t0, 0x20002c01
    sd t0, 0(t1)
    li t1, 0x8000b000
    li t0, 0x200040db
    sd t0, 128(t1)
    li t0, 0x200044d7
    sd t0, 136(t1)
    la t0, handler
    csrw stvec, t0
    la t0, trapped
    csrw mtvec, t0
    li t0, 0x8000c000
    csrw sscratch, t0
    li t1, 0x8000000000080008
    sd t1, 64(t0)
    li t1, 0x8000000000080009
    sd t1, 72(t0)
    csrw satp, t1
    li t0, 0x1800
    csrc mstatus, t0
    li t0, 0x10000
    csrw mepc, t0
    li s0, 0x11000
    mret
trapped: csrr s10, mcause
    j finish
.align 4
handler: csrrw sp, sscratch, sp
    sd ra, 0(sp)
    sd t0, 8(sp)
    sd t1, 16(sp)
    sd t2, 24(sp)
    sd a0, 32(sp)
    bnez a7, call
    csrw satp, zero
    j finish
call:
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    ld t0, 64(sp)
    ld t1, 72(sp)
    sd t1, 64(sp)
    sd t0, 72(sp)
    csrw satp, t0
    sfence.vma zero, zero
    andi t1, a0, 63
    bnez t1, same
    li t1, 0x8000b000
    ld t2, 136(t1)
    li t0, 0x800
    xor t2, t2, t0
    sd t2, 136(t1)
    sfence.vma zero, zero
same: ld ra, 0(sp)
    ld t0, 8(sp)
    ld t1, 16(sp)
    ld t2, 24(sp)
    ld a0, 32(sp)
    csrrw sp, sscratch, sp
    sret
.org 0x10000
user: ld t0, 0(s0)
    add t0, t0, s11
    sd t0, 0(s0)
    mv a0, s11
    li a7, 1
    ecall
    addi s11, s11, -1
    bnez s11, user
    li a7, 0
    ld s10, 0(s0)
    ecall
"""
