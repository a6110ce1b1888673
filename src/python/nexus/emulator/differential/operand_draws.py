"""The assembly that draws the operands of one round: routines, their table of edges, and relations.

A routine `draw_KIND` leaves a word of its kind in a0: a double, a single or an integer.  Three bits
of a random word decide which:

    0, 1, 2    the random word itself
    3, 4, 5    a word of the table of edges; of a float the sign is random
    6          such a word with -8 to 7 added
    7          a number of moderate size

One single in 16 is not boxed.  Sums of words that are drawn by themselves hardly ever cancel, so
two texts for the body of a loop relate them: `near` brings the second operand close to the first,
`cancelling` the third to the opposite of their product.

Registers: s0 random state, s3 table, s4 multiplier, t0..t3 scratch.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.differential.operands import DOUBLES, INTEGERS, SINGLES

_TABLE_WORDS: Final = 64

# Advances the state (xorshift64*), then draws.
_DRAW: Final = """
draw_{kind}:
    srli t0, s0, 12
    xor s0, s0, t0
    slli t0, s0, 25
    xor s0, s0, t0
    srli t0, s0, 27
    xor s0, s0, t0
    mul a0, s0, s4
    srli t0, a0, 61
    li t1, 3
    bltu t0, t1, {kind}_done
    li t1, 7
    beq t0, t1, {kind}_moderate
    srli t1, a0, 20
    andi t1, t1, {last}
    slli t1, t1, 3
    add t1, t1, s3
    ld t1, {offset}(t1)
    srli t2, a0, 40
    andi t2, t2, 15
    addi t2, t2, -8
    slli t3, a0, 63
    mv a0, t1
    li t1, 6
    bne t0, t1, {kind}_exact
    add a0, a0, t2
{kind}_exact:
    {sign}
    j {kind}_done
{kind}_moderate:
    {moderate}
{kind}_done:
    {finish}
    ret
"""
_KINDS: Final = {
    "d": {
        "offset": 0,
        "sign": "xor a0, a0, t3",
        "moderate": f"""
    srli t0, a0, 50
    andi t0, t0, 127
    addi t0, t0, {1023 - 50}
    slli t0, t0, 52
    li t1, {(1 << 63) + (1 << 52) - 1}
    and a0, a0, t1
    or a0, a0, t0""",
        "finish": "",
    },
    "s": {
        "offset": 8 * _TABLE_WORDS,
        "sign": "srli t3, t3, 32\n    xor a0, a0, t3",
        "moderate": f"""
    srli t0, a0, 50
    andi t0, t0, 127
    addi t0, t0, {127 - 50}
    slli t0, t0, 23
    li t1, {(1 << 31) + (1 << 23) - 1}
    and a0, a0, t1
    or a0, a0, t0""",
        # One in 16 is not boxed.
        "finish": """
    srli t0, s0, 30
    andi t0, t0, 15
    beqz t0, s_bare
    li t1, -1
    slli t1, t1, 32
    or a0, a0, t1
s_bare:""",
    },
    "i": {
        "offset": 16 * _TABLE_WORDS,
        "sign": "",
        "moderate": "srli t0, s0, 5\n    andi t0, t0, 63\n    sra a0, a0, t0",
        "finish": "",
    },
}


def draw_routines() -> str:
    """The routines of all kinds."""
    return "\n".join(
        _DRAW.format(kind=kind, last=_TABLE_WORDS - 1, **parts) for kind, parts in _KINDS.items()
    )


def edge_tables() -> str:
    """The tables of words, in the order of the kinds' offsets; each is filled up with itself."""
    lines = [".align 8", "edges:"]
    for words in (DOUBLES, SINGLES, INTEGERS):
        padded = [words[index % len(words)] for index in range(_TABLE_WORDS)]
        lines.append(".dword " + ", ".join(str(word) for word in padded))
    return "\n".join(lines)


def near(number: int) -> str:
    """One in eight times, the second operand is close to the first, or to its opposite."""
    return f"""
    srli t0, s0, 13
    andi t1, t0, 7
    bnez t1, far_{number}
    andi t1, t0, 0x78
    srli t1, t1, 3
    addi t1, t1, -8
    add a1, a0, t1
    andi t1, t0, 0x80
    slli t1, t1, 56
    xor a1, a1, t1
    far_{number}:"""


def cancelling(number: int, kind: str) -> str:
    """One in four times, the third operand is close to the product's opposite."""
    return f"""
    srli t0, s0, 21
    andi t1, t0, 3
    bnez t1, plain_{number}
    fmul.{kind} fa2, fa0, fa1, rne
    fsgnjn.{kind} fa2, fa2, fa2
    fmv.x.d t2, fa2
    andi t1, t0, 0x1c
    srli t1, t1, 2
    addi t1, t1, -3
    add t2, t2, t1
    fmv.d.x fa2, t2
    plain_{number}:"""
