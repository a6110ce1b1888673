"""Random guests that talk to devices, for comparing engines: every register, in every order.

The UART and a virtio device interrupt, with and without a handler that acknowledges it; the clock
is read and set; timers end each wait; some accesses have no answer.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from nexus.emulator.program_support import START_QUEUE

_BLOCKS: Final = 10
_STEPS: Final = 12
_LOADS: Final = {"lb": 1, "lbu": 1, "lh": 2, "lhu": 2, "lw": 4, "lwu": 4, "ld": 8}
_STORES: Final = {"sb": 1, "sh": 2, "sw": 4, "sd": 8}
_VALUES: Final = (0, 1, 2, 3, 7, 8, 0xF, 0x41, 0x83, 0x100, -1)
# At the end of a device, between devices, behind memory.
_NOTHING: Final = (
    0,
    0x101024,
    0x1000_0008,
    0x1000_1200,
    0x1000_8FF8,
    0x1010_0018,
    0x0C60_0000,
    0x1800_0000,
    0x8010_0000,
    -8,
)

# s0: the UART; s1: the virtio device in slot 1; s2: the clock; s3: the interrupt controller;
# s7: how often the device was asked; s8: the digest of all that was read.
_START: Final = """
    csrr t0, mhartid
    beqz t0, first
    li s8, 1
first:
    la t0, handler
    csrw mtvec, t0
    li s0, 0x10001000
    li s1, 0x10002000
    csrr t0, mhartid
    bnez t0, ready
    li s0, 0x10002000
    {queue}
    li t0, 0x0c000000
    li t1, 1
    sw t1, 8(t0)
    sw t1, 40(t0)
    sw t1, 44(t0)
    li t1, {sources}
    li t0, 0x0c002000
    sw t1, 0(t0)
ready:
    li s0, 0x10000000
    li s2, 0x101000
    li s3, 0x0c200000
    li t0, {enabled}
    csrw mie, t0
    csrrsi zero, mstatus, {interrupts}
    j block_0
.align 4
handler:
    csrr t5, mcause
    blt t5, zero, interrupted
    xor s8, s8, t5
    csrr t5, mtval
    add s8, s8, t5
    csrr t5, mepc
    addi t5, t5, 4
    csrw mepc, t5
    mret
interrupted:
    add s8, s8, t5
    lw t6, 4(s3)
    {served}
    sw t6, 4(s3)
    add s8, s8, t6
    csrr t5, mhartid
    slli t5, t5, 3
    li t6, 0x2004000
    add t6, t6, t5
    csrr t5, time
    addi t5, t5, 50
    sd t5, 0(t6)
    li t6, 0
    mret
"""
_SERVED: Final = (
    "lbu t5, 2(s0)\n add s8, s8, t5\n lw t5, 0x60(s1)\n sw t5, 0x64(s1)\n sw zero, 0x1c(s2)",
    "lbu t5, 2(s0)\n lw t5, 0x60(s1)\n sw t5, 0x64(s1)\n lbu t5, 0(s0)\n add s8, s8, t5",
    "lbu t5, 2(s0)\n sb zero, 1(s0)",
    "",
)
_END: Final = """
.align 4
table: .dword 0x80020000, 0x0000000200000008, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
ring: .space 64
.align 4
used: .space 128
"""


def random_devices(seed: int) -> str:
    """The text of a program for 1 MiB of RAM, and a machine with entropy."""
    chance = random.Random(seed)
    lines = [
        _START.format(
            queue=START_QUEUE,
            sources=chance.choice((0, 0x4, 0x400, 0xC04, 0xC04)),
            enabled=chance.choice((0x80, 0x880, 0x880)),
            interrupts=chance.choice((0, 8, 8)),
            served=chance.choice(_SERVED),
        )
    ]
    for block in range(_BLOCKS):
        lines.append(f"block_{block}:")
        lines += [chance.choice(_CHOICES)(chance) for _ in range(_STEPS)]
        lines.append(f"andi t0, s8, 1\n bnez t0, block_{chance.randrange(_BLOCKS)}")
    return "\n".join([*lines, "j block_0", _END])


def _load(chance: random.Random, base: str, offset: int) -> str:
    name = chance.choice([it for it, size in _LOADS.items() if offset % size == 0])
    return f"{name} t1, {offset}({base})\n add s8, s8, t1"


def _store(chance: random.Random, base: str, offset: int, value: int) -> str:
    name = chance.choice([it for it, size in _STORES.items() if offset % size == 0])
    return f"li t1, {value}\n {name} t1, {offset}({base})"


def _read_uart(chance: random.Random) -> str:
    return _load(chance, "s0", chance.randrange(8))


def _write_uart(chance: random.Random) -> str:
    """Mostly so that bytes can be transmitted afterwards."""
    offset = chance.choice((0, 0, 0, 1, 1, 2, 3, 4, 7))
    kept = {3: (0, 0, 3, 0x80), 4: (0, 0, 8, 0x10)}.get(offset, _VALUES)
    return _store(chance, "s0", offset, chance.choice(kept))


def _virtio(chance: random.Random) -> str:
    offset = chance.choice((0x60, 0x70, 0x60, 0x70, 0, 8, 0x34, 0x44, 0xFC, 0x100))
    device = chance.choice(("s1", "s1", "t2"))
    return "li t2, 0x10006000\n" + _load(chance, device, offset)


def _acknowledge(chance: random.Random) -> str:
    device = chance.choice(("s1", "s1", "t2"))
    return "li t2, 0x10006000\n" + _store(chance, device, 0x64, chance.choice(_VALUES))


def _ask(chance: random.Random) -> str:
    return """
    la t0, ring
    addi s7, s7, 1
    sh s7, 2(t0)
    sw zero, 0x50(s1)"""


def _clock(chance: random.Random) -> str:
    if chance.random() < 0.7:
        return _load(chance, "s2", chance.choice((0, 0, 0, 4, 8, 0x10, 0x18, 0x20)))
    offset = chance.choice((0, 4, 8, 0x10, 0x10, 0x14, 0x1C))
    return _store(chance, "s2", offset, chance.choice(_VALUES))


def _alarm(chance: random.Random) -> str:
    return """
    ld t1, 0(s2)
    addi t1, t1, 500
    srli t2, t1, 32
    sw t2, 12(s2)
    sw t1, 8(s2)"""


def _controller(chance: random.Random) -> str:
    offset = chance.choice((0, 4))
    return chance.choice((_load(chance, "s3", offset), _store(chance, "s3", offset, 10)))


def _nothing(chance: random.Random) -> str:
    place = f"li t2, {chance.choice(_NOTHING)}\n"
    name = chance.choice((*_LOADS, *_STORES))
    return f"{place} {name} t1, 0(t2)\n add s8, s8, t1"


def _wait(chance: random.Random) -> str:
    soon = chance.choice((0, 1, 5, 30))
    return f"""
    csrr t0, mhartid
    slli t0, t0, 3
    li t2, 0x2004000
    add t2, t2, t0
    csrr t1, time
    addi t1, t1, {soon}
    sd t1, 0(t2)
    wfi"""


_CHOICES: Final[tuple[Callable[[random.Random], str], ...]] = (
    *(_read_uart,) * 4,
    *(_write_uart,) * 5,
    *(_virtio,) * 3,
    *(_acknowledge,) * 2,
    *(_ask,) * 2,
    *(_clock,) * 2,
    _alarm,
    _controller,
    _nothing,
    *(_wait,) * 2,
)
