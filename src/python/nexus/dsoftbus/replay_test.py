"""A mutation acts once, however often and in whichever order it is repeated."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nexus.dsoftbus.replay import (
    CALLS_MAX,
    EPOCHS_MAX,
    RETIRED_MAX,
    ReplayTable,
    Verdict,
    has_epoch,
)

EPOCH = 7 << 32
PUT = b"SF\1\1k=v"


def test_a_repeated_call_waits_and_gets_the_first_answer() -> None:
    table = ReplayTable()
    assert table.begin("a", EPOCH + 1, 4, PUT) == (Verdict.RUN, None)
    assert table.begin("a", EPOCH + 1, 4, PUT) == (Verdict.RUNNING, None)
    table.finish("a", EPOCH + 1, b"ok")
    assert table.begin("a", EPOCH + 1, 4, PUT) == (Verdict.DONE, b"ok")


def test_a_failure_is_not_tried_again() -> None:
    table = ReplayTable()
    table.begin("a", EPOCH + 1, 4, PUT)
    table.finish("a", EPOCH + 1, None)
    assert table.begin("a", EPOCH + 1, 4, PUT) == (Verdict.DONE, None)


def test_another_peer_epoch_or_number_is_another_call() -> None:
    table = ReplayTable()
    table.begin("a", EPOCH + 1, 4, PUT)
    for peer, correlation in (("b", EPOCH + 1), ("a", EPOCH + 2), ("a", (8 << 32) + 1)):
        assert table.begin(peer, correlation, 4, PUT)[0] is Verdict.RUN


def test_other_content_under_the_same_number_is_a_conflict() -> None:
    table = ReplayTable()
    table.begin("a", EPOCH + 1, 4, PUT)
    assert table.begin("a", EPOCH + 1, 4, PUT + b"x")[0] is Verdict.CONFLICT
    assert table.begin("a", EPOCH + 1, 1, PUT)[0] is Verdict.CONFLICT


def test_looking_says_what_beginning_would_and_changes_nothing() -> None:
    table = ReplayTable()
    for epoch in range(1, EPOCHS_MAX + 9):
        assert table.look("a", (epoch << 32) + 1, 4, PUT) == (Verdict.RUN, None)
    table.begin("a", EPOCH + 1, 4, PUT)
    for _ in range(2):
        assert table.look("a", EPOCH + 1, 4, PUT) == (Verdict.RUNNING, None)
        assert table.look("a", EPOCH + 1, 4, PUT + b"x") == (Verdict.CONFLICT, None)
        assert table.look("a", EPOCH + 2, 4, PUT) == (Verdict.RUN, None)
    table.finish("a", EPOCH + 1, b"ok")
    assert table.look("a", EPOCH + 1, 4, PUT) == (Verdict.DONE, b"ok")
    for number in range(2, CALLS_MAX + 2):
        table.begin("a", EPOCH + number, 4, PUT)
    assert table.look("a", EPOCH + 1, 4, PUT) == (Verdict.GONE, None)


def test_what_is_forgotten_is_not_run_again() -> None:
    table = ReplayTable()
    for number in range(1, CALLS_MAX + 2):
        assert table.begin("a", EPOCH + number, 4, PUT)[0] is Verdict.RUN
        table.finish("a", EPOCH + number, b"")
    assert table.begin("a", EPOCH + 1, 4, PUT)[0] is Verdict.GONE
    assert table.begin("a", EPOCH + 2, 4, PUT)[0] is Verdict.DONE


def test_what_runs_is_not_forgotten() -> None:
    table = ReplayTable()
    for number in range(1, CALLS_MAX + 1):
        table.begin("a", EPOCH + number, 4, PUT)
    assert table.begin("a", EPOCH + 999, 4, PUT)[0] is Verdict.GONE
    table.finish("a", EPOCH + 1, b"")
    assert table.begin("a", EPOCH + 999, 4, PUT)[0] is Verdict.RUN


def test_epochs_are_bounded_and_a_late_end_of_a_forgotten_one_is_ignored() -> None:
    table = ReplayTable()
    for epoch in range(1, EPOCHS_MAX + 2):
        table.begin("a", (epoch << 32) + 1, 4, PUT)
    table.finish("a", (1 << 32) + 1, b"")
    assert table.begin("a", (2 << 32) + 1, 4, PUT)[0] is Verdict.RUNNING


def test_how_much_is_remembered_is_what_the_specification_says() -> None:
    assert (CALLS_MAX, EPOCHS_MAX, RETIRED_MAX) == (256, 4, 64)


def test_numbers_start_at_one_and_below_it_nothing_runs() -> None:
    table = ReplayTable()
    assert table.look("a", EPOCH, 4, PUT) == (Verdict.GONE, None)
    assert table.begin("a", EPOCH, 4, PUT) == (Verdict.GONE, None)
    assert table.begin("a", EPOCH + 1, 4, PUT) == (Verdict.RUN, None)


def test_the_epoch_that_was_used_longest_ago_makes_room() -> None:
    table = ReplayTable()
    for epoch in range(1, EPOCHS_MAX + 1):
        table.begin("a", (epoch << 32) + 1, 4, PUT)
        table.finish("a", (epoch << 32) + 1, b"ok")
    assert table.begin("a", (1 << 32) + 1, 4, PUT) == (Verdict.DONE, b"ok")  # Used again.
    table.begin("a", (EPOCHS_MAX + 1 << 32) + 1, 4, PUT)
    assert table.look("a", (2 << 32) + 1, 4, PUT)[0] is Verdict.GONE
    assert table.look("a", (1 << 32) + 1, 4, PUT) == (Verdict.DONE, b"ok")


def test_what_ran_in_a_forgotten_epoch_is_not_run_again() -> None:
    table = ReplayTable()
    first = [(1 << 32) + number for number in (3, 5)]
    for correlation in first:
        table.begin("a", correlation, 4, PUT)
        table.finish("a", correlation, b"ok")
    for epoch in range(2, EPOCHS_MAX + 2):
        table.begin("a", (epoch << 32) + 1, 4, PUT)
    for _ in range(2):
        assert table.look("a", first[1], 4, PUT) == (Verdict.GONE, None)
        assert table.look("a", first[1] + 1, 4, PUT) == (Verdict.RUN, None)
    # Whether 4 ran is not known any more; what comes later is new.
    for correlation in (*first, first[0] + 1):
        assert table.begin("a", correlation, 4, PUT)[0] is Verdict.GONE
    assert table.begin("a", first[1] + 1, 4, PUT)[0] is Verdict.RUN


def test_the_memory_of_forgotten_epochs_is_bounded() -> None:
    table = ReplayTable()
    last = EPOCHS_MAX + RETIRED_MAX + 2
    for epoch in range(1, last + 1):
        table.begin("a", (epoch << 32) + 1, 4, PUT)
    gone = [
        epoch
        for epoch in range(1, last + 1)
        if table.look("a", (epoch << 32) + 1, 4, PUT)[0] is Verdict.GONE
    ]
    assert gone == list(range(3, RETIRED_MAX + 3))


def test_ids_without_an_epoch() -> None:
    assert not has_epoch(0xFFFFFFFF)
    assert has_epoch(1 << 32)


def finish(table: ReplayTable, correlations: list[int]) -> None:
    for correlation in correlations:
        table.finish("a", correlation, b"")


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 600), st.booleans()), max_size=400),
    st.sampled_from([1, 9]),
)
def test_no_number_ever_runs_twice(steps: list[tuple[int, int, bool]], epochs: int) -> None:
    table = ReplayTable()
    ran: set[int] = set()
    for epoch, number, finishes in steps:
        correlation = (min(epoch, epochs) << 32) + number
        looked = table.look("a", correlation, 4, PUT)
        verdict, reply = table.begin("a", correlation, 4, PUT)
        # Looking says the same, except for whether there is room.
        assert looked == (verdict, reply) or (looked[0], verdict) == (Verdict.RUN, Verdict.GONE)
        runs = verdict is Verdict.RUN
        assert runs or correlation in ran or verdict is Verdict.GONE
        assert not (runs and correlation in ran)
        ran |= {correlation} if runs else set()
        finish(table, [correlation] if runs and finishes else [])
