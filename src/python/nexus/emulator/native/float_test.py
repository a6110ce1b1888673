"""Floating point and bit manipulation in generated code: what the reference says, for every set.

QEMU is asked the same on far more operands (`emulator_differential`).
"""

from __future__ import annotations

import random

import pytest

from nexus.emulator.differential.arithmetic import Program, rows_for
from nexus.emulator.differential.zcb import ZCB
from nexus.emulator.guest_support import OPEN_PMP, drop_to
from nexus.emulator.image_builder import executable
from nexus.emulator.isa.assemble import assemble
from nexus.emulator.isa.cpu import OPTIONAL, parse_cpu
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.translation_support import translations_of
from nexus.emulator.program_support import program
from nexus.emulator.random_program_cases import random_program

RAM_BYTES = 1 << 20
ALL = parse_cpu("rv64gc_zba_zbb_zbs_zicond_zcb")
SETS = ("rv64imac", "rv64imafc", "rv64gc", str(ALL))


def machine(kernel: bytes, engine: str, cpu: str = str(ALL)) -> Machine:
    is_reference = engine == "reference"
    return Machine(
        MachineOptions(
            kernel=kernel,
            ram_bytes=RAM_BYTES,
            cpu=parse_cpu(cpu),
            engine=engine,
            native_blob=None if is_reference else native_blob(),
            translations=translations_of(kernel) if engine == "translated" else None,
        )
    )


@pytest.mark.parametrize("engine", ["native", "translated"])
def test_arithmetic_has_the_same_results_and_flags(engine: str) -> None:
    rounds = Program(rows_for(OPTIONAL), seed=5, rounds=24, others=ZCB)
    kernel = executable(assemble(rounds.text))
    found = []
    for name in ("reference", engine):
        it = machine(kernel, name)
        assert it.run(1_000_000_000) is Stop.FINISHED
        found.append(it.take_console())
    assert rounds.differing(*found) == []


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("engine", ["native", "translated"])
def test_random_programs_leave_the_same_state(seed: int, engine: str) -> None:
    """On harts that have all of a program's extensions, and on those that lack some."""
    kernel = program(random_program(seed, 200, ALL))
    name = SETS[seed % len(SETS)]
    reference, other = machine(kernel, "reference", name), machine(kernel, engine, name)
    chance = random.Random(seed)
    instant = 0
    for bound in (30, 400, 3000, 12000):
        instant += 10 * chance.randrange(1, bound)
        reference.run(instant)
        while other.now_ns < instant:
            other.run(min(instant, other.now_ns + 10 * chance.choice((1, 7, 50, 100_000))))
        assert other.state_digest() == reference.state_digest(), f"at {instant} ns"


# User mode adds up a table; the supervisor turns the unit off and on, and notes what FS says.
LAZY = f"""
    {OPEN_PMP}
    la t0, switched
    csrw mtvec, t0
    la t0, numbers
    li s2, 0x6000
    li s5, 40
    {drop_to(0, "user")}
    user: li s3, 0
    fmv.d.x fa0, zero
    again: fld fa1, 0(t0)
    fadd.d fa0, fa0, fa1
    addi s3, s3, 1
    li s4, 20
    bne s3, s4, again
    ecall
    .align 4
    switched: csrr t1, mcause
    li t2, 2
    beq t1, t2, turn_on
    csrr t2, mstatus
    and t2, t2, s2
    add a0, a0, t2
    csrc mstatus, s2
    li s3, 0
    addi s5, s5, -1
    beqz s5, stop
    la t2, user
    csrw mepc, t2
    mret
    turn_on: csrr t2, mtval
    add a1, a1, t2
    li t2, 0x4000
    csrs mstatus, t2
    mret
    stop: j stop
    .align 8
    numbers: .dword 0x3ff3333333333333
"""


@pytest.mark.parametrize("engine", ["reference", "native", "translated"])
def test_a_kernel_can_switch_the_unit_lazily(engine: str) -> None:
    it = machine(program(LAZY), engine)
    it.run(200_000)
    assert it.register(21) == 0
    assert it.register(10) == 40 * 0x6000  # Dirty, every time.
    # fmv.d.x fa0, zero, and its bits in mtval, forty times.
    assert it.register(11) == 40 * 0xF200_0553
    assert it.state_digest() == _reference_digest(LAZY, it.now_ns)


# On zeros, so that no flag goes up.
_READS = ("feq.d a0, fa1, fa1", "fclass.s a0, fa1", "fcvt.l.d a0, fa1", "fmv.x.d a0, fa1")
_WRITES = ("fadd.d fa0, fa1, fa1", "fsgnj.d fa0, fa1, fa1", "fcvt.d.l fa0, zero", "fld fa0, (sp)")
_INITIAL, _CLEAN, _DIRTY = 1, 2, 3


@pytest.mark.parametrize("engine", ["reference", "native", "translated"])
@pytest.mark.parametrize("status", [_INITIAL, _CLEAN])
def test_what_only_reads_registers_leaves_the_unit_as_clean_as_it_was(
    engine: str, status: int
) -> None:
    instructions = (*_READS, *_WRITES)
    text = f"li s2, 0x6000\n li s3, {status << 13}\n la sp, zeros\n" + "".join(
        f"""
        csrc mstatus, s2
        csrs mstatus, s3
        {instruction}
        csrr t0, mstatus
        srli t0, t0, 13
        andi t0, t0, 3
        slli s4, s4, 4
        or s4, s4, t0
        """
        for instruction in instructions
    )
    it = machine(program(text + "stop: j stop\n .align 8\n zeros: .dword 0"), engine)
    it.run(10_000)
    noted = [it.register(20) >> 4 * place & 15 for place in reversed(range(len(instructions)))]
    assert noted == [status] * len(_READS) + [_DIRTY] * len(_WRITES)


def _reference_digest(text: str, until_ns: int) -> str:
    it = machine(program(text), "reference")
    it.run(until_ns)
    return it.state_digest()
