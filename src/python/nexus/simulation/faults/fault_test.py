"""The text of a fault for people: kind, place, time, chance, amount."""

from __future__ import annotations

import pytest

from nexus.core.randomness import Ratio
from nexus.simulation.faults.fault import Fault
from nexus.simulation.faults.kinds import KINDS, Shape

MS = 1_000_000


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault("loss", "A>B", 0, MS, 3 * MS, Ratio(1, 50)), "loss/A>B/0 1..3 ms 1/50"),
        (
            Fault("reorder", "A>B", 1, 0, MS // 2, Ratio(1, 4), 20),
            "reorder/A>B/1 0..0.5 ms 1/4 20 us",
        ),
        (Fault("delay", "A>B", 0, MS, 2 * MS, amount=70), "delay/A>B/0 1..2 ms 70 us"),
        (Fault("crash", "A", 2, 5 * MS, 6 * MS), "crash/A/2 5..6 ms"),
        (Fault("clock-jump", "A", 0, MS, MS, amount=9), "clock-jump/A/0 1..1 ms 9 us"),
    ],
)
def test_the_text_of_a_fault(fault: Fault, text: str) -> None:
    assert str(fault) == text
    assert text.startswith(f"{fault.id} ")


@pytest.mark.parametrize("kind", KINDS)
def test_a_chance_and_an_amount_are_said_of_each_kind_that_has_them(kind: str) -> None:
    words = str(Fault(kind, "place", 0, 0, MS, Ratio(1, 2), 60)).split()
    row = KINDS[kind]
    assert ("1/2" in words) == (row.shape is Shape.RATIO)
    assert (words[-2:] == ["60", row.unit]) == bool(row.unit)
