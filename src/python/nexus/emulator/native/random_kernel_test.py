"""Random kernels (see `random_kernel_cases`) on the compiled engines: the reference's state."""

import random

import pytest

from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.translation_support import translated
from nexus.emulator.program_support import program
from nexus.emulator.random_kernel_cases import random_kernel
from nexus.emulator.snapshot import save

RAM_BYTES = 1 << 20


def _agree(reference: Machine, machine: Machine, chance: random.Random) -> None:
    """Compare at random instants, which the machine reaches in random slices."""
    instant = 0
    for bound in (30, 300, 1000, 3000, 6000):
        instant += 10 * chance.randrange(1, bound)
        stop = reference.run(instant)
        while machine.now_ns < instant:
            step = 10 * chance.choice((1, 2, 7, 50, 100_000))
            if machine.run(min(instant, machine.now_ns + step)) in (Stop.FINISHED, Stop.RESET):
                break
        assert machine.state_digest() == reference.state_digest(), f"at {instant} ns"
        assert save(machine) == save(reference), f"at {instant} ns"
        if stop in (Stop.FINISHED, Stop.RESET):
            break


@pytest.mark.parametrize("seed", range(24))
def test_native_leaves_the_same_state(seed: int) -> None:
    kernel = program(random_kernel(seed))
    reference = MachineOptions(kernel=kernel, ram_bytes=RAM_BYTES)
    native = MachineOptions(
        kernel=kernel, ram_bytes=RAM_BYTES, engine="native", native_blob=native_blob()
    )
    _agree(Machine(reference), Machine(native), random.Random(seed))


@pytest.mark.parametrize("seed", range(100, 106))
def test_translated_leaves_the_same_state(seed: int) -> None:
    kernel = program(random_kernel(seed, 80))
    reference = MachineOptions(kernel=kernel, ram_bytes=RAM_BYTES)
    _agree(Machine(reference), Machine(translated(kernel, RAM_BYTES)), random.Random(seed))
