"""The activity of a machine: stretch by stretch, bounded, and in per cent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from nexus.harness.activity import STRETCHES_MAX, Activity, ActivityFile, shares


def file_of(activity: Activity) -> ActivityFile:
    return ActivityFile.model_validate_json(activity.render())


def test_instructions_are_counted_where_they_were_executed() -> None:
    activity = Activity()
    activity.note(100_000, {"A": 10, "B": 0})
    activity.note(250_000, {"A": 15, "B": 7})
    assert file_of(activity).machines == {"A": [10, 0, 5], "B": [0, 0, 7]}


@given(st.lists(st.tuples(st.integers(1, 10**12), st.integers(0, 10**9)), max_size=60))
def test_any_run_keeps_its_instructions_in_a_bounded_number_of_stretches(
    steps: list[tuple[int, int]],
) -> None:
    activity = Activity()
    now_ns = count = 0
    for duration_ns, more in steps:
        now_ns += duration_ns
        count += more
        activity.note(now_ns, {"A": count})
    counts = activity.machines.get("A", [])
    assert sum(counts) == count
    assert len(counts) <= STRETCHES_MAX
    assert activity.stretch_ns * STRETCHES_MAX > now_ns


def test_a_busy_machine_is_busy_to_the_full_and_a_little_is_not_nothing() -> None:
    activity = Activity()
    activity.note(100_000, {"A": 10_000, "B": 1})
    assert shares(file_of(activity)) == {"A": [100], "B": [1]}


def test_an_instant_belongs_to_the_stretch_that_ends_with_it() -> None:
    activity = Activity()
    for now_ns, count in ((0, 1), (100_000, 3), (100_001, 7), (200_000, 15), (200_001, 31)):
        activity.note(now_ns, {"A": count})
    assert activity.machines == {"A": [1 + 2, 4 + 8, 16]}
    assert activity.stretch_ns == 100_000


def test_a_machine_that_boots_again_counts_from_where_it_was() -> None:
    activity = Activity()
    activity.note(1, {"A": 10})
    activity.note(2, {"A": 4})
    activity.note(3, {"A": 5, "B": 2})
    assert activity.machines == {"A": [11], "B": [2]}


def test_stretches_are_joined_two_by_two_when_the_last_is_used_up() -> None:
    activity = Activity()
    last_ns = 512 * 100_000
    activity.note(100_000, {"A": 1, "B": 4})
    activity.note(200_000, {"A": 3})
    activity.note(300_000, {"A": 8})
    activity.note(last_ns - 1, {"A": 8})
    assert (activity.stretch_ns, len(activity.machines["A"])) == (100_000, 512)
    activity.note(last_ns, {"A": 9})
    assert activity.stretch_ns == 200_000
    assert activity.machines["A"][:2] == [3, 5]
    assert activity.machines["A"][255:] == [1]
    assert activity.machines["B"] == [4]
    assert activity.render() == (
        '{"format": 1, "stretch_ns": 200000, "machines": {"A": '
        f"[3, 5, {'0, ' * 253}1], "
        '"B": [4]}}\n'
    )


@pytest.mark.parametrize(
    ("count", "share"), [(0, 0), (1, 1), (100, 1), (101, 2), (9_900, 99), (9_901, 100)]
)
def test_a_share_is_per_cent_rounded_up(count: int, share: int) -> None:
    file = ActivityFile(format=1, stretch_ns=100_000, machines={"A": [count], "B": []})
    assert shares(file) == {"A": [share], "B": []}


def test_a_share_of_more_than_all_is_all() -> None:
    file = ActivityFile(format=1, stretch_ns=200_000, machines={"A": [20_000, 90_000, 10_000]})
    assert shares(file) == {"A": [100, 100, 50]}


@pytest.mark.parametrize("change", [{"format": 2}, {"stretch_ns": 0}, {"more": 1}])
def test_another_format_is_refused(change: dict[str, int]) -> None:
    held = {"format": 1, "stretch_ns": 1, "machines": {}}
    assert ActivityFile.model_validate(held).stretch_ns == 1
    with pytest.raises(ValidationError, match=next(iter(change))):
        ActivityFile.model_validate(held | change)
