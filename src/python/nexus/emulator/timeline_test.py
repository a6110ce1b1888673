"""Backwards is forwards again: every position looks the same however it is reached."""

from __future__ import annotations

import random

import pytest

from nexus.emulator.machine import MachineOptions
from nexus.emulator.machine_test import BUSY, SLEEPY
from nexus.emulator.observe import WRITE, Hit, Observer, Watch
from nexus.emulator.program_support import EXIT, program
from nexus.emulator.random_program_cases import random_program
from nexus.emulator.timeline import CHECKPOINTS_MAX, Timeline

NEVER = 1 << 40


def timeline(text: str, interval: int = 100) -> Timeline:
    kernel = program(text)

    def options(observer: Observer) -> MachineOptions:
        return MachineOptions(kernel=kernel, ram_bytes=1 << 20, observer=observer)

    return Timeline(options, interval)


def look(line: Timeline) -> tuple[int, int, str]:
    return line.position, line.machine.now_ns, line.machine.state_digest()


def look_at_each(line: Timeline, most: int) -> list[tuple[int, int, str]]:
    """Step to the end, or to a position; return what is seen at each one."""
    seen = [look(line)]
    while line.position < most:
        before = line.position
        line.advance(before + 1)
        if line.position == before:
            break
        seen.append(look(line))
    return seen


@pytest.mark.parametrize("text", [BUSY, SLEEPY, random_program(3, 100)])
def test_every_position_can_be_gone_back_to(text: str) -> None:
    line = timeline(text)
    seen = look_at_each(line, 300)
    assert [position for position, _, _ in seen] == list(range(len(seen)))
    while line.position:
        assert look(line) == seen[line.position]
        assert line.step_back()
    assert not line.step_back()
    chance = random.Random(1)
    for _ in range(20):
        position = chance.randrange(len(seen))
        line.advance(position)
        line.go_to(position)
        assert look(line) == seen[position]


COUNT = (
    """
    li s1, 0x80002000
    li s0, 100
again:
    addi s0, s0, -1
    sd s0, 0(s1)
    nop
    bnez s0, again
    li a0, 9
"""
    + EXIT
)
AGAIN, STORE, STORED = 0x8000_0000 + 16, 0x8000_0000 + 20, 0x8000_2000


def test_breakpoints_are_found_in_both_directions() -> None:
    line = timeline(COUNT, 50)
    line.observer.breakpoints.add(AGAIN)
    forwards = []
    while (hit := line.advance(NEVER)) is not None:
        assert hit == Hit(AGAIN)
        assert line.machine.hart.state[33] == AGAIN
        forwards.append(line.position)
    assert len(forwards) == 100
    assert line.machine.exit_code == 9
    backwards = []
    while (hit := line.run_back()) is not None:
        assert hit == Hit(AGAIN)
        backwards.append(line.position)
    assert backwards == forwards[::-1]
    assert line.position == line.beginning == 0


def test_watched_data_stops_before_the_store_in_the_direction_of_travel() -> None:
    line = timeline(COUNT, 50)
    watch = Watch(STORED + 2, 1, WRITE)
    line.observer.watches.append(watch)

    def stored() -> int:
        return int.from_bytes(line.machine.ram.read(STORED, 8), "little")

    for expected in (0, *range(99, 80, -1)):
        hit = line.advance(NEVER)
        assert hit is not None
        assert hit.watch == watch
        assert stored() == expected
    assert line.machine.hart.state[33] == STORE
    for expected in range(81, 100):
        hit = line.run_back()
        assert hit is not None
        assert hit.watch == watch
        assert stored() == expected
        assert line.machine.hart.state[33] == STORE + 4


def test_output_is_shown_once_and_typed_keys_are_typed_again() -> None:
    echo = """
    li s0, 0x10000000
    again: lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, again
    lbu t0, 0(s0)
    sb t0, 0(s0)
    j again
    """
    line = timeline(echo, 40)
    line.advance(100)
    line.type(b"first")
    line.advance(400)
    line.type(b"second")
    line.advance(900)
    end = look(line)
    assert line.take_output() == b"firstsecond"
    line.go_to(50)
    assert line.machine.devices.uart.receive(b"") == 0
    line.advance(900)
    assert look(line) == end
    assert line.take_output() == b""


def test_editing_begins_a_new_history() -> None:
    line = timeline(COUNT)
    line.advance(150)
    line.machine.hart.state[8] = 3
    line.edited()
    assert line.beginning == 150
    assert line.advance(NEVER) is None
    assert line.is_over
    while line.step_back():
        pass
    assert line.position == 150


def test_checkpoints_stay_few() -> None:
    line = timeline("again: addi s0, s0, 1\n j again", 10)
    line.advance(20_000)
    assert len(line._checkpoints) <= CHECKPOINTS_MAX
    line.go_to(777)
    assert line.machine.register(8) == 389


def test_a_guest_that_waits_for_ever_does_not_go_on() -> None:
    line = timeline("wfi\n again: wfi\n j again")
    assert line.advance(NEVER) is None
    position = line.position
    assert position < 10
    assert line.advance(NEVER) is None
    assert line.position == position
