"""Deeds happen at their instants, in order, to machines that are on."""

from __future__ import annotations

from functools import partial

import pytest

from nexus.core.randomness import KeyedRandom
from nexus.simulation.link import LinkOptions
from nexus.simulation.machine import TICK_NS, Machine
from nexus.simulation.machine_fake import FakeMachine, PowerOff, Say, Spin
from nexus.simulation.schedule import DEEDS_MAX, Schedule
from nexus.simulation.world import World

MS = 1_000_000


@pytest.mark.parametrize("is_busy", [False, True])
def test_a_deed_meets_its_machine_at_its_instant(is_busy: bool) -> None:
    """Also a machine that has slept through all steps up to there."""
    script = [(0, Spin())] if is_busy else [(50 * MS, Say(b"late\n"))]
    world = World({"A": FakeMachine(script)}, LinkOptions(), KeyedRandom(1))
    seen: list[tuple[str, int, int]] = []

    def act(name: str, machine: Machine) -> str:
        seen.append((name, world.now_ns, machine.now_ns))
        return name

    for name, at_ns in (("second", 9 * MS), ("first", 3 * MS + 10), ("third", 9 * MS)):
        world.plan(at_ns, "A", "touch", partial(act, name))
    while world.now_ns < 20 * MS and not world.step(20 * MS).is_quiet:
        pass
    assert seen == [
        ("first", 3 * MS + 10, 3 * MS + 10),
        ("second", 9 * MS, 9 * MS),
        ("third", 9 * MS, 9 * MS),
    ]
    assert f"{9 * MS} A fault-touch second\n" in world.trace.text()


def test_a_machine_that_is_off_is_left_alone() -> None:
    machine = FakeMachine([(1 * MS, PowerOff())])
    world = World({"A": machine, "B": FakeMachine()}, LinkOptions(), KeyedRandom(1))
    touched: list[int] = []
    world.plan(5 * MS, "A", "touch", lambda machine: touched.append(machine.now_ns))
    while world.now_ns < 20 * MS and not world.step(20 * MS).is_quiet:
        pass
    assert touched == []


def test_what_cannot_be_planned_is_refused() -> None:
    schedule = Schedule()
    for at_ns in (5, 10):
        with pytest.raises(ValueError, match="expected a multiple of 10 from 20"):
            schedule.add(at_ns, "A", "touch", lambda machine: None, 20)
    for _ in range(DEEDS_MAX):
        schedule.add(20, "A", "touch", lambda machine: None, 20)
    with pytest.raises(ValueError, match="are waiting already"):
        schedule.add(20, "A", "touch", lambda machine: None, 20)
    world = World({"A": FakeMachine()}, LinkOptions(), KeyedRandom(1))
    with pytest.raises(ValueError, match="no such machine: Z"):
        world.plan(10, "Z", "touch", lambda machine: None)


def test_deeds_of_one_instant_come_in_the_order_of_planning_whatever_they_are_called() -> None:
    deeds = Schedule()
    for name in ("c", "a", "b"):
        deeds.add(TICK_NS, f"on {name}", name, lambda machine: None, 0)
    assert [deed.name for deed in deeds.take_due(TICK_NS)] == ["c", "a", "b"]
    assert deeds.next_ns() is None
