"""A small foreign kernel: what teaching kernels do from reset to their prompt.

Machine mode opens memory by one TOR entry, takes timer interrupts from the CLINT and passes them
on.  Supervisor mode fills its free list page by page, maps memory by 4 KiB pages, turns paging on,
reads a disk by interrupts of the PLIC, serves calls of a user program, and prints a prompt.
"""

from __future__ import annotations

from typing import Final

from nexus.bench.guest_kernel_boot import MEMORY, START
from nexus.bench.guest_workload import Workload
from nexus.emulator.memory import RAM_BASE

DISK_BYTES: Final = 1 << 20
PROMPT: Final = b"$ \n"

_BLOCKS: Final = 64

# The disk is in slot 2: rings at 0x80080000, a request at 0x80084000, its data at 0x80085000.
_DEVICES: Final = f"""
devices: li t0, 0x0c00000c
    li t1, 1
    sw t1, 0(t0)
    li t0, 0x0c002080
    li t1, 8
    sw t1, 0(t0)
    li t0, 0x0c201000
    sw zero, 0(t0)
    li s3, 0x10003000
    sw zero, 0x70(s3)
    li t0, 3
    sw t0, 0x70(s3)
    sw zero, 0x24(s3)
    sw zero, 0x20(s3)
    li t0, 1
    sw t0, 0x24(s3)
    sw t0, 0x20(s3)
    li t0, 11
    sw t0, 0x70(s3)
    sw zero, 0x30(s3)
    li t0, 8
    sw t0, 0x38(s3)
    li s4, 0x80080000
    sw s4, 0x80(s3)
    sw zero, 0x84(s3)
    li t0, 0x80081000
    sw t0, 0x90(s3)
    sw zero, 0x94(s3)
    li t0, 0x80082000
    sw t0, 0xa0(s3)
    sw zero, 0xa4(s3)
    li t0, 1
    sw t0, 0x44(s3)
    li t0, 15
    sw t0, 0x70(s3)
    li s5, 0x80084000
    li s6, 0x80085000
    sd s5, 0(s4)
    li t0, 0x0001000100000010
    sd t0, 8(s4)
    sd s6, 16(s4)
    li t0, 0x0002000300001000
    sd t0, 24(s4)
    addi t0, s5, 16
    sd t0, 32(s4)
    li t0, 0x0000000200000001
    sd t0, 40(s4)
    li s7, 0
read: sd zero, 0(s5)
    slli t0, s7, 3
    sd t0, 8(s5)
    li t1, 0x80081000
    andi t0, s7, 7
    slli t0, t0, 1
    add t0, t0, t1
    sh zero, 4(t0)
    addi s7, s7, 1
    fence
    sh s7, 2(t1)
    sw zero, 0x50(s3)
    li t1, 0x80082000
wait: csrrci zero, sstatus, 2
    lhu t0, 2(t1)
    beq t0, s7, done
    wfi
    csrrsi zero, sstatus, 2
    j wait
done: csrrsi zero, sstatus, 2
    ld t0, 0(s6)
    add s10, s10, t0
    li t0, {_BLOCKS}
    bne s7, t0, read
    j user
"""

_TRAPS: Final = """
.align 8
vector: addi sp, sp, -128
    sd ra, 0(sp)
    sd t0, 8(sp)
    sd t1, 16(sp)
    sd t2, 24(sp)
    sd a0, 32(sp)
    sd a1, 40(sp)
    sd t3, 48(sp)
    sd t4, 56(sp)
    sd t5, 64(sp)
    sd t6, 72(sp)
    sd a2, 80(sp)
    sd a3, 88(sp)
    csrr t0, scause
    bge t0, zero, call_from_user
    andi t0, t0, 15
    li t1, 9
    beq t0, t1, external
    csrrci zero, sip, 2
    la t0, ticks
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    j back
external: li t0, 0x0c201004
    lw t1, 0(t0)
    beqz t1, back
    li t2, 0x10003000
    lw t3, 0x60(t2)
    sw t3, 0x64(t2)
    sw t1, 0(t0)
    j back
call_from_user: li t1, 8
    bne t0, t1, finish
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    beqz a7, prompt
    addi s10, s10, 1
back: ld ra, 0(sp)
    ld t0, 8(sp)
    ld t1, 16(sp)
    ld t2, 24(sp)
    ld a0, 32(sp)
    ld a1, 40(sp)
    ld t3, 48(sp)
    ld t4, 56(sp)
    ld t5, 64(sp)
    ld t6, 72(sp)
    ld a2, 80(sp)
    ld a3, 88(sp)
    addi sp, sp, 128
    sret
print: li t1, 0x10000000
print_next: lbu t0, 0(a0)
    beqz t0, print_end
print_wait: lbu t2, 5(t1)
    andi t2, t2, 0x20
    beqz t2, print_wait
    sb t0, 0(t1)
    addi a0, a0, 1
    j print_next
print_end: ret
"""

# The user's page is a copy, mapped for the user at 0x1000.
_USER: Final = """
user: li a0, 0x1000
    call walk
    mv s8, a0
    call allocate
    la t0, program
    li t2, 64
copy: ld t1, 0(t0)
    sd t1, 0(a0)
    addi t0, t0, 8
    addi a0, a0, 8
    addi t2, t2, -8
    bnez t2, copy
    addi a0, a0, -64
    srli t0, a0, 12
    slli t0, t0, 10
    ori t0, t0, 0xdb
    sd t0, 0(s8)
    sfence.vma zero, zero
    li t0, 0x100
    csrrc zero, sstatus, t0
    li t0, 0x20
    csrrs zero, sstatus, t0
    li t0, 0x1000
    csrw sepc, t0
    sret
.align 8
program: li a7, 1
    li s9, 2000
again: ecall
    addi s9, s9, -1
    bnez s9, again
    li a7, 0
    ecall
.align 64
.space 64
prompt: la a0, shell
    call print
    li a1, 0x100000
    li a3, 0x5555
    csrw satp, zero
    sw a3, 0(a1)
prompt_wait: j prompt_wait
hello: .byte 98, 111, 111, 116, 10, 0
shell: .byte 36, 32, 10, 0
.align 8
ticks: .dword 0
"""


def kernel_text(ram_bytes: int) -> str:
    """The program for a machine with so much memory; it fills all of it."""
    memory = MEMORY.replace("RAM_END", str(RAM_BASE + ram_bytes))
    return START + memory + _DEVICES + _TRAPS + _USER


KERNEL: Final = Workload(lambda: kernel_text(64 << 20), 1, is_compute=False)
