"""The record of executed code: the same on both engines, and nothing else of a run changes.

Needs the compiled interpreter, which Pants puts beside the test (see BUILD).
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.emulator.coverage import EXECUTED, NOT_TAKEN, TAKEN, Recorder
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.memory import RAM_BASE
from nexus.emulator.native_interpreter_support import FOR_PROCESSORS, RUNS_HERE, native_interpreter
from nexus.emulator.program_support import EXIT, flags_of, program
from nexus.emulator.random_kernel_cases import random_kernel
from nexus.emulator.random_program_cases import random_program

RAM_BYTES: Final = 1 << 20
STEPS: Final = 8_000
REWRITTEN_MAX: Final = 4
_NS_PER_INSTRUCTION: Final = 10

ENGINES: Final = (
    "reference",
    pytest.param(
        "native",
        marks=pytest.mark.skipif(not RUNS_HERE, reason=FOR_PROCESSORS),
    ),
)


def machine_of(kernel: bytes, engine: str, recorder: Recorder | None) -> Machine:
    blob = native_interpreter() if engine == "native" else None
    options = MachineOptions(
        kernel=kernel, ram_bytes=RAM_BYTES, engine=engine, native_blob=blob, coverage=recorder
    )
    return Machine(options)


def executed(kernel: bytes, engine: str) -> dict[int, int]:
    """Run a program; address to flags of what was executed."""
    recorder = Recorder()
    machine_of(kernel, engine, recorder).run(STEPS * _NS_PER_INSTRUCTION)
    return flags_of(recorder)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_ran_is_recorded_and_what_did_not_is_not(engine: str) -> None:
    kernel = program(
        f"""
        li a0, 0
        beq a0, zero, over
        li a1, 1
        over: li a0, 0
        {EXIT}
        """
    )
    found = executed(kernel, engine)
    assert {at - RAM_BASE for at in found if at < RAM_BASE + 20} == {0, 4, 12, 16}


@pytest.mark.parametrize("engine", ENGINES)
def test_how_branches_went_is_recorded(engine: str) -> None:
    kernel = program(
        f"""
        li a0, 3
        again: addi a0, a0, -1
        bne a0, zero, again
        beq a0, zero, over
        over: bne a0, zero, again
        li a0, 0
        {EXIT}
        """
    )
    found = executed(kernel, engine)
    assert found[RAM_BASE + 8] == EXECUTED | TAKEN | NOT_TAKEN
    assert found[RAM_BASE + 16] == EXECUTED | NOT_TAKEN
    assert found[RAM_BASE + 4] == EXECUTED


@pytest.mark.parametrize("engine", ENGINES)
def test_code_that_is_overwritten_was_still_executed(engine: str) -> None:
    """Two instructions of the same address: both pages are recorded, each with its content."""
    kernel = program(
        f"""
        la s0, patch
        lw s1, 0(s0)
        lw s2, 4(s0)
        la s3, spot
        call spot
        sw s2, 0(s3)
        fence.i
        call spot
        li a0, 0
        {EXIT}
        .align 4096
        spot: addi a0, a0, 1
        ret
        .align 4096
        patch: .word 0x00150513, 0x00250513
        """
    )
    recorder = Recorder()
    machine_of(kernel, engine, recorder).run(STEPS * _NS_PER_INSTRUCTION)
    spot = [page for page in recorder.pages() if page.key.physical == RAM_BASE + 4096]
    contents = {page.key.digest for page in spot if page.flags[0]}
    assert len(contents) == 2


def agree(kernel: bytes) -> None:
    plain = machine_of(kernel, "native", None)
    plain.run(STEPS * _NS_PER_INSTRUCTION)
    places = []
    for engine in ("native", "reference"):
        recorder = Recorder()
        machine = machine_of(kernel, engine, recorder)
        machine.run(STEPS * _NS_PER_INSTRUCTION)
        assert machine.state_digest() == plain.state_digest()
        places.append(flags_of(recorder))
    native, reference = places
    # The native engine does not know code that was data before and was overwritten (`covered.py`).
    assert not [at for at, flags in native.items() if flags & ~reference.get(at, 0)]
    assert sum(native.get(at) != flags for at, flags in reference.items()) <= REWRITTEN_MAX


@pytest.mark.skipif(not RUNS_HERE, reason=FOR_PROCESSORS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_both_engines_record_the_same_of_programs(seed: int) -> None:
    agree(program(random_program(seed, 120)))


@pytest.mark.skipif(not RUNS_HERE, reason=FOR_PROCESSORS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_both_engines_record_the_same_of_kernels(seed: int) -> None:
    agree(program(random_kernel(seed)))
