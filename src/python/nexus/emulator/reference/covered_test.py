"""The record of the reference engine, against a machine that goes one instruction at a time.

The record of the native engine is compared with this one in `coverage_integration_test.py`.
"""

from __future__ import annotations

from typing import Final

import pytest

from nexus.emulator.coverage import EXECUTED, NOT_TAKEN, TAKEN, Recorder
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.memory import RAM_BASE
from nexus.emulator.program_support import EXIT, flags_of, program
from nexus.emulator.random_kernel_cases import random_kernel
from nexus.emulator.random_program_cases import random_program
from nexus.emulator.reference import state as s

RAM_BYTES: Final = 1 << 20
STEPS: Final = 3_000
NS_PER_INSTRUCTION: Final = 10

# Loops that are compiled, a call, both ways of branches, a branch to what follows it, a trap in the
# middle of a row, and an instruction of two bytes.
BUSY: Final = f"""
    la t0, trap
    csrw mtvec, t0
    li a0, 40
    again: addi a0, a0, -1
    addi a1, a1, 1
    beq a0, zero, over
    bne a0, zero, again
    over: li a2, 50
    inner: call sub
    addi a2, a2, -1
    bne a2, zero, inner
    beq a2, zero, next
    next: bne a2, zero, again
    .half 0x0505, 0x0505
    addi a3, a3, 1
    ld a4, 0(a2)
    addi a3, a3, 1
    beq zero, zero, end
    addi a5, a5, 1
    end: li a0, 0
    {EXIT}
    sub: addi a3, a3, 1
    ret
    .align 4
    trap: csrr t1, mepc
    addi t1, t1, 4
    csrw mepc, t1
    mret
    """


def machine_of(kernel: bytes, recorder: Recorder | None) -> Machine:
    return Machine(
        MachineOptions(kernel=kernel, ram_bytes=RAM_BYTES, engine="reference", coverage=recorder)
    )


def stepped(kernel: bytes) -> tuple[set[int], str]:
    """Return a recordless machine's places before each step, and its state at the end."""
    machine = machine_of(kernel, None)
    places = set()
    for step in range(STEPS):
        places.add(machine.hart.state[s.PC])
        machine.run((step + 1) * NS_PER_INSTRUCTION)
        if machine.exit_code is not None:
            break
    return places, machine.state_digest()


@pytest.mark.parametrize("stride", [1, 7, STEPS])
def test_what_was_executed_is_what_a_machine_steps_through(stride: int) -> None:
    """However long the stretches are that it runs in: a block may not fit into what is left."""
    kernel = program(BUSY)
    places, digest = stepped(kernel)
    recorder = Recorder()
    machine = machine_of(kernel, recorder)
    step = 0
    while machine.exit_code is None:
        step += stride
        machine.run(step * NS_PER_INSTRUCTION)
    assert set(flags_of(recorder)) == places
    assert machine.state_digest() == digest


def test_each_branch_has_the_ways_that_it_went() -> None:
    kernel = program(BUSY)
    recorder = Recorder()
    machine_of(kernel, recorder).run(STEPS * NS_PER_INSTRUCTION)
    found = flags_of(recorder)
    ways = [found[at] & ~EXECUTED for at in sorted(found) if found[at] & ~EXECUTED]
    both = TAKEN | NOT_TAKEN
    # In the order of the text: the exit and the way back of the first loop, the second loop's, the
    # branch to what follows it, the one that goes on, the last, and that of the exit.
    assert ways == [both, TAKEN, both, TAKEN, NOT_TAKEN, TAKEN, TAKEN]
    assert all(flags & EXECUTED for flags in found.values())


def test_what_cannot_be_fetched_or_decoded_does_not_count() -> None:
    kernel = program(
        f"""
        la t0, trap
        csrw mtvec, t0
        li t1, 0x40000000
        jr t1
        .align 4
        trap: la t0, second
        csrw mtvec, t0
        .word 0
        .align 4
        second: li a0, 0
        {EXIT}
        """
    )
    recorder = Recorder()
    machine = machine_of(kernel, recorder)
    machine.run(STEPS * NS_PER_INSTRUCTION)
    assert machine.exit_code == 0
    assert min(flags_of(recorder)) == RAM_BASE
    places, _ = stepped(kernel)
    refused = places - set(flags_of(recorder))
    assert len(refused) == 2
    assert 0x40000000 in refused
    assert set(flags_of(recorder)) <= places


def test_code_that_is_overwritten_is_another_page() -> None:
    kernel = program(
        f"""
        la s0, patch
        lw s2, 0(s0)
        la s3, spot
        li s4, 30
        more: call spot
        addi s4, s4, -1
        bne s4, zero, more
        sw s2, 0(s3)
        fence.i
        call spot
        li a0, 0
        {EXIT}
        .align 4096
        spot: addi a0, a0, 1
        ret
        .align 4096
        patch: .word 0x00250513
        """
    )
    recorder = Recorder()
    machine_of(kernel, recorder).run(STEPS * NS_PER_INSTRUCTION)
    spot = [page for page in recorder.pages() if page.key.physical == RAM_BASE + 4096]
    assert len({page.key.digest for page in spot if page.flags[0]}) == 2
    assert all(page.flags[2] == EXECUTED for page in spot)


@pytest.mark.parametrize("seed", range(4))
def test_a_record_changes_nothing_of_a_run(seed: int) -> None:
    for text in (random_program(seed, 120), random_kernel(seed)):
        kernel = program(text)
        plain, recorded = machine_of(kernel, None), machine_of(kernel, Recorder())
        for machine in (plain, recorded):
            machine.run(STEPS * NS_PER_INSTRUCTION)
        assert recorded.state_digest() == plain.state_digest()
