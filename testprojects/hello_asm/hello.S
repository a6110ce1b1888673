# Prints a line and switches the machine off.
        .section .text
        .globl _start
_start:
        la      a0, text
        li      a1, 0x10000000          # UART
1:      lbu     a2, 0(a0)
        beqz    a2, 2f
        sb      a2, 0(a1)
        addi    a0, a0, 1
        j       1b
2:      li      a0, 0x100000            # test finisher
        li      a1, 0x5555
        sw      a1, 0(a0)
3:      j       3b

        .section .rodata
text:   .asciz  "hello from assembly\n"
