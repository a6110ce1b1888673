"""Registers of memory protection that a guest rewrites: verdicts of the reference, no Python."""

from __future__ import annotations

import random

import pytest

from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.hart import NativeHart
from nexus.emulator.program_support import EXIT, program

RAM_BYTES = 1 << 20

# What is refused adds its address to s10, and goes on behind the access.
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
    kernel = program(text)
    native = MachineOptions(
        kernel=kernel, ram_bytes=RAM_BYTES, engine="native", native_blob=native_blob()
    )
    return Machine(MachineOptions(kernel=kernel, ram_bytes=RAM_BYTES)), Machine(native)


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


def test_python_takes_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel with tasks writes these registers at each change of a task."""
    steps = []
    step = NativeHart._step

    def counted(hart: NativeHart) -> None:
        steps.append(hart)
        step(hart)

    monkeypatch.setattr(NativeHart, "_step", counted)
    _, native = machines(
        """
    li s0, 500
    li s1, 0x20020000
    li s2, 0x1f1f
again: csrw pmpaddr0, s1
    csrw pmpaddr1, s1
    csrw pmpcfg0, s2
    csrw pmpcfg0, zero
    addi s1, s1, 1
    addi s0, s0, -1
    bnez s0, again
stop: j stop
"""
    )
    native.run(100_000)
    assert native.register(8) == 0
    assert len(steps) < 10
