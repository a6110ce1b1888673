"""Programs that try rows of arithmetic on very many operands, and send a hash of what came out.

A program has one loop a row.  Each round draws operands (`operand_draws.py`), sets mode and flags,
executes the row (with its mode from `frm` and with each of its own), and mixes result and flags
into a hash.  The hash goes through the UART after every stretch of rounds, so what two machines
send differs at the row, and in the stretch, where they do.

Registers: s0 random state, s1 hash, s2 rounds left, s3 edges, s4 multiplier, s5 stretches left,
a0..a2 operands.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from nexus.emulator.differential.known import UNCOMPARED_ROWS
from nexus.emulator.differential.operand_draws import (
    cancelling,
    draw_routines,
    edge_tables,
    near,
)
from nexus.emulator.isa.cpu import mask_of
from nexus.emulator.isa.decode import BASE, needed
from nexus.emulator.isa.row import Instruction
from nexus.emulator.isa.semantics import semantics_of

ROUNDS_DEFAULT: Final = 2_000
STRETCHES: Final = 4
RAM_BYTES: Final = 16 << 20
RECORD_BYTES: Final = 8

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
        start = _START.format(seed=chance.getrandbits(63) | 1)
        return "\n".join([start, *loops, _END, draw_routines(), _SEND, edge_tables()])

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
            lines.append(cancelling(number, kind))
    return "\n".join([*lines, *_tail(number, _variants(row, chance))])


def _head(number: int, kind: str, rounds: int) -> list[str]:
    """The beginning of a loop, up to its operands in a0..a2."""
    lines = [
        f"li s1, 0\nli s5, {STRETCHES}",
        f"stretch_{number}: li s2, {max(rounds // STRETCHES, 1)}",
    ]
    lines += [f"round_{number}: call draw_{kind}", "mv a2, a0", f"call draw_{kind}", "mv a1, a0"]
    return [*lines, f"call draw_{kind}", near(number)]


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
