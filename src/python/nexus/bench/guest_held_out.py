"""Compute programs on which no translator was tuned: their mean says what a stranger's code gets.

A virtual machine for bytes, a sieve of bits, a hash table with linear probing, and multiplication
of numbers in five limbs of 51 bits as X25519 has them.  A program that a change was made for no
longer belongs here: put another in its place.
"""

from __future__ import annotations

from typing import Final

_NEXT: Final = """
    lbu t0, 0(s0)
    addi s0, s0, 1
    slli t0, t0, 3
    add t0, t0, s1
    ld t0, 0(t0)
    jr t0
"""
_NAMES: Final = ("push", "add", "load", "store", "branch", "multiply", "xor", "halt")


_TABLE: Final = "\n".join(f"la t0, op_{name}\nsd t0, {8 * i}(s1)" for i, name in enumerate(_NAMES))


def _binary(name: str, operation: str) -> str:
    """The operation that puts what it makes of the two topmost numbers in their place."""
    return f"""op_{name}: ld t1, -8(s2)
    ld t2, -16(s2)
    {operation} t1, t2, t1
    addi s2, s2, -8
    sd t1, -8(s2)
    {_NEXT}"""


# A stack machine with eight operations and its variables in memory; 200 turns of a loop.
BYTECODE: Final = f"""
    li s1, 0x80101000
    li s2, 0x80102000
    li s3, 0x80103000
    {_TABLE}
round: la s0, code
    {_NEXT}
op_push: lb t1, 0(s0)
    addi s0, s0, 1
    sd t1, 0(s2)
    addi s2, s2, 8
    {_NEXT}
op_load: lbu t1, 0(s0)
    addi s0, s0, 1
    slli t1, t1, 3
    add t1, t1, s3
    ld t1, 0(t1)
    sd t1, 0(s2)
    addi s2, s2, 8
    {_NEXT}
op_store: lbu t1, 0(s0)
    addi s0, s0, 1
    slli t1, t1, 3
    add t1, t1, s3
    addi s2, s2, -8
    ld t2, 0(s2)
    sd t2, 0(t1)
    {_NEXT}
op_branch: lb t1, 0(s0)
    addi s0, s0, 1
    addi s2, s2, -8
    ld t2, 0(s2)
    beqz t2, go_on
    add s0, s0, t1
go_on: {_NEXT}
{_binary("add", "add")}
{_binary("multiply", "mul")}
{_binary("xor", "xor")}
op_halt: ld s10, 16(s3)
    addi s11, s11, -1
    bnez s11, round
    j finish
code: .byte 0, 100, 3, 0
    .byte 2, 1, 2, 0, 1, 0, 31, 5, 3, 1
    .byte 2, 2, 2, 1, 6, 3, 2
    .byte 2, 0, 0, 255, 1, 3, 0
    .byte 2, 0, 4, 228
    .byte 7
.align 4
"""


BITS: Final = """
    li s0, 0x80100000
    li s1, 65536
round: mv t0, s0
    li t1, 8192
    add t1, t1, s0
clear: sd zero, 0(t0)
    addi t0, t0, 8
    bne t0, t1, clear
    li t0, 3
number: srli t2, t0, 6
    slli t2, t2, 3
    add t2, t2, s0
    ld t3, 0(t2)
    srl t3, t3, t0
    andi t3, t3, 1
    bnez t3, known
    addi s10, s10, 1
    mul t4, t0, t0
    slli t5, t0, 1
strike: bgeu t4, s1, known
    srli t2, t4, 6
    slli t2, t2, 3
    add t2, t2, s0
    ld t3, 0(t2)
    li t6, 1
    sll t6, t6, t4
    or t3, t3, t6
    sd t3, 0(t2)
    add t4, t4, t5
    j strike
known: addi t0, t0, 2
    bltu t0, s1, number
    addi s11, s11, -1
    bnez s11, round
    j finish
"""

HASHES: Final = """
    li s0, 0x80100000
    li s1, 6364136223846793005
    li s4, 4095
round: mv t0, s0
    li t1, 65536
    add t1, t1, s0
clear: sd zero, 0(t0)
    sd zero, 8(t0)
    addi t0, t0, 16
    bne t0, t1, clear
    li s3, 2000
insert: mul s2, s2, s1
    addi s2, s2, 1442
    srli a0, s2, 52
    ori a0, a0, 1
    slli t1, a0, 1
    xor t1, t1, a0
probe: and t1, t1, s4
    slli t3, t1, 4
    add t3, t3, s0
    ld t4, 0(t3)
    beqz t4, free
    beq t4, a0, found
    addi t1, t1, 1
    j probe
free: sd a0, 0(t3)
found: ld t4, 8(t3)
    addi t4, t4, 1
    sd t4, 8(t3)
    add s10, s10, t4
    addi s3, s3, -1
    bnez s3, insert
    addi s11, s11, -1
    bnez s11, round
    j finish
"""


def limbs() -> str:
    """Multiply by a constant modulo 2^255 - 19, again and again; limbs and products in memory."""
    fill = "\n".join(
        f"li t0, {0x4A1B3 * (i + 3)}\nsd t0, {8 * i}(s0)\n"
        f"li t0, {0x5DEECE66D * (i + 1) & (1 << 46) - 1}\nsd t0, {64 + 8 * i}(s0)\n"
        f"li t1, 19\nmul t0, t0, t1\nsd t0, {128 + 8 * i}(s0)"
        for i in range(5)
    )
    columns = []
    for k in range(5):
        columns.append("li a2, 0\nli a3, 0")
        for i in range(5):
            place = (64 if i <= k else 128) + 8 * ((k - i) % 5)
            columns.append(
                f"ld t0, {8 * i}(s0)\nld t1, {place}(s0)\nmul t2, t0, t1\nmulhu t3, t0, t1\n"
                "add a2, a2, t2\nsltu t4, a2, t2\nadd a3, a3, t3\nadd a3, a3, t4"
            )
        columns.append(
            "add a2, a2, a4\nsltu t4, a2, a4\nadd a3, a3, t4\n"
            f"and t5, a2, a5\nsd t5, {192 + 8 * k}(s0)\n"
            "srli a4, a2, 51\nslli t4, a3, 13\nor a4, a4, t4"
        )
    copy = "\n".join(f"ld t0, {192 + 8 * i}(s0)\nsd t0, {8 * i}(s0)" for i in range(1, 5))
    lines = "\n".join(columns)
    return f"""
    li s0, 0x80100000
    li a5, 0x7ffffffffffff
    {fill}
round: li a4, 0
    {lines}
    li t1, 19
    mul a4, a4, t1
    ld t0, 192(s0)
    add t0, t0, a4
    sd t0, 0(s0)
    {copy}
    xor s10, s10, t0
    addi s11, s11, -1
    bnez s11, round
    j finish
"""
