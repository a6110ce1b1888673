"""The faults that come to each disk, machine or path, and the texts of wrong places."""

from __future__ import annotations

import pytest

from nexus.core.randomness import ALWAYS, KeyedRandom
from nexus.simulation.faults.fault import Chance, Choice, Fault
from nexus.simulation.faults.kinds import Place
from nexus.simulation.faults.party import Faults
from nexus.simulation.faults.places import PlaceError, places_of

MACHINES = ("A", "B", "C")
FAULTS = (
    Fault("latent", "A/2", 0, 0, 10, ALWAYS),
    Fault("disk-full", "B/2", 0, 0, 10),
    Fault("crash", "A", 0, 0, 10),
    Fault("slow", "B", 0, 0, 10, amount=2),
    Fault("mtu", "A", 0, 0, 10, amount=60),
    Fault("link-down", "A", 1, 0, 10),
)


def party(choice: Choice | None = None) -> Faults:
    return Faults(FAULTS, choice or Choice(), MACHINES, KeyedRandom(1))


def ids(chances: list[Chance] | tuple[Chance, ...]) -> list[str]:
    return [chance.fault.id for chance in chances]


def test_a_disk_has_its_own_faults_and_those_of_no_other() -> None:
    faults = party()
    assert ids(faults.of_disk("A/2")) == ["latent/A/2/0"]
    assert ids(faults.of_disk("B/2")) == ["disk-full/B/2/0"]
    assert ids(faults.of_disk("A")) == []


def test_a_machine_has_its_own_faults_without_those_of_its_cable() -> None:
    faults = party()
    found = {machine: ids(faults.of_machine(machine)) for machine in MACHINES}
    assert found == {"A": ["crash/A/0"], "B": ["slow/B/0"], "C": []}


def test_a_path_has_what_happens_to_the_cables_of_its_ends() -> None:
    cable = ["mtu/A/0", "link-down/A/1"]
    found = {path: ids(chances) for path, chances in party().of_paths().items()}
    assert found == dict.fromkeys((("A", "B"), ("A", "C"), ("B", "A"), ("C", "A")), cable)


def test_what_is_taken_away_is_neither_requested_nor_idle() -> None:
    faults = party(Choice(frozenset({"crash/A/0", "mtu/A/0"})))
    left = ["latent/A/2/0", "disk-full/B/2/0", "slow/B/0", "link-down/A/1"]
    assert [fault.id for fault in faults.requested] == left
    assert [fault.id for fault in faults.idle()] == left
    faults.chances["slow/B/0"].keep(0, 5)
    left.remove("slow/B/0")
    assert [fault.id for fault in faults.idle()] == left


def test_the_numbers_of_one_fault_replace_its_chance_up_to_an_instant() -> None:
    choice = Choice(only={"latent/A/2/0": frozenset({3})}, only_until_ns=7)
    chance = party(choice).chances["latent/A/2/0"]
    asked = [(0, 1), (3, 6), (4, 6), (5, 7), (6, 9), (7, 10)]
    assert [chance.falls(*each) for each in asked] == [False, True, False, True, True, False]


@pytest.mark.parametrize(
    ("place", "text", "said"),
    [
        (Place.PATH, "A>Z", "'A>Z' is not a path, such as A>B; there are A, B, C"),
        (Place.PATH, "A>B>C", "'A>B>C' is not a path, such as A>B; there are A, B, C"),
        (
            Place.GROUP,
            "A+A",
            "'A+A' is not a group of machines, such as A or A+B, that is not all of them;"
            " there are A, B, C",
        ),
        (Place.MACHINE, "Z", "'Z' is not a machine, such as A; there are A, B, C"),
        (Place.DISK, "C/2", "'C/2' is not a writable disk, such as A/2; there are A/2"),
    ],
)
def test_a_place_that_is_not_there_is_named_with_what_is_accepted(
    place: Place, text: str, said: str
) -> None:
    with pytest.raises(PlaceError) as caught:
        places_of(place, ["A" if place is Place.MACHINE else text, text], MACHINES, ["A/2"])
    assert str(caught.value).partition(" (")[0].startswith(said)


@pytest.mark.parametrize(
    ("place", "given", "found"),
    [
        (Place.PATH, ["B>A"], ("B>A",)),
        (Place.GROUP, ["A", "B+C"], ("A", "B+C")),
        (Place.MACHINE, ["C"], ("C",)),
        (Place.DISK, ["A/2"], ("A/2",)),
        (Place.PATH, None, ("A>B", "A>C", "B>A", "B>C", "C>A", "C>B")),
        (Place.GROUP, None, ()),
        (Place.MACHINE, None, MACHINES),
        (Place.DISK, None, ("A/2",)),
    ],
)
def test_places_are_those_given_or_all(
    place: Place, given: list[str] | None, found: tuple[str, ...]
) -> None:
    assert places_of(place, given, MACHINES, ["A/2"]) == found
