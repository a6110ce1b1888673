"""Any random program, paused anywhere: native and reference are the same machine.

Needs the compiled interpreter, which Pants puts beside the test (see BUILD).
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.emulator.isa.cpu import RV64IMAC, Cpu, parse_cpu
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native_interpreter_support import FOR_PROCESSORS, RUNS_HERE, native_interpreter
from nexus.emulator.program_support import program
from nexus.emulator.random_device_cases import random_devices
from nexus.emulator.random_harts_cases import random_harts
from nexus.emulator.random_kernel_cases import random_kernel
from nexus.emulator.random_program_cases import random_program
from nexus.emulator.snapshot import save
from nexus.emulator.turns_guest_cases import ring

RAM_BYTES: Final = 1 << 20
_NS_PER_INSTRUCTION: Final = 10

pytestmark = pytest.mark.skipif(not RUNS_HERE, reason=FOR_PROCESSORS)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    pauses=st.lists(st.integers(1, 2_500), min_size=1, max_size=12),
)
def test_native_and_reference_agree_wherever_they_pause(seed: int, pauses: list[int]) -> None:
    _agree(program(random_program(seed, 120)), pauses)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    pauses=st.lists(st.integers(1, 2_500), min_size=1, max_size=12),
    name=st.sampled_from(["rv64gc", "rv64imafc_zbb", "rv64gc_zba_zbb_zbs_zicond_zcb"]),
)
def test_they_agree_on_optional_extensions(seed: int, pauses: list[int], name: str) -> None:
    """Of a program that has instructions of all of them."""
    everything = parse_cpu("rv64gc_zba_zbb_zbs_zicond_zcb")
    _agree(program(random_program(seed, 120, everything)), pauses, parse_cpu(name))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    pauses=st.lists(st.integers(1, 2_500), min_size=1, max_size=12),
)
def test_they_agree_on_protection_shared_pages_and_registers(seed: int, pauses: list[int]) -> None:
    _agree(program(random_kernel(seed)), pauses)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    harts=st.integers(1, 2),
    pauses=st.lists(st.integers(1, 2_500), min_size=1, max_size=12),
)
def test_they_agree_on_registers_of_devices(seed: int, harts: int, pauses: list[int]) -> None:
    _agree(program(random_devices(seed)), pauses, harts=harts)


@settings(max_examples=10, deadline=None)
@given(
    harts=st.integers(2, 8),
    pauses=st.lists(st.integers(1, 25_000), min_size=1, max_size=12),
)
def test_they_agree_on_harts_that_take_turns(harts: int, pauses: list[int]) -> None:
    _agree(program(ring(harts)), pauses, harts=harts)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    harts=st.integers(2, 8),
    pauses=st.lists(st.integers(1, 15_000), min_size=1, max_size=6),
)
def test_they_agree_on_what_harts_do_to_each_other(
    seed: int, harts: int, pauses: list[int]
) -> None:
    _agree(program(random_harts(seed)), pauses, harts=harts)


def test_what_is_written_to_x0_is_in_no_snapshot() -> None:
    """An engine may keep such results or not, of the hart whose turn it is and of others."""
    kernel = program("li t0, 1\nagain: add zero, t0, t0\naddi t0, t0, 1\nbnez t0, again")
    _agree(kernel, [7_000, 13_000], harts=2)


def _agree(kernel: bytes, pauses: list[int], cpu: Cpu = RV64IMAC, harts: int = 1) -> None:
    native = Machine(
        MachineOptions(
            kernel=kernel,
            harts=harts,
            ram_bytes=RAM_BYTES,
            cpu=cpu,
            entropy=bytes,
            engine="native",
            native_blob=native_interpreter(),
        )
    )
    reference = Machine(
        MachineOptions(kernel=kernel, harts=harts, ram_bytes=RAM_BYTES, cpu=cpu, entropy=bytes)
    )
    for pause in pauses:
        native.run(native.now_ns + pause * _NS_PER_INSTRUCTION)
    reference.run(sum(pauses) * _NS_PER_INSTRUCTION)
    assert native.instructions == reference.instructions
    assert native.state_digest() == reference.state_digest()
    assert save(native) == save(reference)
