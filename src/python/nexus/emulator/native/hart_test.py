"""The native engine against the reference: the same state at every instant, however it is reached.

One seed is one random program (see `random_program_cases`); both engines run it to the same random
instants, the native one in random slices, and their digests over registers, CSRs and RAM must
agree at each.
"""

import random

import pytest

from nexus.emulator.guest_support import OPEN_PMP, PAGING, SPLIT_INSTRUCTION, drop_to
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.native import layout
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.hart import NativeHart
from nexus.emulator.program_support import EXIT, boot, program
from nexus.emulator.random_program_cases import random_program

RAM_BYTES = 1 << 20


def both(kernel: bytes, *, ram_bytes: int = RAM_BYTES) -> tuple[Machine, Machine]:
    """The same machine on both engines."""
    return (
        Machine(MachineOptions(kernel=kernel, ram_bytes=ram_bytes)),
        Machine(
            MachineOptions(
                kernel=kernel, ram_bytes=ram_bytes, engine="native", native_blob=native_blob()
            )
        ),
    )


def run_in_slices(machine: Machine, until_ns: int, chance: random.Random) -> Stop:
    """Run in slices of very different lengths."""
    while True:
        step = 10 * chance.choice((1, 2, 7, 50, 100_000))
        stop = machine.run(min(until_ns, machine.now_ns + step))
        if machine.now_ns == until_ns or stop in (Stop.FINISHED, Stop.RESET):
            return stop


@pytest.mark.parametrize("seed", range(20))
def test_random_programs_leave_the_same_state(seed: int) -> None:
    reference, native = both(program(random_program(seed, 300)))
    chance = random.Random(seed)
    instant = 0
    for bound in (2, 30, 400, 3000, 3000, 12000):
        instant += 10 * chance.randrange(1, bound)
        assert reference.run(instant) is run_in_slices(native, instant, chance)
        assert native.state_digest() == reference.state_digest(), f"at {instant} ns"
    assert native.instructions == reference.instructions


def test_consoles_and_ends_agree() -> None:
    text = f"""
    la a1, text
    li a2, 0x10000000
    again: lbu a0, 0(a1)
    sb a0, 0(a2)
    addi a1, a1, 1
    bnez a0, again
    li a0, 5
    {EXIT}
    text: .byte 72, 105, 0
    """
    for machine in both(program(text)):
        assert machine.run(1_000_000) is Stop.FINISHED
        assert machine.exit_code == 5
        assert machine.take_console() == b"Hi\0"


def test_an_instruction_across_pages_is_decoded_anew_when_its_end_changes() -> None:
    """Both by remapping the second page and by a store to it, in a loop that stays hot."""
    text = f"""{OPEN_PMP}{PAGING}
    ori t0, s3, 0xf
    sd t0, 8(s2)
    li t1, 0x400
    add s4, t0, t1
    add s5, s4, t1
    {SPLIT_INSTRUCTION}{drop_to(1, "super")}
    super: li a0, 0
    li a5, 0x1ffe
    li s6, 30
    li s7, 0x80011000
    li s8, 0x80820035
    again: sd s4, 16(s2)
    jalr ra, 0(a5)
    jalr ra, 0(a5)
    sd s5, 16(s2)
    jalr ra, 0(a5)
    addi s6, s6, -1
    bnez s6, again
    sw s8, 0(s7)
    sd s4, 16(s2)
    jalr ra, 0(a5)
    stop: j stop
    """
    reference, native = both(program(text))
    for machine in (reference, native):
        machine.run(50_000)
        assert machine.register(10) == 30 * (1 + 1 + 2) + 3
    assert native.state_digest() == reference.state_digest()


def test_no_page_is_walked_before_its_step() -> None:
    """A jump to a fresh page at the very end of a slice leaves its accessed bit alone."""
    text = f"""{OPEN_PMP}{PAGING}
    ori t0, s3, 0xf
    sd t0, 8(s2)
    {drop_to(1, "super")}
    super: li a0, 0x1000
    jr a0
    """
    reference, native = both(program(text))
    for instant in range(10, 800, 10):
        reference.run(instant)
        native.run(instant)
        assert native.state_digest() == reference.state_digest(), instant


def test_running_out_of_decoded_pages_only_costs_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "POOL_PAGES", 2)
    kernel = program(random_program(3, 300))
    reference, native = both(kernel)
    for instant in (10_000, 60_000):
        reference.run(instant)
        native.run(instant)
        assert native.state_digest() == reference.state_digest()


def test_drives_and_marks_reach_native_code() -> None:
    """A device that writes over code that was just executed: the new code runs."""
    machine = boot("again: li s0, 1\n j again", engine="native", native_blob=native_blob())
    machine.run(10_000)
    assert machine.register(8) == 1
    assert isinstance(machine._hart, NativeHart)
    machine._ram.write(0x8000_0000, (0x00200413).to_bytes(4, "little"))  # li s0, 2
    machine.run(20_000)
    assert machine.register(8) == 2
