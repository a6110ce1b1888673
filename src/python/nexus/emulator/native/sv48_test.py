"""Page tables of four levels: what QEMU 7.2 answered to the same guest.

Translated pages walk as the native interpreter does: random programs show it.
"""

from __future__ import annotations

import pytest

from nexus.emulator.guest_support import OPEN_PMP, drop_to
from nexus.emulator.isa.cpu import parse_cpu
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.translation_support import translations_of
from nexus.emulator.program_support import program
from nexus.emulator.random_program_cases import random_program

RAM_BYTES = 2 << 20
RAM = 0x8000_0000
TOP, ROOT, MIDDLE, LEAF, DATA = (RAM + 0x10_0000 + 0x1000 * number for number in range(5))
FOUND = 0x1122_3344_5566_7788
MODE = 9 << 60 | TOP >> 12


def entry(physical: int, flags: int) -> int:
    return physical >> 12 << 10 | flags


# Where, and what is there: pointers at 0, 256 and 511 of the top, leaves at 1 to 3.
ENTRIES = {
    TOP: entry(ROOT, 0x01),
    TOP + 8: entry(0, 0xCF),  # Half a terabyte, at its place.
    TOP + 16: entry(1 << 30, 0xCF),  # Misaligned.
    TOP + 24: entry(0, 0xD1),  # A pointer with bits that only leaves have.
    TOP + 8 * 256: entry(ROOT, 0x01),
    TOP + 8 * 511: entry(ROOT, 0x01),
    ROOT: entry(MIDDLE, 0x01),
    ROOT + 16: entry(RAM, 0xCF),
    MIDDLE: entry(LEAF, 0x01),
    LEAF + 8: entry(DATA, 0x47),
    DATA: FOUND,
}


def machine(cpu: str, engine: str, kernel: bytes) -> Machine:
    return Machine(
        MachineOptions(
            kernel=kernel,
            ram_bytes=RAM_BYTES,
            cpu=parse_cpu(cpu),
            engine=engine,
            native_blob=None if engine == "reference" else native_blob(),
            translations=translations_of(kernel) if engine == "translated" else None,
        )
    )


def after_load(address: int, cpu: str, engine: str) -> Machine:
    stores = "\n".join(
        f"li t0, {at}\nli t1, {value}\nsd t1, 0(t0)" for at, value in ENTRIES.items()
    )
    text = f"""
    la t0, trapped
    csrw mtvec, t0
    {OPEN_PMP}
    {stores}
    li t0, {MODE}
    csrw satp, t0
    csrr a7, satp
    li a0, {address}
    {drop_to(1, "load")}
    load: ld a1, 0(a0)
    ecall
    .align 4
    trapped: csrr a4, mcause
    csrr a5, mtval
    stop: j stop
    """
    it = machine(cpu, engine, program(text))
    it.run(20_000)
    return it


@pytest.mark.parametrize("engine", ["reference", "native"])
@pytest.mark.parametrize(
    "address", [DATA, 0x1000, 1 << 39 | DATA, 0xFFFF_8000_0000_1000, 0xFFFF_FF80_0000_1000]
)
def test_a_walk_has_four_levels(address: int, engine: str) -> None:
    it = after_load(address, "rv64imac_sv48", engine)
    assert (it.register(17), it.register(11), it.register(14)) == (MODE, FOUND, 9)


@pytest.mark.parametrize("engine", ["reference", "native"])
@pytest.mark.parametrize(
    "address",
    [
        2 << 39 | DATA,
        3 << 39 | DATA,
        1 << 47 | 0x1000,  # Not sign-extended.
        1 << 48 | 0x1000,
        0x7FFF_FFFF_F000,
    ],
)
def test_a_walk_to_nowhere_is_a_fault(address: int, engine: str) -> None:
    it = after_load(address, "rv64imac_sv48", engine)
    assert it.register(17) == MODE
    assert (it.register(11), it.register(14), it.register(15)) == (0, 13, address)


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_a_hart_without_it_ignores_the_mode(engine: str) -> None:
    it = after_load(DATA, "rv64imac", engine)
    assert it.register(17) == 0
    assert it.register(11) == FOUND


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("engine", ["native", "translated"])
def test_random_programs_leave_the_same_state(seed: int, engine: str) -> None:
    name = "rv64gc_sv48"
    kernel = program(random_program(seed, 200, parse_cpu(name)))
    reference, other = machine(name, "reference", kernel), machine(name, engine, kernel)
    for instant in (5_000, 80_000):
        reference.run(instant)
        other.run(instant)
        assert other.state_digest() == reference.state_digest(), f"at {instant} ns"
