"""The connection that loses its place when strangers take all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nexus.dsoftbus.half_open import HalfOpen


def test_the_oldest_of_the_source_with_the_most_is_dropped() -> None:
    pool = HalfOpen(4)
    for number, source in enumerate("abbb"):
        assert pool.add(number, source) is None
    assert pool.add(4, "b") == 1
    assert pool.add(5, "c") == 2
    assert sorted(n for n in range(6) if n in pool) == [0, 3, 4, 5]


def test_who_shakes_hands_is_dropped_after_who_says_nothing() -> None:
    pool = HalfOpen(3)
    for number in range(3):
        pool.add(number, "a")
    pool.advance(0, 1)
    assert pool.add(3, "a") == 1
    assert pool.add(4, "a") == 2
    assert pool.add(5, "a") == 3
    assert 0 in pool


def test_one_that_ends_makes_room() -> None:
    pool = HalfOpen(1)
    pool.add(1, "a")
    pool.remove(1)
    pool.remove(1)
    assert pool.add(2, "a") is None


def take_step(pool: HalfOpen, number: int, step: int, source: str) -> None:
    """Remove an earlier connection, or let the last one advance and a new one in."""
    if step == 0:
        pool.remove(number - 2)
        return
    pool.advance(number - 1, step)
    evicted = pool.add(number, source)
    assert number in pool
    assert evicted is None or evicted not in pool


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc")), max_size=60))
def test_the_pool_is_bounded_and_a_newcomer_is_always_let_in(
    steps: list[tuple[int, str]],
) -> None:
    pool = HalfOpen(5)
    for number, (step, source) in enumerate(steps):
        take_step(pool, number, step, source)
        assert len(pool) <= 5


def test_one_source_does_not_crowd_out_another() -> None:
    pool = HalfOpen(8)
    pool.add(0, "honest")
    for number in range(1, 1000):
        assert pool.add(number, "loop") != 0
    assert 0 in pool
