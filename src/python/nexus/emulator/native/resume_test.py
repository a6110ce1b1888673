"""Snapshots on the native engine, and from one engine to the other: the same state as without."""

import random
from dataclasses import replace

import pytest  # pants: no-infer-dep  (comes with the test runner)

from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.program_support import program
from nexus.emulator.random_program_cases import random_program
from nexus.emulator.snapshot import restore, save


@pytest.mark.parametrize("seed", range(6))
def test_engines_can_take_turns(seed: int) -> None:
    reference = MachineOptions(kernel=program(random_program(seed, 300)), ram_bytes=1 << 20)
    native = replace(reference, engine="native", native_blob=native_blob())
    straight, broken = Machine(reference), Machine(native)
    chance = random.Random(seed)
    instant = 0
    for options in (native, native, reference, native, reference, reference, native):
        instant += 10 * chance.randrange(1, 4000)
        straight.run(instant)
        broken.run(instant)
        broken = restore(options, save(broken))
        assert save(broken) == save(straight)
        assert broken.state_digest() == straight.state_digest()
