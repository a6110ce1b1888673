"""A worker's plan for its leases."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nexus.remotecache.leases import State, Told, plan

NAMES = st.sampled_from(["a", "b", "c"])


def test_a_new_lease_is_begun_once() -> None:
    lease = Told("a", cancelled=False)
    assert plan({}, [lease, lease]).begin == [lease]
    assert plan({"a": State.RUNNING}, [lease]).begin == []


def test_what_was_given_to_others_or_cancelled_is_ended() -> None:
    here = {"a": State.RUNNING, "b": State.RUNNING, "c": State.RUNNING}
    told = [Told("a", cancelled=True), Told("c", cancelled=False)]
    assert plan(here, told).end == ["a", "b"]


def test_what_ended_is_kept_until_the_server_knows() -> None:
    assert plan({"a": State.ENDED}, [Told("a", cancelled=False)]).forget == []
    assert plan({"a": State.ENDED}, []).forget == ["a"]


def test_a_lease_that_is_cancelled_before_it_began_is_not_begun() -> None:
    assert plan({}, [Told("a", cancelled=True)]) == plan({}, [])


@given(
    st.dictionaries(NAMES, st.sampled_from(State)),
    st.lists(st.builds(Told, name=NAMES, cancelled=st.booleans())),
)
def test_each_lease_gets_at_most_one_answer(here: dict[str, State], told: list[Told]) -> None:
    asked = plan(here, told)
    names = [lease.name for lease in asked.begin] + asked.end + asked.forget
    assert len(names) == len(set(names))
    assert set(asked.end) | set(asked.forget) <= set(here)
    assert not {lease.name for lease in asked.begin} & set(here)
