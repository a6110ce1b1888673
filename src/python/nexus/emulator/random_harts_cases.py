"""Random guests for several harts, for comparing engines: what harts do to each other.

They count together, send each other interrupts, set each other's timers, wait, and rewrite code
that all of them execute, with and without `fence.i`.  Turns end anywhere in it.  A hart may lock
itself out, or wait for ever; engines have to agree on that as well.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

_SHARED: Final = 0x8001_0000
_BLOCKS: Final = 10
_STEPS: Final = 8
_PATCHES: Final = 4
# The new words of a patched place: plain, a jump over the next one, illegal, a way back.
_PATCHED: Final = ("addi s7, s7, 1", "xor s7, s7, s8", "slli s7, s7, 1", "ecall", "j patch_end")
_HARTS: Final = range(4)  # One more than most of these guests have.

# s0: number; s1: shared words; s3, s4: places of the interrupt controller; s6: own count of traps.
_START: Final = """
    csrr s0, mhartid
    li s1, {shared}
    li s3, 0x2000000
    li s4, 0x2004000
    li s7, 1
    la t0, handler
    csrw mtvec, t0
    slli t1, s0, 3
    add s5, s4, t1
    li t0, {timer}
    sd t0, 0(s5)
    li t0, {enabled}
    csrw mie, t0
    csrrsi zero, mstatus, {interrupts}
    {protection}
    j block_0
.align 4
handler:
    addi s6, s6, 1
    csrr t5, mcause
    blt t5, zero, interrupted
    xor s8, s8, t5
    csrr t5, mepc
    addi t5, t5, 4
    csrw mepc, t5
    mret
interrupted:
    slli t5, s0, 2
    add t5, t5, s3
    sw zero, 0(t5)
    csrr t6, time
    addi t6, t6, {again}
    sd t6, 0(s5)
    mret
"""


def random_harts(seed: int) -> str:
    """The text of a program for 1 MiB of RAM and any number of harts."""
    chance = random.Random(seed)
    # A hart of its own protection: turns to and from it are changed by the machine.
    own = "li t0, 0x1f\ncsrw pmpcfg0, t0\ncsrw pmpaddr0, s0" if chance.random() < 0.2 else ""
    start = _START.format(
        shared=_SHARED,
        timer=chance.choice((-1, 100, 2000)),
        enabled=chance.choice((0x80, 0x88, 0x88, 0x88)),
        interrupts=chance.choice((0, 8, 8)),
        protection=own,
        again=chance.choice((30, 700, 2000)),
    )
    lines = [start]
    for block in range(_BLOCKS):
        lines.append(f"block_{block}:")
        lines += [chance.choice(_CHOICES)(chance, f"{block}_{step}") for step in range(_STEPS)]
        lines.append(f"bltu s6, s7, block_{chance.randrange(_BLOCKS)}")
    lines.append("j block_0")
    lines += [f"patch_{number}:\n addi s7, s7, 3" for number in range(_PATCHES)]
    lines.append("patch_end: ret")
    lines += [f"form_{number}: {text}" for number, text in enumerate(_PATCHED)]
    return "\n".join(lines)


def _count(chance: random.Random, label: str) -> str:
    place = 8 * chance.randrange(4)
    tries, between = chance.randrange(1, 9), "nop\n" * chance.randrange(6)
    return f"""
    addi t0, s1, {place}
    li t1, {tries}
try_{label}:
    lr.d t2, (t0)
    addi t2, t2, 1
    {between}
    sc.d t3, t2, (t0)
    beqz t3, done_{label}
    addi t1, t1, -1
    bnez t1, try_{label}
done_{label}:"""


def _together(chance: random.Random, label: str) -> str:
    name = chance.choice(("amoadd.d", "amoswap.d", "amoxor.d", "amomaxu.d"))
    return f"addi t0, s1, {8 * chance.randrange(4)}\n {name} t1, s7, (t0)\n xor s8, s8, t1"


def _share(chance: random.Random, label: str) -> str:
    place = chance.choice((32, 40, 2040))
    return f"sd s7, {place}(s1)\n ld t1, {chance.choice((32, 40, 2040))}(s1)\n add s8, s8, t1"


def _ring(chance: random.Random, label: str) -> str:
    place = 4 * chance.choice(_HARTS)
    return f"li t1, {chance.choice((0, 1, 1, 1, 3))}\n sw t1, {place}(s3)\n lw t2, {place}(s3)"


def _listen(chance: random.Random, label: str) -> str:
    access = chance.choice(("lw", "lw", "lb", "ld"))
    return f"{access} t1, {4 * chance.choice(_HARTS)}(s3)\n xor s8, s8, t1"


def _time(chance: random.Random, label: str) -> str:
    place = 8 * chance.choice(_HARTS)
    wait = chance.choice((0, 5, 60, 400, 2000))
    access, where = chance.choice((("sd", 0), ("sd", 0), ("sw", 0), ("sw", 4)))
    return f"""
    csrr t1, time
    addi t1, t1, {wait}
    {access} t1, {place + where}(s4)
    {chance.choice(("ld", "lw", "lwu"))} t2, {place}(s4)
    xor s8, s8, t2"""


def _wait(chance: random.Random, label: str) -> str:
    return f"csrr t1, time\n addi t1, t1, {chance.choice((3, 200))}\n sd t1, 0(s5)\n wfi"


def _work(chance: random.Random, label: str) -> str:
    return f"""
    li t1, {chance.choice((3, 100, 900))}
work_{label}:
    mul s8, s8, s7
    addi t1, t1, -1
    xor s7, s7, t1
    bnez t1, work_{label}"""


def _rewrite(chance: random.Random, label: str) -> str:
    fence = chance.choice(("fence.i", "nop"))
    return f"""
    la t1, form_{chance.randrange(len(_PATCHED))}
    lw t2, 0(t1)
    la t1, patch_{chance.randrange(_PATCHES)}
    sw t2, 0(t1)
    {fence}"""


def _call(chance: random.Random, label: str) -> str:
    return f"jal ra, patch_{chance.randrange(_PATCHES)}"


def _look(chance: random.Random, label: str) -> str:
    name = chance.choice(("minstret", "mcycle", "time", "mip", "instret", "mhartid", "mie"))
    return f"csrr t1, {name}\n xor s8, s8, t1"


def _set(chance: random.Random, label: str) -> str:
    access = f"{chance.choice(('csrrsi', 'csrrci'))} zero, {chance.choice(('mstatus', 'mie'))}, 8"
    return chance.choice((access, "ecall", ".word 0", "li t1, 7\n csrw minstret, t1"))


def _say(chance: random.Random, label: str) -> str:
    return "li t1, 0x10000000\n addi t2, s0, 0x30\n sb t2, 0(t1)"


_CHOICES: Final[tuple[Callable[[random.Random, str], str], ...]] = (
    _count,
    _together,
    _share,
    _ring,
    _listen,
    _time,
    _wait,
    _work,
    _work,
    _rewrite,
    _call,
    _call,
    _look,
    _set,
    _say,
)
