"""Swarm drawing: within what a rule says, the same for a seed, and rule by rule."""

from __future__ import annotations

from typing import Any  # Any: a stand-in, or a value of a wrong type.

import pytest

from nexus.core.randomness import ALWAYS, KeyedRandom, Ratio
from nexus.simulation.faults.draw import Rule, draw
from nexus.simulation.faults.fault import Choice, Fault
from nexus.simulation.faults.kinds import KINDS, Place, Shape
from nexus.simulation.faults.party import Faults
from nexus.simulation.faults.places import PlaceError, places_of

MACHINES = ("A", "B", "C")
MS = 1_000_000


def rule(kind: str, **given: Any) -> Rule:
    """A rule that each run draws from."""
    row = KINDS[kind]
    values = {
        "number": 0,
        "places": places_of(row.place, None, MACHINES, ("A/2",)),
        "chance": ALWAYS,
        "most": Ratio(1, 4),
        "count": 3,
        "amount": (row.amount_low, row.amount_high),
        "length_ns": (10 * MS, 50 * MS),
        "begin_ns": 100 * MS,
        "end_ns": 900 * MS,
    }
    return Rule(kind=kind, **{**values, **given})


def drawn(seed: int, *rules: Rule) -> tuple[Fault, ...]:
    """The faults of a seed."""
    return draw(rules, MACHINES, KeyedRandom(seed))


def is_at_most_a_quarter(ratio: Ratio) -> bool:
    return 0 < ratio.numerator * 4 <= ratio.denominator


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_within_its_bounds(kind: str) -> None:
    row = KINDS[kind]
    for seed in range(30):
        faults = drawn(seed, rule(kind))
        assert faults
        assert len({fault.id for fault in faults}) == len(faults)
        for fault in faults:
            assert 100 * MS <= fault.start_ns <= fault.end_ns <= 900 * MS
            assert fault.start_ns % 1000 == fault.end_ns % 1000 == 0
            assert row.amount_low <= fault.amount <= row.amount_high
            assert (fault.end_ns == fault.start_ns) is (row.shape is Shape.INSTANT)
            assert row.shape is not Shape.RATIO or is_at_most_a_quarter(fault.ratio)
            is_group = 0 < len(fault.place.split("+")) < len(MACHINES)
            assert is_group if row.place is Place.GROUP else fault.place in rule(kind).places


def test_a_seed_is_a_swarm_and_seeds_differ() -> None:
    rules = [rule(kind, chance=Ratio(1, 2)) for kind in KINDS]
    assert drawn(1, *rules) == drawn(1, *rules)
    kinds = [frozenset(fault.kind for fault in drawn(seed, *rules)) for seed in range(20)]
    assert len(set(kinds)) == 20
    assert frozenset().union(*kinds) == frozenset(KINDS)


def test_a_rule_more_leaves_the_others_as_they_were() -> None:
    loss, partition = rule("loss"), rule("partition")
    both = drawn(5, loss, partition)
    assert set(both) == set(drawn(5, loss)) | set(drawn(5, partition))


def test_a_machine_stands_still_for_one_reason_at_a_time() -> None:
    rules = [rule(kind, count=8) for kind in ("crash", "power-cut", "pause", "stall", "slow")]
    for seed in range(20):
        faults = drawn(seed, *rules)
        for one in faults:
            for other in faults:
                is_apart = one.end_ns <= other.start_ns or other.end_ns <= one.start_ns
                assert is_apart or one is other or one.place != other.place


def test_faults_come_to_the_paths_that_they_are_on() -> None:
    faults = (
        Fault("loss", "A>B", 0, 0, 10, ALWAYS),
        Fault("partition", "A+C", 0, 0, 10),
        Fault("link-down", "B", 0, 0, 10),
        Fault("crash", "A", 0, 0, 10),
    )
    party = Faults(faults, Choice(frozenset({"crash/A/0"})), MACHINES, KeyedRandom(1))
    kinds = {
        ">".join(path): [chance.fault.kind for chance in chances]
        for path, chances in party.of_paths().items()
    }
    assert kinds == {
        "A>B": ["loss", "partition", "link-down"],
        "B>A": ["partition", "link-down"],
        "B>C": ["partition", "link-down"],
        "C>B": ["partition", "link-down"],
    }
    assert party.of_machine("A") == []
    assert [fault.kind for fault in party.idle()] == ["loss", "partition", "link-down"]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place.PATH, "A"),
        (Place.PATH, "A>A"),
        (Place.PATH, "A>Z"),
        (Place.GROUP, "A+B+C"),
        (Place.GROUP, ""),
        (Place.MACHINE, "Z"),
        (Place.DISK, "B/2"),
    ],
)
def test_a_place_that_is_not_there_is_refused(place: Place, text: str) -> None:
    with pytest.raises(PlaceError, match="there are") as caught:
        places_of(place, [text], MACHINES, ["A/2"])
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_fault_of_disks_needs_one() -> None:
    with pytest.raises(PlaceError, match="no machine of this world has a writable disk"):
        places_of(Place.DISK, None, MACHINES, [])
