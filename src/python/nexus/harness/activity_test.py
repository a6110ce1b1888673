from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

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
