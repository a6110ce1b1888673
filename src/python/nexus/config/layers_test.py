"""Laying values over each other, and asking where one stands."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from nexus.config.error import Problem
from nexus.config.layers import Given, Layer, Origin, layer, lift, list_locations, merge, render

VALUES: st.SearchStrategy[object] = st.recursive(
    st.integers(0, 3),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
TABLES = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


def of(source: str, data: dict[str, object], given: Given = Given.FILE) -> Layer:
    return layer(source, data, lambda place: Origin(source, 1, render(place), given))


def agree(one: object, other: object) -> bool:
    """Whether no place is a table in one and another kind of value in the other."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(agree(one[key], other[key]) for key in one.keys() & other.keys())
    return isinstance(one, dict) == isinstance(other, dict)


@given(TABLES, TABLES, TABLES)
def test_merging_is_associative_and_every_value_has_a_place(
    first: dict[str, object], second: dict[str, object], third: dict[str, object]
) -> None:
    # A value between two tables replaces the first of them, whichever pair is merged before.
    assume(agree(first, second) and agree(second, third) and agree(first, third))
    layers = [of(name, data) for name, data in (("1", first), ("2", second), ("3", third))]
    left = merge(merge(layers[0], layers[1]), layers[2])
    right = merge(layers[0], merge(layers[1], layers[2]))
    assert left == right
    assert set(left.origins) == set(list_locations(left.data))


@given(TABLES)
def test_nothing_and_itself_change_nothing(data: dict[str, object]) -> None:
    assert merge(of("1", {}), of("2", data)).data == data
    assert merge(of("1", data), of("2", {})).data == data
    assert merge(of("1", data), of("2", data)) == of("2", data)


def test_a_problem_is_placed_at_its_value_or_at_the_table_that_lacks_it() -> None:
    base = of("base", {"a": {"b": [{"c": 1}], "d": 2}, "e": {}})
    both = merge(base, of("own", {"a": {"d": 3}}))
    placed = {
        field: both.place(Problem(field, "bad")).source
        for field in ("a.b[0].c", "a.b[0].x", "a.b[1]", "a.d", "a.x", "e.x", "x", "")
    }
    assert placed == {
        "a.b[0].c": "base",
        "a.b[0].x": "base",
        "a.b[1]": "base",
        "a.d": "own",
        "a.x": "own",
        "e.x": "base",
        "x": "own",
        "": "own",
    }


def test_a_name_that_begins_as_another_one_is_not_placed_there() -> None:
    both = merge(of("base", {"a": {"port": 1}}), of("own", {"a": {"id": 2}}))
    assert both.place(Problem("a.port", "bad")).source == "base"
    assert both.place(Problem("a.ports", "bad")).source == "own"
    alone = merge(of("base", {"port": 1}), of("own", {"id": 2}))
    assert alone.place(Problem("ports", "bad")) == Problem("ports", "bad", "own", 0)


def test_a_table_of_another_file_keeps_its_names_there() -> None:
    world = of("world", {"machine": [{"override": {"a": {"b": 1}}}]})
    over = lift(world, ("machine", 0, "override"), Given.OVERRIDE)
    both = merge(of("node", {"a": {"c": 1}}), over)
    assert both.source == "node"
    assert str(both.place(Problem("a.b", "bad"))) == "machine[0].override.a.b: bad"
    assert both.place(Problem("a.b", "bad"), is_shared=True).text == ("bad (in what makes up node)")
    assert both.place(Problem("a.x", "bad")) == Problem("a.x", "bad", "node", 1)
