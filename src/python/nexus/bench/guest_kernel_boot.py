"""The first half of `guest_kernel`: machine mode, the free list, page tables."""

from __future__ import annotations

from typing import Final

_TIMER_TICKS: Final = 100_000

# One TOR entry, delegation, a timer whose interrupts are passed on.
START: Final = f"""
    li t0, 0x3fffffffffffff
    csrw pmpaddr0, t0
    li t0, 0xf
    csrw pmpcfg0, t0
    li t0, 0xb3ff
    csrw medeleg, t0
    li t0, 0x222
    csrw mideleg, t0
    la t0, timer
    csrw mtvec, t0
    la t0, timer_area
    csrw mscratch, t0
    li t0, 0x0200bff8
    ld t1, 0(t0)
    li t0, {_TIMER_TICKS}
    add t1, t1, t0
    li t0, 0x02004000
    sd t1, 0(t0)
    li t0, 7
    csrw mcounteren, t0
    li t0, 0x80
    csrw mie, t0
    li t0, 0x222
    csrs mie, t0
    li t0, 0x800
    csrs mstatus, t0
    la t0, main
    csrw mepc, t0
    li sp, 0x80090000
    mret
.align 8
timer: csrrw a0, mscratch, a0
    sd a1, 0(a0)
    sd a2, 8(a0)
    li a1, 0x02004000
    ld a2, 0(a1)
    sd a3, 16(a0)
    li a3, {_TIMER_TICKS}
    add a2, a2, a3
    sd a2, 0(a1)
    li a1, 2
    csrs mip, a1
    ld a3, 16(a0)
    ld a2, 8(a0)
    ld a1, 0(a0)
    csrrw a0, mscratch, a0
    mret
.align 8
timer_area: .space 32
"""

# RAM_END stands for the end of memory.
MEMORY: Final = """
main: la a0, hello
    call print
    li s0, 0x80100000
    li s1, RAM_END
    li s2, 0
free: mv a0, s0
    call release
    li t0, 4096
    add s0, s0, t0
    bne s0, s1, free
    call allocate
    mv s11, a0
    li a0, 0x10000000
    li a1, 0x10009000
    call map
    li a0, 0x0c000000
    li a1, 0x0c400000
    call map
    li a0, 0x80000000
    li a1, RAM_END
    call map
    srli t0, s11, 12
    li t1, 8
    slli t1, t1, 60
    or t0, t0, t1
    sfence.vma zero, zero
    csrw satp, t0
    sfence.vma zero, zero
    la t0, vector
    csrw stvec, t0
    j devices
release: sd s2, 0(a0)
    mv s2, a0
    li t0, 0x0101010101010101
    addi t1, a0, 8
    li t2, 4096
    add t2, t2, a0
fill: sd t0, 0(t1)
    addi t1, t1, 8
    bne t1, t2, fill
    ret
allocate: mv a0, s2
    ld s2, 0(s2)
    mv t1, a0
    li t2, 4096
    add t2, t2, a0
clear: sd zero, 0(t1)
    addi t1, t1, 8
    bne t1, t2, clear
    ret
map: addi sp, sp, -32
    sd ra, 0(sp)
    sd s0, 8(sp)
    sd s1, 16(sp)
    mv s0, a0
    mv s1, a1
map_page: mv a0, s0
    call walk
    srli t0, s0, 12
    slli t0, t0, 10
    ori t0, t0, 0xcf
    sd t0, 0(a0)
    li t0, 4096
    add s0, s0, t0
    bne s0, s1, map_page
    ld s1, 16(sp)
    ld s0, 8(sp)
    ld ra, 0(sp)
    addi sp, sp, 32
    ret
walk: addi sp, sp, -32
    sd ra, 0(sp)
    sd s3, 8(sp)
    sd s4, 16(sp)
    sd s5, 24(sp)
    mv s3, a0
    mv s4, s11
    li s5, 30
level: srl t0, s3, s5
    andi t0, t0, 511
    slli t0, t0, 3
    add s4, s4, t0
    li t1, 12
    beq s5, t1, found
    ld t0, 0(s4)
    andi t1, t0, 1
    bnez t1, next
    call allocate
    srli t0, a0, 12
    slli t0, t0, 10
    ori t0, t0, 1
    sd t0, 0(s4)
next: srli s4, t0, 10
    slli s4, s4, 12
    addi s5, s5, -9
    j level
found: mv a0, s4
    ld s5, 24(sp)
    ld s4, 16(sp)
    ld s3, 8(sp)
    ld ra, 0(sp)
    addi sp, sp, 32
    ret
"""
