"""Traps that lead nowhere end a run at once, and nothing else does."""

from __future__ import annotations

import pytest

from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.program_support import boot, program
from nexus.emulator.snapshot import restore, save
from nexus.emulator.trap_loop_cases import FREE, STUCK, Stuck
from nexus.emulator.trap_loop_harts_cases import FREE_TOGETHER, STUCK_TOGETHER

BUDGET_NS = 100_000_000


@pytest.mark.parametrize("guest", STUCK, ids=lambda guest: guest.name)
def test_a_guest_that_is_caught_in_traps_is_stopped(guest: Stuck) -> None:
    machine = boot(guest.text, stops_when_stuck=True)
    assert machine.run(BUDGET_NS) is Stop.STUCK
    loop = machine.trap_loop
    assert loop is not None
    assert (loop.first.cause, loop.first.value) == guest.first
    for found, expected in zip((loop.last.cause, loop.last.value), guest.last, strict=True):
        assert expected in (-1, found)
    assert loop.count <= guest.traps_max
    assert machine.run(BUDGET_NS) is Stop.STUCK, "it stays so"


@pytest.mark.parametrize("name", FREE)
def test_a_guest_that_gets_on_is_left_alone(name: str) -> None:
    machine = boot(FREE[name], stops_when_stuck=True)
    assert machine.run(BUDGET_NS) is Stop.FINISHED
    assert machine.exit_code == 0


@pytest.mark.parametrize("name", STUCK_TOGETHER)
@pytest.mark.parametrize("slice_ns", [BUDGET_NS, 1_770])
def test_harts_that_are_all_at_their_end_are_stopped(name: str, slice_ns: int) -> None:
    whole, sliced = (boot(STUCK_TOGETHER[name], harts=2, stops_when_stuck=True) for _ in range(2))
    assert whole.run(BUDGET_NS) is Stop.STUCK
    assert whole.trap_loop is not None
    while sliced.run(sliced.now_ns + slice_ns) is not Stop.STUCK:
        assert sliced.now_ns < whole.now_ns
    assert sliced.now_ns == whole.now_ns
    assert sliced.state_digest() == whole.state_digest()


def test_more_than_two_harts_are_looked_at_again_one_after_the_other() -> None:
    machine = boot("sd zero, 0(zero)", harts=4, stops_when_stuck=True)
    assert machine.run(BUDGET_NS) is Stop.STUCK
    assert machine.now_ns < BUDGET_NS // 100


@pytest.mark.parametrize("name", FREE_TOGETHER)
def test_a_hart_that_another_can_help_is_left_alone(name: str) -> None:
    machine = boot(FREE_TOGETHER[name], harts=2, stops_when_stuck=True)
    assert machine.run(BUDGET_NS) is Stop.FINISHED
    assert machine.exit_code == 0


def test_the_first_trap_says_where_and_in_which_mode() -> None:
    machine = boot("nop\n sd zero, 24(zero)", stops_when_stuck=True)
    machine.run(BUDGET_NS)
    loop = machine.trap_loop
    assert loop is not None
    assert (loop.first.pc, loop.first.privilege) == (0x8000_0004, 3)
    assert (loop.last.pc, loop.last.privilege) == (0, 3)


@pytest.mark.parametrize("guest", STUCK[:10], ids=lambda guest: guest.name)
def test_neither_slices_nor_snapshots_change_where_it_stops(guest: Stuck) -> None:
    options = MachineOptions(kernel=program(guest.text), ram_bytes=1 << 20, stops_when_stuck=True)
    whole, broken = Machine(options), Machine(options)
    whole.run(BUDGET_NS)
    while broken.trap_loop is None:
        broken.run(broken.now_ns + 170)
        broken = restore(options, save(broken))
    assert broken.trap_loop == whole.trap_loop
    assert broken.now_ns == whole.now_ns
    assert broken.state_digest() == whole.state_digest()


def test_whoever_does_not_ask_for_the_stop_sees_time_pass() -> None:
    machine = boot("sd zero, 0(zero)")
    assert machine.run(100_000) is Stop.REACHED
    assert machine.now_ns == 100_000
    assert machine.trap_loop is not None
