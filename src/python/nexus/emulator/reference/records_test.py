"""The engine's answers to programs of the differential test, held to what they were.

`nexus.harness.emulator_differential` asks QEMU the same questions, where there is one, and both
agreed on these programs.  A digest that is another means that a guest can tell the difference:
`./pants run ci:emulator_differential -- --seed N --programs 1 --probes 150` names the probe.
"""

from __future__ import annotations

from hashlib import sha256

import pytest

from nexus.emulator.differential.arithmetic import Program, rows_for
from nexus.emulator.differential.frame import RAM_BYTES, frame
from nexus.emulator.differential.probes import draw
from nexus.emulator.differential.zcb import ZCB
from nexus.emulator.image_builder import executable
from nexus.emulator.isa.assemble import assemble
from nexus.emulator.isa.cpu import RV64IMAC, Cpu, parse_cpu
from nexus.emulator.machine import Machine, MachineOptions, Stop

PROBES = 150
# Seed of the probes, bytes that were sent, and the beginning of their SHA-256.
SEEDS = [
    (1, 10624, "927cfd0787d9ef7e199aa6b18be10374"),
    (2, 10816, "91ee629d97aa43745c165b9c410b9d3a"),
    (3, 10624, "c8f57c2796124f12972df4cad7251c9e"),
    (4, 10688, "ecfd69dc816beef078f4c4948ee4f83e"),
    (5, 10880, "caf8533d1929fee2b313743a37615375"),
    (6, 10688, "2dd2705c5e935616f3f079ad20354873"),
]
ROUNDS = [
    (1, "03f75bdf55b300cb23ab997900191f4c"),
    (2, "61e5dc777de9e00613103fcf49529671"),
    (3, "90abccc24bb7f00c75232562dd230949"),
]
FLOATS = parse_cpu("rv64gc_zba_zbb_zbs_zicond_zcb")


def records_of(text: str, cpu: Cpu, budget_ns: int) -> bytes:
    """Run a program to its end; return what it sent."""
    machine = Machine(
        MachineOptions(kernel=executable(assemble(text)), ram_bytes=RAM_BYTES, cpu=cpu)
    )
    assert machine.run(budget_ns) is Stop.FINISHED
    return machine.take_console()


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:32]


@pytest.mark.parametrize(("seed", "size", "expected"), SEEDS)
def test_privilege_memory_and_traps_are_answered_as_they_were(
    seed: int, size: int, expected: str
) -> None:
    probes = draw(seed, PROBES)
    found = records_of(frame([probe.text for probe in probes]), RV64IMAC, 20_000_000)
    assert (len(found), digest(found)) == (size, expected)


@pytest.mark.parametrize(("seed", "expected"), ROUNDS)
def test_rows_of_arithmetic_give_the_results_and_flags_that_they_gave(
    seed: int, expected: str
) -> None:
    program = Program(rows_for(FLOATS.extensions), seed, 3, ZCB)
    found = records_of(program.text, FLOATS, 30_000_000)
    assert (len(found), digest(found)) == (8 * 4 * len(program.names), expected)
