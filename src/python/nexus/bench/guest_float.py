"""Linear algebra in double precision: a matrix is multiplied by another, and normalised, for ever.

32 by 32 numbers, in the order that a compiler makes of three nested loops: the inner one loads two
numbers, adds a product and stores the sum.  Then the sum of squares, a root, and 1,024 divisions.
"""

from __future__ import annotations

from typing import Final

LINEAR_ALGEBRA: Final = """
    li t0, 0x6000
    csrs mstatus, t0
    li s0, 0x80100000
    li s1, 0x80102000
    li s2, 0x80104000
    li t0, 2048
    mv t1, s0
    li t2, 12345
    li t3, 6364136223846793005
    li t5, 0x7fffffff
    fcvt.d.l ft0, t5
fill: mul t2, t2, t3
    addi t2, t2, 1442
    srli t4, t2, 33
    fcvt.d.l fa0, t4
    fdiv.d fa0, fa0, ft0
    fsd fa0, 0(t1)
    addi t1, t1, 8
    addi t0, t0, -1
    bnez t0, fill
round: mv t0, s2
    li t1, 1024
    fmv.d.x fa5, zero
clear: fsd fa5, 0(t0)
    addi t0, t0, 8
    addi t1, t1, -1
    bnez t1, clear
    li a0, 0
row: slli a3, a0, 8
    add a3, a3, s0
    slli a4, a0, 8
    add a4, a4, s2
    li a1, 0
term: slli t0, a1, 3
    add t0, t0, a3
    fld fa1, 0(t0)
    slli t1, a1, 8
    add t1, t1, s1
    mv t2, a4
    li a2, 32
column: fld fa2, 0(t1)
    fld fa3, 0(t2)
    fmadd.d fa3, fa1, fa2, fa3
    fsd fa3, 0(t2)
    addi t1, t1, 8
    addi t2, t2, 8
    addi a2, a2, -1
    bnez a2, column
    addi a1, a1, 1
    li t3, 32
    bne a1, t3, term
    addi a0, a0, 1
    bne a0, t3, row
    fmv.d.x fa4, zero
    mv t0, s2
    li t1, 1024
square: fld fa0, 0(t0)
    fmul.d fa0, fa0, fa0
    fadd.d fa4, fa4, fa0
    addi t0, t0, 8
    addi t1, t1, -1
    bnez t1, square
    fsqrt.d fa4, fa4
    mv t0, s2
    mv t2, s0
    li t1, 1024
scale: fld fa0, 0(t0)
    fdiv.d fa0, fa0, fa4
    fsd fa0, 0(t2)
    addi t0, t0, 8
    addi t2, t2, 8
    addi t1, t1, -1
    bnez t1, scale
    fmv.x.d t0, fa4
    xor s10, s10, t0
    addi s11, s11, -1
    bnez s11, round
    j finish
"""
