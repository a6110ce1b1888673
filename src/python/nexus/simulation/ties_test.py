"""Two of something at one instant, and the instant itself: deeds and power cuts that wait."""

from __future__ import annotations

from typing import Any, cast

import pytest

from nexus.simulation.machine import TICK_NS, Machine
from nexus.simulation.pace import Pace, Stretch
from nexus.simulation.power import POWER_CUTS_MAX, PowerCut, PowerSchedule
from nexus.simulation.schedule import DEEDS_MAX, Schedule


def nothing(machine: Machine) -> None:
    """Leave the machine as it is."""


def cut(off: int, on: int, machine: str = "A") -> PowerCut:
    return PowerCut(machine, off * TICK_NS, on * TICK_NS, cast("Any", None))


def test_deeds_of_one_instant_are_done_in_the_order_in_which_they_were_planned() -> None:
    schedule = Schedule()
    for number in range(50):
        schedule.add(TICK_NS * (2 if number % 5 else 1), "A", f"{number}", nothing, 0)
    first = [int(deed.name) for deed in schedule.take_due(TICK_NS)]
    assert first == [number for number in range(50) if not number % 5]
    rest = [int(deed.name) for deed in schedule.take_due(TICK_NS * 2)]
    assert rest == [number for number in range(50) if number % 5]
    assert schedule.next_ns() is None


def test_a_deed_is_due_at_its_instant_and_may_be_planned_for_now() -> None:
    schedule = Schedule()
    schedule.add(5 * TICK_NS, "A", "now", nothing, 5 * TICK_NS)
    with pytest.raises(ValueError, match="expected a multiple of"):
        schedule.add(5 * TICK_NS, "A", "late", nothing, 6 * TICK_NS)
    with pytest.raises(ValueError, match="expected a multiple of"):
        schedule.add(5 * TICK_NS + 1, "A", "between", nothing, 0)
    assert schedule.next_ns() == 5 * TICK_NS
    assert schedule.take_due(5 * TICK_NS - 1) == []
    (deed,) = schedule.take_due(5 * TICK_NS)
    assert (deed.name, deed.machine) == ("now", "A")


def test_as_many_deeds_as_there_is_room_for() -> None:
    schedule = Schedule()
    for _ in range(DEEDS_MAX):
        schedule.add(0, "A", "deed", nothing, 0)
    with pytest.raises(ValueError, match=f"{DEEDS_MAX} are waiting already"):
        schedule.add(0, "A", "deed", nothing, 0)
    assert len(schedule.take_due(0)) == DEEDS_MAX
    schedule.add(0, "A", "deed", nothing, 0)


@pytest.mark.parametrize(("off", "on", "now"), [(3, 3, 0), (3, 2, 0), (3, 4, 4)])
def test_power_that_is_not_away_or_went_before_now(off: int, on: int, now: int) -> None:
    with pytest.raises(ValueError, match="expected a stretch"):
        PowerSchedule().add(cut(off, on), now * TICK_NS)


def test_power_goes_and_comes_at_its_instants_and_is_then_forgotten() -> None:
    schedule = PowerSchedule()
    first, second = cut(3, 5), cut(5, 6, "B")
    schedule.add(first, 3 * TICK_NS)
    schedule.add(second, 0)
    assert schedule.next_ns(2 * TICK_NS) == 3 * TICK_NS
    assert schedule.next_ns(3 * TICK_NS) == 5 * TICK_NS, "the instants behind now"
    assert schedule.take_due(3 * TICK_NS) == ([first], [])
    assert schedule.take_due(4 * TICK_NS) == ([], [])
    assert schedule.take_due(5 * TICK_NS) == ([second], [first])
    assert schedule.next_ns(5 * TICK_NS) == 6 * TICK_NS
    assert schedule.take_due(6 * TICK_NS) == ([], [second])
    assert schedule.take_due(6 * TICK_NS) == ([], [])
    assert schedule.next_ns(0) is None


def test_as_many_power_cuts_as_there_is_room_for() -> None:
    schedule = PowerSchedule()
    for number in range(POWER_CUTS_MAX):
        schedule.add(cut(number, number + 1), 0)
    with pytest.raises(ValueError, match=f"{POWER_CUTS_MAX} are waiting already"):
        schedule.add(cut(1, 2), 0)
    schedule.take_due(1 * TICK_NS)
    schedule.add(cut(1, 2), 0)


def test_a_stretch_within_another_one_changes_nothing_of_those_behind() -> None:
    outer = Stretch(0, 10 * TICK_NS, 2, 1)
    inner = Stretch(2 * TICK_NS, 5 * TICK_NS, 3, 1)
    later = Stretch(20 * TICK_NS, 30 * TICK_NS, 4, 1)
    pace, without = Pace([outer, inner, later]), Pace([outer, later])
    for tick in range(40):
        assert pace.own_ns(tick * TICK_NS) == without.own_ns(tick * TICK_NS), tick
    assert pace.own_ns(30 * TICK_NS) == (20 + 10 + 40) * TICK_NS
