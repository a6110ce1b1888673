# The first instructions: a stack, zeroed memory, a way out of every trap, then C.

        .section .text.start, "ax"
        .globl _start
_start:
        la      sp, stack_top
        la      t0, trap_entry
        csrw    mtvec, t0

        la      t0, bss_start
        la      t1, bss_end
1:      bgeu    t0, t1, 2f
        sd      zero, 0(t0)
        addi    t0, t0, 8
        j       1b

2:      call    guest_main
3:      wfi
        j       3b

# This guest handles no interrupts, it only waits for them; so every trap is a mistake of its own.
        .balign 4
trap_entry:
        csrr    a0, mcause
        csrr    a1, mepc
        csrr    a2, mtval
        la      sp, stack_top
        call    guest_trap
4:      j       4b
