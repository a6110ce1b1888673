"""The faults of a fault world on a link, and the order and number of copies where it is full."""

from __future__ import annotations

import pytest

from nexus.core.randomness import ALWAYS, NEVER, KeyedRandom
from nexus.simulation.faults.fault import Chance, Happened
from nexus.simulation.faults.fault import Fault as Drawn
from nexus.simulation.link import Fault, FaultEvent, Link, LinkOptions

FRAME = bytes(range(60))


def chance(kind: str, amount: int = 0) -> Chance:
    """A fault of the path A>B that happens to each frame."""
    happened: list[Happened] = []
    return Chance(Drawn(kind, "A>B", 0, 0, 10_000, ALWAYS, amount), KeyedRandom(4), happened)


def link(*chances: Chance, places: int = 256, is_doubled: bool = False) -> Link:
    options = LinkOptions(
        delay_ns=1_000,
        queue_frames_max=places,
        duplicate=ALWAYS if is_doubled else NEVER,
    )
    return Link("A>B", options, KeyedRandom(1), chances)


@pytest.mark.parametrize(
    ("kinds", "faults", "late_ns"),
    [
        ([], [], 0),
        (["delay"], [Fault.DELAY], 70_000),
        (["delay", "mtu"], [Fault.DELAY, Fault.MTU], None),
        (["loss", "delay"], [Fault.LOSS], None),
        (["delay", "delay"], [Fault.DELAY, Fault.DELAY], 140_000),
        (["delay", "one-way", "loss"], [Fault.DELAY, Fault.ONE_WAY], None),
    ],
)
def test_what_befalls_a_frame_is_told_recorded_and_done(
    kinds: list[str], faults: list[Fault], late_ns: int | None
) -> None:
    amounts = {"delay": 70, "mtu": 59}
    laid = link(*(chance(kind, amounts.get(kind, 0)) for kind in kinds))
    assert laid.offer(FRAME, 10) == tuple(faults)
    assert laid.faults == [FaultEvent("A>B", 0, fault) for fault in faults]
    assert laid.next_arrival_ns() == (None if late_ns is None else 1_010 + late_ns)


@pytest.mark.parametrize(
    ("places", "faults"),
    [
        (1, ["duplicate", "duplicate", "overflow"]),
        (2, ["duplicate", "duplicate", "overflow"]),
        (3, ["duplicate", "duplicate"]),
    ],
)
def test_copies_that_have_no_place_are_one_overflow(places: int, faults: list[str]) -> None:
    laid = link(chance("duplicate"), places=places, is_doubled=True)
    assert [fault.value for fault in laid.offer(FRAME, 0)] == faults
    taken = [laid.collect(10**9) for _ in range(4)]
    assert taken == [FRAME] * places + [None] * (4 - places)
