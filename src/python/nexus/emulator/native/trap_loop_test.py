"""The compiled engines notice traps that lead nowhere at the same instruction as the reference."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from nexus.emulator.coverage import Recorder
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.translation_support import translated
from nexus.emulator.program_support import boot, program
from nexus.emulator.snapshot import save
from nexus.emulator.trap_loop_cases import FREE, STUCK
from nexus.emulator.trap_loop_harts_cases import FREE_TOGETHER, STUCK_TOGETHER

BUDGET_NS = 100_000_000
ALONE = {guest.name: guest.text for guest in STUCK} | FREE
TOGETHER = STUCK_TOGETHER | FREE_TOGETHER


def native(kernel: bytes) -> MachineOptions:
    return MachineOptions(
        kernel=kernel, ram_bytes=1 << 20, engine="native", native_blob=native_blob()
    )


OPTIONS: Final[dict[str, Callable[[bytes], MachineOptions]]] = {
    "native": native,
    "translated": lambda kernel: translated(kernel, 1 << 20),
    "covered": lambda kernel: replace(native(kernel), coverage=Recorder()),
}


@pytest.mark.parametrize(
    ("name", "harts"), [*((name, 1) for name in ALONE), *((name, 2) for name in TOGETHER)]
)
@pytest.mark.parametrize("engine", OPTIONS)
def test_every_engine_stops_at_the_same_trap(name: str, harts: int, engine: str) -> None:
    source = (ALONE | TOGETHER)[name]
    options = replace(OPTIONS[engine](program(source)), stops_when_stuck=True, harts=harts)
    reference, other = boot(source, stops_when_stuck=True, harts=harts), Machine(options)
    chance = random.Random(name)
    instant = 0
    while reference.run(instant) is Stop.REACHED:
        instant += 10 * chance.choice((1, 7, 1_000, 300_000))
        other.run(min(instant, BUDGET_NS))
    assert other.run(instant) is reference.run(instant)
    assert save(other) == save(reference)
