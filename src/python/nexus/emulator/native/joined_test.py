"""Handlers of two instructions: the reference's state, whatever happens between the two.

The programs consist of all pairs, in random order and with few registers, so that the second often
takes what the first has written.  They run several times, access memory anywhere, overwrite
themselves, and are looked at after any number of steps.
"""

from __future__ import annotations

import random

import pytest

from nexus.emulator.isa.decode import BASE, COMPRESSED, decode
from nexus.emulator.isa.encoding import Encoding
from nexus.emulator.isa.semantics import semantics_of
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.native import layout
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.hart import NativeHart
from nexus.emulator.native.joined import Kind, Pair, pairs
from nexus.emulator.native.translation_support import translated
from nexus.emulator.program_support import program
from nexus.emulator.snapshot import save

RAM_BYTES = 1 << 20
SEEDS = 12
# Which also compressed instructions have: s0, s1, a0, a1.
REGISTERS = (8, 9, 10, 11)

# Whatever traps is skipped; then there are pointers to data and to the program again.
FRAME = """
    la t0, handler
    csrw mtvec, t0
    li s11, {rounds}
again: la s0, data
    la s1, body
    li a0, 3
    la a1, data
    j body
    .align 4
handler: csrr t0, mepc
    lhu t1, 0(t0)
    andi t1, t1, 3
    addi t2, t0, 2
    addi t1, t1, -3
    bnez t1, short
    addi t2, t2, 2
short: csrw mepc, t2
    la s0, data
    la {text}, body
    mret
    .align 12
body:
{body}
    addi s11, s11, -1
    beqz s11, stop
    j again
stop: j stop
    .align 12
data: .space 4096
"""


def encode(encoding: Encoding, immediate: int, chance: random.Random) -> int:
    """A word with registers that the program uses."""
    word = encoding.match
    for _, shift, width, first in encoding.registers:
        word |= (chance.choice(REGISTERS) - first & (1 << width) - 1) << shift
    for shift, width, to in encoding.scatter:
        word |= (immediate >> to & (1 << width) - 1) << shift
    return word


def word_of(kind: Kind, chance: random.Random) -> int:
    """An instruction of a kind; jumps go over the two bytes behind them, or the four."""
    name, length = kind
    wide = [row.encoding for row in BASE if row.name == name]
    short = [row.encoding for row in COMPRESSED if row.base == name]
    encodings = wide if length == 4 else short
    is_jump = semantics_of(name).is_jump
    while True:
        immediate = length + chance.choice((2, 4)) if is_jump else chance.getrandbits(32)
        word = encode(chance.choice(encodings), immediate, chance)
        found = decode(word)
        if found is not None and (found.name, found.length) == kind:
            return word


def lines_of(pair: Pair, chance: random.Random) -> list[str]:
    """Both instructions, then something that a jump may land in the midst of."""
    lines = []
    for kind in pair[:2]:
        directive = ".half" if kind[1] == 2 else ".word"
        lines.append(f"{directive} {word_of(kind, chance)}")
    return [*lines, *(f".half {word_of(('addi', 2), chance)}" for _ in range(2))]


def kernel_of(seed: int, rounds: int = 3) -> bytes:
    """A program of every `SEEDS`th pair."""
    chance = random.Random(seed)
    chosen = pairs()[seed % SEEDS :: SEEDS]
    chance.shuffle(chosen)
    body = "\n".join(line for pair in chosen for line in lines_of(pair, chance))
    text = chance.choice(("s1", "a1", "t3"))  # In the last case few programs change themselves.
    return program(FRAME.format(rounds=rounds, body=body, text=text))


def reference(kernel: bytes) -> Machine:
    return Machine(MachineOptions(kernel=kernel, ram_bytes=RAM_BYTES))


def native(kernel: bytes) -> Machine:
    options = MachineOptions(
        kernel=kernel, ram_bytes=RAM_BYTES, engine="native", native_blob=native_blob()
    )
    return Machine(options)


def joined(machine: Machine) -> int:
    """Count the slots whose handler does two instructions."""
    hart = machine.hart
    assert isinstance(hart, NativeHart)
    step = layout.SLOT_BYTES
    return sum(
        bool(bits & layout.JOINED)
        for bits in hart._pool.memory[layout.SLOT_COVERED : layout.DECODED_PAGE_BYTES * 2 : step]
    )


def agree(expected: Machine, machine: Machine, chance: random.Random) -> None:
    """Compare at random instants, which the machine reaches in random slices."""
    instant = 0
    for bound in [20] * 20 + [300] * 10 + [5000]:
        instant += 10 * chance.randrange(1, bound)
        stop = expected.run(instant)
        while machine.now_ns < instant:
            step = 10 * chance.choice((1, 1, 2, 3, 7, 100_000))
            if machine.run(min(instant, machine.now_ns + step)) is not Stop.REACHED:
                break
        assert machine.state_digest() == expected.state_digest(), f"at {instant} ns"
        assert save(machine) == save(expected), f"at {instant} ns"
        if stop is not Stop.REACHED:
            break


