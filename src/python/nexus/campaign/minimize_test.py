"""Delta debugging finds a smallest part, and asks about parts alone."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from nexus.campaign.minimize import minimize


@given(st.sets(st.integers(0, 30), max_size=6), st.integers(1, 31))
def test_what_is_needed_is_left_and_nothing_else(needed: set[int], count: int) -> None:
    items = list(range(count))
    needed = {item for item in needed if item < count}
    assert minimize(items, lambda part: needed <= set(part)) == sorted(needed)


@given(st.integers(2, 20))
def test_without_any_one_of_the_rest_it_does_not_fail(count: int) -> None:
    """Any three will do: three are left, whichever."""
    assert len(minimize(list(range(count + 1)), lambda part: len(part) >= 3)) == min(3, count + 1)


def test_patience_that_ends_leaves_what_was_found() -> None:
    asked: list[int] = []

    def fails(part: Sequence[int]) -> bool:
        asked.append(len(part))
        return len(asked) < 6 and 7 in part

    # Halves are asked about first; the fourth answer is the last that patience allows.
    assert minimize(list(range(16)), fails) == [4, 5, 6, 7]
