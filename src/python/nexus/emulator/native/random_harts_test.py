"""Random guests for several harts (see `random_harts_cases`) on the compiled engines.

They change turns in generated code; what is compared is the reference, which does it in Python.
"""

import random

import pytest

from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.translation_support import translations_of
from nexus.emulator.observe import Observer
from nexus.emulator.program_support import program
from nexus.emulator.random_harts_cases import random_harts
from nexus.emulator.random_kernel_cases import random_kernel
from nexus.emulator.snapshot import restore, save
from nexus.emulator.turn_words import TURN_STEPS

RAM_BYTES = 1 << 20


def _options(kernel: bytes, engine: str, harts: int, observer: Observer | None) -> MachineOptions:
    return MachineOptions(
        kernel=kernel,
        ram_bytes=RAM_BYTES,
        harts=harts,
        engine=engine,
        native_blob=native_blob() if engine != "reference" else None,
        translations=translations_of(kernel) if engine == "translated" else None,
        observer=observer,
    )


def _agree(kernel: bytes, engine: str, seed: int) -> None:
    """Compare at random instants, which the engine reaches in random slices."""
    chance = random.Random(seed)
    harts = chance.choice((2, 3, 3, 8))
    options = _options(kernel, engine, harts, None)
    reference = Machine(_options(kernel, "reference", harts, None))
    machine = Machine(options)
    instant = 0
    for bound in (3_000, 10_000, 30_000, 60_000):
        instant += 10 * chance.randrange(1, bound)
        stop = reference.run(instant)
        while machine.now_ns < instant:
            step = 10 * chance.choice((1, 7, 500, TURN_STEPS - 1, TURN_STEPS, 100_000))
            if machine.run(min(instant, machine.now_ns + step)) in (Stop.FINISHED, Stop.RESET):
                break
        assert machine.state_digest() == reference.state_digest(), f"at {instant} ns"
        assert save(machine) == save(reference), f"at {instant} ns"
        if stop in (Stop.FINISHED, Stop.RESET):
            break
        if chance.random() < 0.3:
            machine = restore(options, save(reference))


@pytest.mark.parametrize("seed", range(24))
def test_native_gives_the_same_turns(seed: int) -> None:
    _agree(program(random_harts(seed)), "native", seed)


@pytest.mark.parametrize("seed", range(100, 106))
def test_translated_gives_the_same_turns(seed: int) -> None:
    _agree(program(random_harts(seed)), "translated", seed)


@pytest.mark.parametrize("seed", range(200, 210))
def test_harts_of_one_kernel_agree(seed: int) -> None:
    """The harts change protection and address spaces, each its own."""
    _agree(program(random_kernel(seed)), "native", seed)


@pytest.mark.parametrize("engine", ["reference", "native", "translated"])
def test_somebody_who_waits_for_a_turn_gets_it_as_it_begins(engine: str) -> None:
    observer = Observer()
    machine = Machine(_options(program("again: j again"), engine, 3, observer))
    observer.awaited = 2
    assert machine.run(10**9) is Stop.OBSERVED
    assert (machine.turn, machine.instructions) == (2, 2 * TURN_STEPS)


@pytest.mark.parametrize("engine", ["native", "translated"])
def test_an_alarm_interrupts_on_time_amid_many_turns(engine: str) -> None:
    """The alarm of the clock board is the machine's own: no engine may run past it."""
    source = """
    li s1, 0x101000
    lw s2, 0(s1)
    lw s3, 4(s1)
    li t0, 3000000
    add s2, s2, t0
    sw s3, 12(s1)
    li t0, 1
    sw t0, 16(s1)
    sw s2, 8(s1)
    li s4, 0x0c000000
    sw t0, 44(s4)
    li s5, 0x0c002000
    li t0, 0x800
    sw t0, 0(s5)
    csrr s0, mhartid
    csrw mie, t0
    la t0, handler
    csrw mtvec, t0
    csrrsi zero, mstatus, 8
again:
    addi s6, s6, 1
    j again
.align 4
handler:
    csrr s7, time
    csrr s8, minstret
asleep:
    j asleep
    """
    reference = Machine(_options(program(source), "reference", 2, None))
    machine = Machine(_options(program(source), engine, 2, None))
    for it in (reference, machine):
        it.run(5_000_000)
    assert reference.core(0).state[23] or reference.core(1).state[23], "the alarm went off"
    assert save(machine) == save(reference)
