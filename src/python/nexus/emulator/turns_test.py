"""Several harts take turns: together they count right, and no result depends on the slices."""

from __future__ import annotations

import pytest

from nexus.emulator import fdt, reset
from nexus.emulator.board import CLINT_BASE, PLIC_BASE
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.program_support import EXIT, boot, program
from nexus.emulator.snapshot import restore, save
from nexus.emulator.turn_words import TURN_STEPS
from nexus.emulator.turns_guest_cases import COUNTERS, ROUNDS, ring


@pytest.mark.parametrize("harts", [1, 2, 3, 8])
def test_harts_count_together_and_wake_each_other(harts: int) -> None:
    machine = boot(ring(harts), harts=harts)
    assert machine.run(5_000_000) is Stop.FINISHED
    assert machine.exit_code == 0
    total = (harts * ROUNDS).to_bytes(8, "little")
    assert machine.ram.read(COUNTERS, 16) == total * 2


def test_slices_do_not_matter() -> None:
    whole, sliced = (boot(ring(3), harts=3) for _ in range(2))
    assert any(sliced.run(until) is Stop.FINISHED for until in range(1_010, 5_000_000, 77_770))
    whole.run(5_000_000)
    assert (whole.exit_code, sliced.exit_code) == (0, 0)
    assert whole.instructions == sliced.instructions
    assert whole.state_digest() == sliced.state_digest()


def test_a_snapshot_holds_every_hart() -> None:
    options = MachineOptions(kernel=program(ring(3)), ram_bytes=1 << 20, harts=3)
    straight, broken = Machine(options), Machine(options)
    broken.run(123_450)
    broken = restore(options, save(broken))
    straight.run(5_000_000)
    broken.run(5_000_000)
    assert straight.exit_code == broken.exit_code == 0
    assert straight.state_digest() == broken.state_digest()


def test_a_turn_is_as_long_as_it_says() -> None:
    """Hart 1 begins when hart 0 has had its turn, and the clock goes on over both."""
    source = f"""
    csrr t0, mhartid
    li t2, 0x2000000
    li t3, 0xbff8
    add t2, t2, t3
    bnez t0, second
first:
    j first
second:
    ld a1, 0(t2)
    csrr a2, minstret
    li a0, 0
    {EXIT}"""
    machine = boot(source, harts=2)
    machine.run(1_000_000)
    time, own = machine.register(11), machine.register(12)
    assert TURN_STEPS // 10 <= time <= TURN_STEPS // 10 + 1
    assert own < 20  # Steps of hart 0 are not its own.


def test_a_sleeping_hart_is_woken_by_its_own_comparator() -> None:
    source = f"""
    csrr s0, mhartid
    li t0, 0x80
    csrw mie, t0
    li s1, 0x2004000
    slli t1, s0, 3
    add s1, s1, t1
    li t1, -1
    sd t1, 0(s1)
    beqz s0, sleep
    li t1, 300
    sd t1, 0(s1)
wait:
    wfi
    csrr a1, time
    li a0, 0
    {EXIT}
sleep:
    wfi
    j sleep"""
    machine = boot(source, harts=2)
    while (event := machine.next_event_ns()) is not None and machine.exit_code is None:
        machine.run(max(event, machine.now_ns + 10))
    assert machine.exit_code == 0
    assert machine.register(11) == 300


def test_registers_of_harts_that_are_not_there_read_as_zero() -> None:
    source = f"""
    li t0, {CLINT_BASE + 8}
    li t1, 1
    sw t1, 0(t0)
    lw a1, 0(t0)
    li t0, {CLINT_BASE + 0x4010}
    sd t1, 0(t0)
    ld a2, 0(t0)
    li t0, {PLIC_BASE + 0x204000}
    sw t1, 0(t0)
    lw a3, 0(t0)
    li t0, {PLIC_BASE + 0x203000}
    sw t1, 0(t0)
    lw a4, 0(t0)
    li a0, 0
    {EXIT}"""
    machine = boot(source, harts=2)
    machine.run(1_000_000)
    assert [machine.register(number) for number in (11, 12, 13, 14)] == [0, 0, 0, 1]


@pytest.mark.parametrize("harts", [0, 9])
def test_a_number_of_harts_that_cannot_be_is_named(harts: int) -> None:
    with pytest.raises(ValueError, match=rf"harts={harts}: expected 1\.\.8"):
        MachineOptions(kernel=b"", harts=harts)


def test_the_tree_has_every_hart() -> None:
    paths = [path for path, _ in reset.device_tree(1 << 26, reset.BoardOptions(harts=3)).walk()]
    assert [path for path in paths if path.count("/") == 2 and "cpu@" in path] == [
        "/cpus/cpu@0",
        "/cpus/cpu@1",
        "/cpus/cpu@2",
    ]
    one = fdt.build(reset.device_tree(1 << 26))
    assert one == fdt.build(reset.device_tree(1 << 26, reset.BoardOptions(harts=1)))
