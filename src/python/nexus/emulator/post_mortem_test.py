"""The last state of a machine, in words."""

from __future__ import annotations

import pytest

from nexus.emulator.guest_support import OPEN_PMP, drop_to
from nexus.emulator.machine import Machine
from nexus.emulator.post_mortem import describe, describe_loop, is_floating_point
from nexus.emulator.program_support import boot


def stuck(text: str) -> Machine:
    machine = boot(text, stops_when_stuck=True)
    machine.run(100_000_000)
    return machine


def test_a_loop_of_traps_is_one_line_with_its_first_cause() -> None:
    loop = stuck("sd zero, 8(zero)").trap_loop
    assert loop is not None
    assert describe_loop(loop, hex) == (
        "is caught in a loop of traps: store access fault (cause 7), value 0x8, at 0x80000000, "
        "in machine mode; in the end instruction access fault (cause 1), value 0x0, at 0x0, in "
        f"machine mode; no handler got any further in {loop.count} traps"
    )


def test_each_of_several_harts_has_a_line() -> None:
    machine = boot("csrr s0, mhartid\n beqz s0, busy\nsleep: wfi\n j sleep\nbusy: j busy", harts=3)
    machine.run(300_000)
    assert describe(machine, hex)[-3:] == [
        "hart 0: machine mode at 0x80000010, its turn",
        "hart 1: machine mode at 0x8000000c, waits (wfi)",
        "hart 2: machine mode at 0x8000000c, waits (wfi)",
    ]
    assert not any(line.startswith("hart ") for line in describe(boot("nop"), hex))


def test_floating_point_is_named_where_it_is_met() -> None:
    loop = stuck(".word 0xf2000053").trap_loop
    assert loop is not None
    assert "a floating-point instruction, which this machine does not have" in describe_loop(
        loop, hex
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (0xF200_0053, True),  # fmv.d.x
        (0x0005_3007, True),  # fld
        (0x211C, True),  # c.fld
        (0xA022, True),  # c.fsdsp
        (0, False),
        (0xFFFF_FFFF, False),
        (0x7C00_2573, False),  # A csr.
    ],
)
def test_words_of_floating_point(word: int, expected: bool) -> None:
    assert is_floating_point(word) is expected


def test_the_last_state_says_mode_place_trap_wait_and_registers() -> None:
    machine = boot(
        f"""
        la t0, handler
        csrw mtvec, t0
        {OPEN_PMP}
        li t0, 0x02004000
        li t1, 700
        sd t1, 0(t0)
        li a7, 0x1234
        {drop_to(0, "user")}
        user: lw a0, 4(zero)
        .align 4
        handler: li t0, 0x880
        csrw mie, t0
        wfi
        """
    )
    machine.run(5_000)
    lines = describe(machine, hex)
    assert lines[0].startswith("in machine mode at 0x800000")
    assert "after" in lines[0]
    assert "last trap into machine mode: load access fault (cause 5), value 0x4, at 0x8000" in (
        "\n".join(lines)
    )
    assert "waits (wfi) for the timer, due at 0.070 ms, machine external" in lines
    assert any(line.startswith("call chain: 0x8000") for line in lines)
    assert any("a7 0000000000001234" in line for line in lines)
    assert lines[-1].startswith("mstatus 0x")


def test_a_mode_that_was_only_left_had_no_trap() -> None:
    machine = boot(f"{OPEN_PMP} {drop_to(0, 'user')} user: j user")
    machine.run(5_000)
    lines = describe(machine, hex)
    assert lines[0].startswith("in user mode")
    assert not any(line.startswith("last trap") for line in lines)


def test_a_wait_for_nothing_is_called_that() -> None:
    machine = boot("wfi")
    machine.run(1_000)
    assert "waits (wfi) for nothing: no interrupt is enabled" in describe(machine, hex)


def test_frames_are_followed_as_far_as_they_lead() -> None:
    machine = boot(
        """
        la sp, stack
        li s0, 0
        call outer
        outer:
        addi sp, sp, -16
        sd ra, 8(sp)
        sd s0, 0(sp)
        addi s0, sp, 16
        call inner
        inner:
        addi sp, sp, -16
        sd ra, 8(sp)
        sd s0, 0(sp)
        addi s0, sp, 16
        here: j here
        .align 8
        .space 64
        stack: .dword 0
        """
    )
    machine.run(1_000)
    (chain,) = [line for line in describe(machine, hex) if line.startswith("call chain: ")]
    assert chain.count(" <- ") == 2


def test_looking_changes_nothing() -> None:
    machine = stuck("sd zero, 8(zero)")
    before = machine.state_digest()
    assert describe(machine, hex) == describe(machine, hex)
    assert machine.state_digest() == before
