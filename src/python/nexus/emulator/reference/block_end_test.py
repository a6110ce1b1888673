"""The ends of compiled stretches of code: at address 0, at a device, within a budget of steps.

Steps are counted: a stretch that is given up, or ends somewhere odd, counts what it did, once.
"""

from __future__ import annotations

import pytest

from nexus.emulator.machine import Stop
from nexus.emulator.program_support import EXIT, boot


@pytest.mark.parametrize("rounds", [5, 40])
def test_a_jump_to_address_zero_counts_as_often_as_it_is_made(rounds: int) -> None:
    text = f"""
    la t0, handler
    csrw mtvec, t0
    la t1, back
    li s4, {rounds}
    csrr s6, minstret
loop:
    addi s4, s4, -1
    jr zero
handler:
    csrr s5, mepc
    csrw mepc, t1
    mret
back:
    bnez s4, loop
    csrr s7, minstret
    sub s2, s7, s6
    li a0, 0
    {EXIT}
    """
    machine = boot(text)
    assert machine.run(1_000_000) is Stop.FINISHED
    # Two before the trap, the trap itself, three in the handler, and the branch.
    assert machine.register(18) == 7 * rounds + 1
    assert machine.register(21) == 0


@pytest.mark.parametrize("budget", range(1, 12))
def test_a_run_may_end_between_any_two_instructions_of_a_stretch(budget: int) -> None:
    text = f"""
    li s4, 60
    li a1, 0
    li a2, 0
    li a3, 0
loop:
    addi a1, a1, 1
    addi a2, a2, 1
    addi a3, a3, 1
    addi s4, s4, -1
    bnez s4, loop
    li a0, 0
    {EXIT}
    """
    whole, cut = boot(text), boot(text)
    assert whole.run(1_000_000) is Stop.FINISHED
    now_ns = 0
    while cut.run(now_ns := now_ns + 10 * budget) is Stop.REACHED:
        assert cut.instructions == now_ns // 10
    assert [cut.register(number) for number in (11, 12, 13)] == [60, 60, 60]
    assert (cut.instructions, cut.now_ns) == (whole.instructions, whole.now_ns)


@pytest.mark.parametrize("rounds", [3, 40])
def test_a_stretch_that_gives_up_at_a_device_counts_what_came_before_it(rounds: int) -> None:
    text = f"""
    li s0, 0x10000000
    li s4, {rounds}
    li a1, 65
    li a2, 0
    li a3, 0
    csrr s6, minstret
loop:
    addi a2, a2, 1
    addi a3, a3, 1
    sb a1, 0(s0)
    addi s4, s4, -1
    bnez s4, loop
    csrr s7, minstret
    sub s2, s7, s6
    li a0, 0
    {EXIT}
    """
    machine = boot(text)
    assert machine.run(1_000_000) is Stop.FINISHED
    assert machine.take_console() == b"A" * rounds
    assert machine.register(18) == 5 * rounds + 1
    assert (machine.register(12), machine.register(13)) == (rounds, rounds)
