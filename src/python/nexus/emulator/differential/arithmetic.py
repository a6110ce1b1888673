"""Programs that try rows of arithmetic on very many operands, and send a hash of what came out.

A program has one loop a row.  Each round draws operands (at random, from a table of edges, near
edges, near each other, so that sums cancel), sets mode and flags, executes the row (with its
mode from `frm` and with each of its own), and mixes result and flags into a hash.  The hash goes
through the UART after every stretch of rounds, so what two machines send differs at the row, and
in the stretch, where they do.

Registers: s0 random state, s1 hash, s2 rounds left, s3 edges, s4 multiplier, s5 stretches left,
a0..a2 operands.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from nexus.emulator.differential.known import UNCOMPARED_ROWS
from nexus.emulator.differential.operands import DOUBLES, INTEGERS, SINGLES
from nexus.emulator.isa.cpu import mask_of
from nexus.emulator.isa.decode import BASE, needed
from nexus.emulator.isa.row import Instruction
from nexus.emulator.isa.semantics import semantics_of

ROUNDS_DEFAULT: Final = 2_000
STRETCHES: Final = 4
RAM_BYTES: Final = 16 << 20
RECORD_BYTES: Final = 8

_TABLE_WORDS: Final = 64

# A subroutine draws a word of one kind into a0.  Case 7 is a number of moderate size.
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

_START: Final = """
    li t0, 0x6000
    csrs mstatus, t0
    la s3, edges
    li s4, 0x2545f4914f6cdd1d
    li s0, {seed}
    li s1, 0
"""

_SEND: Final = """
send:
    li t0, 0x10000000
    li t1, 8
    mv t2, s1
send_byte:
    sb t2, 0(t0)
    srli t2, t2, 8
    addi t1, t1, -1
    bnez t1, send_byte
    ret
mix:
    xor s1, s1, a3
    mul s1, s1, s4
    srli t0, s1, 29
    xor s1, s1, t0
    add s1, s1, a4
    mul s1, s1, s4
    srli t0, s1, 31
    xor s1, s1, t0
    ret
"""
_END: Final = """
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
finished:
    j finished
"""


@dataclass(frozen=True, slots=True)
class Program:
    """The rows that are tried, each for so many rounds."""

    rows: tuple[Instruction, ...]
    seed: int
    rounds: int = ROUNDS_DEFAULT
    # Instructions without rows of their own, by name: the texts of each.
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The names of the rows and of the others, in order."""
        return [*(row.name for row in self.rows), *self.others]

    @property
    def text(self) -> str:
        """The program for the assembler."""
        chance = random.Random(self.seed)
        loops = [_loop(row, number, self.rounds, chance) for number, row in enumerate(self.rows)]
        loops += [
            "\n".join([*_head(number, "i", self.rounds), *_tail(number, texts)])
            for number, texts in enumerate(self.others.values(), len(self.rows))
        ]
        kinds = [
            _DRAW.format(kind=kind, last=_TABLE_WORDS - 1, **parts)
            for kind, parts in _KINDS.items()
        ]
        start = _START.format(seed=chance.getrandbits(63) | 1)
        return "\n".join([start, *loops, _END, *kinds, _SEND, _edges()])

    def differing(self, ours: bytes, theirs: bytes) -> list[str]:
        """The names of rows for which two machines sent different hashes."""
        size = RECORD_BYTES * STRETCHES
        return [
            name
            for number, name in enumerate(self.names)
            if ours[size * number :][:size] != theirs[size * number :][:size]
        ]


def rows_for(extensions: Iterable[str]) -> tuple[Instruction, ...]:
    """The rows of some optional extensions that access no memory."""
    mask = mask_of(extensions)
    return tuple(
        row
        for row in BASE
        if needed(row)
        and not needed(row) & ~mask
        and semantics_of(row.name).access is None
        and row.name not in UNCOMPARED_ROWS
    )


def _edges() -> str:
    """Each table filled up with itself."""
    lines = [".align 8", "edges:"]
    for words in (DOUBLES, SINGLES, INTEGERS):
        padded = [words[index % len(words)] for index in range(_TABLE_WORDS)]
        lines.append(".dword " + ", ".join(str(word) for word in padded))
    return "\n".join(lines)


def _kind_of(row: Instruction) -> str:
    """The kind of its source operands."""
    if not row.encoding.float_operands & {"rs1"}:
        return "i"
    if row.name in ("fcvt.d.s", "fcvt.s.d"):
        return row.name[-1]
    return "d" if row.requires == ("d",) else "s"


def _loop(row: Instruction, number: int, rounds: int, chance: random.Random) -> str:
    kind = _kind_of(row)
    lines = _head(number, kind, rounds)
    if kind != "i":
        lines += [f"fmv.d.x fa{index}, a{index}" for index in range(3)]
        if "rs3" in row.syntax:
            lines.append(_cancelling(number, kind))
    return "\n".join([*lines, *_tail(number, _variants(row, chance))])


def _head(number: int, kind: str, rounds: int) -> list[str]:
    """The beginning of a loop, up to its operands in a0..a2."""
    lines = [
        f"li s1, 0\nli s5, {STRETCHES}",
        f"stretch_{number}: li s2, {max(rounds // STRETCHES, 1)}",
    ]
    lines += [f"round_{number}: call draw_{kind}", "mv a2, a0", f"call draw_{kind}", "mv a1, a0"]
    return [*lines, f"call draw_{kind}", _near(number)]


def _tail(number: int, texts: Iterable[str]) -> list[str]:
    """The rest of it: mode and flags, what is tried, and what came of it."""
    lines = ["srli a5, s0, 40", "andi a5, a5, 7", "addi t0, a5, -5"]
    lines += [f"blt t0, zero, mode_{number}", "li a5, 0", f"mode_{number}: slli a5, a5, 5"]
    # Half of the time the inexact flag is raised already, which is when the host's unit is asked.
    lines += ["srli t0, s0, 45", "andi t0, t0, 1", "or a5, a5, t0"]
    for text in texts:
        lines += ["csrw fcsr, a5", text, "csrr a4, fcsr", "call mix"]
    lines += ["addi s2, s2, -1", f"bnez s2, round_{number}", "call send"]
    return [*lines, "addi s5, s5, -1", f"bnez s5, stretch_{number}"]


def _near(number: int) -> str:
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


def _cancelling(number: int, kind: str) -> str:
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


def _variants(row: Instruction, chance: random.Random) -> list[str]:
    """The row with each of its rounding modes, or with some constants; the result is in a3."""
    kinds = row.syntax.split(", ")
    is_float = row.encoding.float_operands
    names = {
        "rd": "ft0" if "rd" in is_float else "a3",
        "rs1": "fa0" if "rs1" in is_float else "a0",
        "rs2": "fa1" if "rs2" in is_float else "a1",
        "rs3": "fa2",
    }
    choices = [""]
    if "rm" in kinds:
        choices = ["dyn", "rne", "rtz", "rdn", "rup", "rmm"]
    elif "imm" in kinds:
        limit = 31 if row.name.endswith("w") else 63
        choices = [str(value) for value in (0, 1, limit, chance.randint(2, limit - 1))]
    found = []
    for choice in choices:
        operands = ", ".join(names.get(kind, choice) for kind in kinds)
        after = "\nfmv.x.d a3, ft0" if "rd" in is_float else ""
        found.append(f"{row.name} {operands}{after}")
    return found
