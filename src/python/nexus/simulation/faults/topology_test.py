"""The distance of machines on several switches."""

from __future__ import annotations

from nexus.simulation.faults.topology import LINE, STAR, delays_of

SWITCHES = (("A", "B"), ("C",), ("D",))


def test_on_one_switch_nothing_is_added() -> None:
    assert delays_of(SWITCHES, LINE, 100)["A", "B"] == 0


def test_a_line_adds_every_trunk_on_the_way() -> None:
    delays = delays_of(SWITCHES, LINE, 100)
    assert (delays["A", "C"], delays["A", "D"], delays["D", "B"]) == (100, 200, 200)


def test_in_a_star_all_are_two_trunks_apart() -> None:
    delays = delays_of(SWITCHES, STAR, 100)
    assert {delays[pair] for pair in (("A", "C"), ("A", "D"), ("C", "D"))} == {200}
