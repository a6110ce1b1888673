"""Random guests of devices (see `random_device_cases`) on the native engine: the reference's state.

Generated code serves many registers itself, and leaves the rest to Python.
"""

import random

import pytest

from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.translation_support import translations_of
from nexus.emulator.program_support import program
from nexus.emulator.random_device_cases import random_devices
from nexus.emulator.snapshot import restore, save

RAM_BYTES = 1 << 20


def _options(kernel: bytes, engine: str, harts: int) -> MachineOptions:
    return MachineOptions(
        kernel=kernel,
        ram_bytes=RAM_BYTES,
        harts=harts,
        entropy=bytes,
        engine=engine,
        native_blob=native_blob() if engine != "reference" else None,
        translations=translations_of(kernel) if engine == "translated" else None,
    )


def _agree(seed: int, engine: str, harts: int) -> None:
    """Compare at random instants, at which a key is typed, and go on from what was saved."""
    chance = random.Random(seed)
    kernel = program(random_devices(seed))
    options = _options(kernel, engine, harts)
    reference, machine = Machine(_options(kernel, "reference", harts)), Machine(options)
    instant = 0
    for bound in (300, 1_000, 3_000, 10_000, 10_000):
        instant += 10 * chance.randrange(1, bound)
        reference.run(instant)
        while machine.now_ns < instant:
            machine.run(min(instant, machine.now_ns + 10 * chance.choice((1, 7, 500, 100_000))))
        assert save(machine) == save(reference), f"at {instant} ns"
        assert machine.take_console() == reference.take_console()
        typed = bytes(chance.randrange(20))
        assert machine.offer_console(typed) == reference.offer_console(typed)
        machine = chance.choice((machine, restore(options, save(reference))))


@pytest.mark.parametrize("harts", [1, 2])
@pytest.mark.parametrize("seed", range(24))
def test_native_leaves_the_same_state(seed: int, harts: int) -> None:
    _agree(seed, "native", harts)


@pytest.mark.parametrize("seed", range(100, 104))
def test_translated_leaves_the_same_state(seed: int) -> None:
    _agree(seed, "translated", 1)
