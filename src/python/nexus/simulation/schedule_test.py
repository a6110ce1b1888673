"""Deeds at their instants: none early, none late, none too many."""

from __future__ import annotations

import pytest

from nexus.simulation.machine import TICK_NS, Machine
from nexus.simulation.schedule import DEEDS_MAX, Schedule


def act(machine: Machine) -> str | None:
    return None


def names(schedule: Schedule, now_ns: int) -> list[str]:
    return [deed.name for deed in schedule.take_due(now_ns)]


def test_deeds_are_taken_when_they_are_due_in_the_order_of_planning() -> None:
    schedule = Schedule()
    assert schedule.next_ns() is None
    assert names(schedule, 1 << 40) == []
    for name, at_ns in (("late", 300), ("a", 200), ("b", 200), ("early", 100)):
        schedule.add(at_ns, "A", name, act, 0)
    assert schedule.next_ns() == 100
    assert names(schedule, 100 - TICK_NS) == []
    assert names(schedule, 100) == ["early"]
    assert names(schedule, 100) == []
    assert names(schedule, 299) == ["a", "b"]
    assert schedule.next_ns() == 300
    assert names(schedule, 1000) == ["late"]
    assert schedule.next_ns() is None


@pytest.mark.parametrize(
    ("at_ns", "is_right"),
    [(100, True), (100 + TICK_NS, True), (100 - TICK_NS, False), (101, False)],
)
def test_an_instant_that_is_past_or_between_two_instructions_is_refused(
    at_ns: int, is_right: bool
) -> None:
    schedule = Schedule()
    if is_right:
        schedule.add(at_ns, "A", "name", act, 100)
    else:
        with pytest.raises(ValueError, match=f"name: {at_ns} ns: expected a multiple"):
            schedule.add(at_ns, "A", "name", act, 100)
    assert schedule.next_ns() == (at_ns if is_right else None)


def test_there_is_a_most_and_a_place_again_after_one_was_done() -> None:
    schedule = Schedule()
    for number in range(DEEDS_MAX):
        schedule.add(number * TICK_NS, "A", "one", act, 0)
    with pytest.raises(ValueError, match=f"{DEEDS_MAX} are waiting"):
        schedule.add(0, "A", "more", act, 0)
    assert names(schedule, 0) == ["one"]
    schedule.add(TICK_NS, "A", "again", act, 0)
    assert names(schedule, TICK_NS) == ["one", "again"]