@pytest.mark.parametrize("seed", range(2 * SEEDS))
def test_pairs_leave_the_same_state(seed: int) -> None:
    kernel = kernel_of(seed)
    agree(reference(kernel), native(kernel), random.Random(seed))


@pytest.mark.parametrize("seed", [1, 5])
def test_pairs_beside_translations_leave_the_same_state(seed: int) -> None:
    kernel = kernel_of(seed)
    agree(reference(kernel), Machine(translated(kernel, RAM_BYTES)), random.Random(seed))


REWRITTEN = """
    la s0, second
    li s1, {word}
    li s2, 4
again: li a0, 1
first: addi a0, a0, 1
second: addi a0, a0, 2
    add s3, s3, a0
    addi s2, s2, -1
    li t0, 2
    bne s2, t0, keep
    sw s1, {distance}(s0)
keep: bnez s2, again
stop: j stop
"""


@pytest.mark.parametrize(("distance", "total"), [(0, 4 + 4 + 102 + 102), (-4, 4 + 4 + 103 + 103)])
def test_either_of_two_can_be_overwritten(distance: int, total: int) -> None:
    word = 100 << 20 | 10 << 15 | 10 << 7 | 0x13  # addi a0, a0, 100
    kernel = program(REWRITTEN.format(word=word, distance=distance))
    machine = native(kernel)
    machine.run(250)
    assert joined(machine), "nothing was joined, so nothing is tested"
    machine.run(2_000)
    assert machine.register(19) == total


# Each of three is joined with the next; the last is overwritten after one round, and the middle one
# after two, when only its pair with the first is left.
CHAIN = """
    la s0, second
    li s1, {word}
    li s2, 5
again: and a0, a0, zero
    addi a0, a0, 1
second: addi a0, a0, 2
    addi a0, a0, 4
    add s3, s3, a0
    addi s2, s2, -1
    li t0, 4
    bne s2, t0, later
    sw s1, 4(s0)
later: li t0, 3
    bne s2, t0, keep
    sw s1, 0(s0)
keep: bnez s2, again
stop: j stop
"""


def test_the_middle_of_three_can_be_overwritten_after_the_last() -> None:
    word = 100 << 20 | 10 << 15 | 10 << 7 | 0x13  # addi a0, a0, 100
    kernel = program(CHAIN.format(word=word))
    machine = native(kernel)
    machine.run(2_000)
    assert machine.register(19) == (1 + 2 + 4) + (1 + 2 + 100) + 3 * (1 + 100 + 100)


# A row of additions that is called again and again, and overwritten in between.
ROW = """
    la s0, row
{calls}
stop: j stop
    .align 8
    .space {space}
row:
{row}
    ret
"""


def rewritten_row(seed: int) -> bytes:
    """A program that overwrites some of its row before each call: whole words, or parts of them."""
    chance = random.Random(seed)
    row, places, at = [], [], 0
    for _ in range(14):
        length = chance.choice((4, 4, 2))
        row.append(f".{'word' if length == 4 else 'half'} {addition(length, chance)}")
        places.append((at, length))
        at += length
    calls = []
    for _ in range(12):
        for place, length in chance.choices(places, k=chance.choice((0, 1, 1, 2))):
            word = addition(length, chance)
            part = chance.choice(("sw", "sh", "sb")) if length == 4 else "sh"
            if part == "sb":  # The last byte, which has a part of the number.
                place, word = place + 3, word >> 24
            calls.append(f"li t1, {word & 0xFFFF if part == 'sh' else word}")
            calls.append(f"{part} t1, {place}(s0)")
        start = chance.choice((0, 0, 0, chance.choice(places)[0]))
        calls.append(f"addi t2, s0, {start}\n jalr ra, 0(t2)")
    lines = {"calls": "\n".join(calls), "row": "\n".join(row)}
    return program(ROW.format(**lines, space=chance.choice((0, 2, 30, 62))))


def addition(length: int, chance: random.Random) -> int:
    """Adds some number to a0."""
    if length == 2:
        return 0x0501 | chance.randrange(1, 8) << 2
    return chance.getrandbits(11) << 20 | 10 << 15 | 10 << 7 | 0x13


@pytest.mark.parametrize("seed", range(24))
def test_rows_that_are_overwritten_leave_the_same_state(seed: int) -> None:
    kernel = rewritten_row(seed)
    machines = (reference(kernel), native(kernel))
    for machine in machines:
        machine.run(8_000)
    assert machines[0].state_digest() == machines[1].state_digest()


# The second half of `second`, with 100 for 2, is written after it was executed once.
STRADDLING = """
    li s2, 2
    li a0, 0
    la s0, second
    j second
    .align 12
    .space 4090
first: addi a0, a0, 1
second: addi a0, a0, 2
    addi s2, s2, -1
    li t1, {half}
    sh t1, 2(s0)
    bnez s2, first
stop: j stop
"""


def test_what_goes_on_on_the_next_page_is_read_every_time() -> None:
    word = 100 << 20 | 10 << 15 | 10 << 7 | 0x13
    kernel = program(STRADDLING.format(half=word >> 16))
    machine = native(kernel)
    machine.run(2_000)
    assert machine.register(10) == 2 + 1 + 100
