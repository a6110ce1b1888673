"""Kernels' changes of protection at each task switch: the reference's verdicts, and no Python."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from nexus.emulator.isa.cpu import parse_cpu
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.hart import NativeHart
from nexus.emulator.program_support import EXIT, program

RAM_BYTES = 1 << 20

# A refused access adds its address to s10, and the program goes on behind the access.
_HANDLER = """
    la t0, handler
    csrw mtvec, t0
    j ready
    .align 4
handler: csrr t6, mtval
    add s10, s10, t6
    csrr t6, mepc
    addi t6, t6, 4
    csrw mepc, t6
    mret
ready:
    li s1, 0x20800
    csrs mstatus, s1
    li s2, 0x80080000
    li s3, 0x80081ffc
"""
_PROBES = ("ld t1, 0(s2)", "sd t1, 8(s2)", "lw t1, 0(s3)", "lw t1, 4(s3)", "sb t1, 0(s3)")
_PLACES = (0, 0x8008_0000, 0x8008_0008, 0x8008_1000, 0x8008_1FFC, 0x8008_2000, 0x8010_0000, -1)


def rewrites(seed: int, count: int) -> str:
    """A program that writes any of these registers again and again, and looks what it may do."""
    chance = random.Random(seed)
    locked = seed % 2
    lines = [_HANDLER]
    for _ in range(count):
        number = chance.randrange(16)
        if chance.random() < 0.5:
            address = (chance.choice(_PLACES) >> 2) | chance.choice((0, 0, 1, 0x1FF, 0x3FFFF))
            lines.append(f"li t0, {address}\n csrw pmpaddr{number}, t0")
        else:
            shift = 8 * (number & 7)
            config = chance.getrandbits(5) | locked * (chance.random() < 0.1) << 7
            register = "pmpcfg0" if number < 8 else "pmpcfg2"
            lines.append(f"li t0, {0x1F << shift}\n csrc {register}, t0")
            lines.append(f"li t0, {config << shift}\n csrs {register}, t0")
        lines += chance.sample(_PROBES, 2)
    return "\n".join([*lines, "li a0, 0", EXIT])


def machines(text: str) -> tuple[Machine, Machine]:
    """The same machine on the reference and on generated code."""
    reference = MachineOptions(kernel=program(text), ram_bytes=RAM_BYTES, cpu=parse_cpu("rv64gc"))
    native = replace(reference, engine="native", native_blob=native_blob())
    return Machine(reference), Machine(native)


@pytest.mark.parametrize("seed", range(12))
def test_verdicts_are_those_of_the_reference(seed: int) -> None:
    reference, native = machines(rewrites(seed, 150))
    chance = random.Random(seed)
    instant = 0
    while instant < 60_000:
        instant += 10 * chance.choice((1, 7, 50, 2000))
        for machine in (reference, native):
            machine.run(instant)
        assert native.state_digest() == reference.state_digest(), f"at {instant} ns"
    assert native.register(26) > 0, "nothing was ever refused"


# A misaligned access, and the border of an empty range in the midst of it.
_EMPTY = f"""
    {_HANDLER}
    li t0, 0x20020002
    csrw pmpaddr0, t0
    csrw pmpaddr1, t0
    li t0, -1
    csrw pmpaddr2, t0
    li t0, 0x1f0800
    csrw pmpcfg0, t0
    li t2, 7
    sd t2, 6(s2)
    ld t1, 6(s2)
    li a0, 0
    {EXIT}
"""


def test_an_empty_range_is_no_part_of_an_access() -> None:
    for machine in machines(_EMPTY):
        machine.run(10_000)
        assert (machine.register(6), machine.register(26)) == (7, 0)


_TASKS = """
    li s1, 0x20020000
    li s2, 0x1f1f
again: csrw pmpaddr0, s1
    csrw pmpaddr1, s1
    csrw pmpcfg0, s2
    csrw pmpcfg0, zero
    addi s1, s1, 1
"""
_HANDLED = """
    la t0, handler
    csrw mtvec, t0
    li s1, 0x6000
    j again
    .align 4
handler: csrs mstatus, s1
    csrr t0, mepc
    add t0, t0, s2
    csrw mepc, t0
    mret
"""
_MISSING = _HANDLED + "again: li s2, 4\n csrr t1, 0x5c0\n"
# The handler turns the unit on, and goes back to the instruction.
_FLOAT_ON_DEMAND = _HANDLED + "again: csrc mstatus, s1\n fadd.d fa0, fa1, fa2\n"


@pytest.mark.parametrize("body", [_TASKS, _MISSING, _FLOAT_ON_DEMAND])
def test_python_takes_no_part(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """A kernel with tasks does this at each change of a task."""
    steps = []
    step = NativeHart._step

    def counted(hart: NativeHart) -> None:
        steps.append(hart)
        step(hart)

    monkeypatch.setattr(NativeHart, "_step", counted)
    last = "addi s0, s0, -1\n bnez s0, again\n stop: j stop"
    _, native = machines(f"li s0, 500\n{body}\n{last}")
    native.run(100_000)
    assert native.register(8) == 0
    assert len(steps) < 10
