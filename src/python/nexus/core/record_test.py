"""Records are what `dataclasses` makes of the same classes, in every respect that is used."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import InitVar
from typing import ClassVar

import pytest

from nexus.core.record import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """Fields with and without defaults, and an attribute that is not a field."""

    LIMIT: ClassVar[int] = 7

    name: str
    size: int = 4

    @property
    def double(self) -> int:
        """Depends on a field."""
        return 2 * self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Given by name alone, and checked."""

    low: int = 0
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low")


@dataclass(slots=True)
class Tree:
    """Changes, and has defaults of its own."""

    name: str
    children: list[Tree] = field(default_factory=list)


@dataclass(frozen=True)
class Base:
    """Has a dictionary."""

    first: int


@dataclass(frozen=True)
class Derived(Base):
    """Adds to the fields of its base."""

    second: int = 2


def test_fields_are_given_in_order_or_by_name() -> None:
    assert Place("a") == Place(name="a", size=4) == Place("a", 4)
    assert (Place("a", 5).double, Place.LIMIT, Derived(1).second) == (10, 7, 2)
    assert Checked(high=3).low == 0


@pytest.mark.parametrize(
    "make",
    [
        "Place()",
        "Place('a', 1, 2)",
        "Place('a', name='b')",
        "Place('a', length=1)",
        "Checked(0, 1)",
        "Checked(low=1)",
        "Tree()",
    ],
)
def test_wrong_arguments_are_refused(make: str) -> None:
    with pytest.raises(TypeError):
        eval(make)


def test_what_a_class_checks_is_checked() -> None:
    with pytest.raises(ValueError, match="low"):
        Checked(low=2, high=1)


def test_frozen_records_cannot_change() -> None:
    place = Place("a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        place.size = 1  # type: ignore[misc]  # It is the mistake that is tested.
    with pytest.raises(dataclasses.FrozenInstanceError):
        del place.size
    assert not hasattr(place, "__dict__")


def test_frozen_records_are_values() -> None:
    assert {Place("a"): 1}[Place("a")] == 1
    assert Place("a") != Place("a", 5)
    assert Base(1) != Derived(1)
    assert repr(Place("a")) == "Place(name='a', size=4)"
    assert copy.deepcopy(Place("a")) == pickle.loads(pickle.dumps(Place("a"))) == Place("a")


def test_records_that_change_have_lists_of_their_own_and_no_hash() -> None:
    first, second = Tree("a"), Tree("a")
    first.children.append(second)
    assert (second.children, first == second, copy.deepcopy(first)) == ([], False, first)
    with pytest.raises(TypeError):
        hash(first)


def test_a_default_that_all_would_share_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Shared\.children: instances would share it"):

        @dataclass
        class Shared:
            children: list[int] = []  # noqa: RUF012  # It is the mistake that is tested.


def test_what_only_the_library_has_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Given\.first: InitVar\[int\] is of `dataclasses` alone"):

        @dataclass
        class Given:
            first: InitVar[int]

    with pytest.raises(TypeError, match="order"):

        @dataclass(order=True)
        class Ordered:
            first: int


def test_a_base_whose_fields_would_be_missed_is_refused() -> None:
    @dataclasses.dataclass
    class Library:
        first: int

    with pytest.raises(TypeError, match="Library is of `dataclasses`; expected a record"):

        @dataclass
        class Mixed(Library):
            second: int


def take_apart(place: Place) -> tuple[str, int]:
    match place:
        case Place(name, size):
            return name, size


def test_records_are_matched_by_position() -> None:
    assert take_apart(Place("a", 5)) == ("a", 5)


def test_the_library_takes_records_for_its_own() -> None:
    assert dataclasses.is_dataclass(Place)
    assert dataclasses.replace(Place("a"), size=5) == Place("a", 5)
    assert dataclasses.asdict(Tree("a", [Tree("b")])) == {
        "name": "a",
        "children": [{"name": "b", "children": []}],
    }
    assert [it.name for it in dataclasses.fields(Derived)] == ["first", "second"]
    assert dataclasses.replace(Checked(high=3), low=1) == Checked(low=1, high=3)
