"""The checker against histories whose verdict is known, and against a search that tries all."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.campaign.oracle_linear import Operation, Verdict, check
from nexus.campaign.oracle_store import (
    ABSENT,
    CUT,
    DELETE,
    GET,
    INITIAL,
    PRESENT,
    PUT,
    SYNC,
    check_store,
    step,
)


def put(name: str, call: int, back: int | None) -> Operation:
    """A put of a value that is called as it is."""
    return Operation(name, call, back, PUT, value=name)


def get(name: str, call: int, back: int, answer: str | None) -> Operation:
    return Operation(name, call, back, GET, answer=answer)


def delete(name: str, call: int, back: int | None, answer: str | None = None) -> Operation:
    return Operation(name, call, back, DELETE, answer=answer)


def sync(call: int, back: int | None) -> Operation:
    return Operation(f"sync {call}", call, back, SYNC)


def cut(at: int) -> Operation:
    return Operation(f"cut {at}", at, at, CUT)


GOOD: dict[str, list[Operation]] = {
    "nothing happened": [],
    "one after the other": [put("a", 1, 2), get("g", 3, 4, "a")],
    "a get that overlaps sees either": [put("a", 1, 9), get("g", 2, 3, None), get("h", 4, 5, "a")],
    "the instant of a return is not an order": [put("a", 1, 3), get("g", 3, 4, None)],
    "an unknown put happened late": [put("a", 1, None), get("g", 5, 6, None), get("h", 7, 8, "a")],
    "an unknown put never happened": [put("a", 1, None), get("g", 5, 6, None)],
    "a delete of nothing": [delete("d", 1, 2, ABSENT), get("g", 3, 4, None)],
    "a delete of something": [put("a", 1, 2), delete("d", 3, 4, PRESENT), get("g", 5, 6, None)],
    "an unsynced put is lost": [put("a", 1, 2), cut(3), get("g", 4, 5, None)],
    "an unsynced put is kept": [put("a", 1, 2), cut(3), get("g", 4, 5, "a")],
    "the cut takes the last of two": [put("a", 1, 2), put("b", 3, 4), cut(5), get("g", 6, 7, "a")],
    "a sync that was not answered": [put("a", 1, 2), sync(3, None), cut(5), get("g", 6, 7, None)],
    "a put across the cut": [put("a", 1, 9), cut(5), get("g", 10, 11, "a")],
}

BAD: dict[str, list[Operation]] = {
    "a value that was never written": [get("g", 1, 2, "x")],
    "an answered put is not seen": [put("a", 1, 2), get("g", 3, 4, None)],
    "time goes back": [put("a", 1, 9), get("g", 2, 3, "a"), get("h", 4, 5, None)],
    "a put took effect twice": [
        put("a", 1, None),
        put("b", 2, 3),
        get("g", 4, 5, "a"),
        put("c", 6, 7),
        get("h", 8, 9, "a"),
    ],
    "a delete took effect twice": [
        put("a", 1, 2),
        delete("d", 3, None),
        get("g", 4, 5, None),
        put("b", 6, 7),
        get("h", 8, 9, None),
    ],
    "a delete of nothing found something": [delete("d", 1, 2, PRESENT)],
    "a delete of something found nothing": [put("a", 1, 2), delete("d", 3, 4, ABSENT)],
    "a synced put is lost": [put("a", 1, 2), sync(3, 4), cut(5), get("g", 6, 7, None)],
    "a deleted key is back": [
        put("a", 1, 2),
        delete("d", 3, 4, PRESENT),
        sync(5, 6),
        cut(7),
        get("g", 8, 9, "a"),
    ],
    "two readers disagree": [
        put("a", 1, 20),
        put("b", 1, 20),
        get("g", 2, 3, "a"),
        get("h", 4, 5, "b"),
        get("i", 6, 7, "a"),
    ],
    "a cut brings back what was overwritten and synced": [
        put("a", 1, 2),
        put("b", 3, 4),
        sync(5, 6),
        cut(7),
        get("g", 8, 9, "a"),
    ],
}


@pytest.mark.parametrize("history", GOOD.values(), ids=GOOD)
def test_a_history_with_an_order_is_linearizable(history: list[Operation]) -> None:
    assert check(history, step, INITIAL).verdict is Verdict.LINEARIZABLE


@pytest.mark.parametrize("history", BAD.values(), ids=BAD)
def test_a_history_without_an_order_is_impossible(history: list[Operation]) -> None:
    finding = check(history, step, INITIAL)
    assert finding.verdict is Verdict.IMPOSSIBLE
    assert finding.stuck, "it says what fits nowhere"


def test_a_search_that_is_too_long_is_not_good() -> None:
    history = [put(f"p{i}", 0, 1) for i in range(9)] + [get("g", 2, 3, "none of them")]
    assert check(history, step, INITIAL).verdict is Verdict.IMPOSSIBLE
    finding = check(history, step, INITIAL, configurations_max=20)
    assert finding.verdict is Verdict.UNDECIDED


def test_keys_are_checked_alone_and_the_disk_is_looked_at() -> None:
    histories = {"k": [put("a", 1, 2)], "l": [put("b", 1, 2)]}
    assert check_store(histories, [sync(3, 4)], {"k": "a", "l": "b"}) == {}
    assert list(check_store(histories, [sync(3, 4)], {"k": "a"})) == ["l"]
    assert list(check_store(histories, [sync(3, 4)], {"k": "b", "l": "b"})) == ["k"]


def test_what_is_not_synced_is_on_the_disk_or_not_only_after_a_cut() -> None:
    history = {"k": [put("a", 1, 2)]}
    assert check_store(history, [], {"k": "a"}) == {}
    assert list(check_store(history, [], {})) == ["k"]
    assert check_store(history, [cut(9)], {}) == {}


def test_nothing_else_is_an_action() -> None:
    with pytest.raises(ValueError, match="'swap' is not an operation of the store"):
        check([Operation("o", 1, 2, "swap")], step, INITIAL)


def tries_all(history: Sequence[Operation]) -> bool:
    """Whether any order of all that returned and some of the rest agrees with time and model."""
    returned = [each for each in history if each.return_ns is not None]
    unknown = [each for each in history if each.return_ns is None]
    for mask in range(1 << len(unknown)):
        chosen = returned + [each for i, each in enumerate(unknown) if mask >> i & 1]
        if any(_agrees(order) for order in permutations(chosen)):
            return True
    return False


def _agrees(order: Sequence[Operation]) -> bool:
    for i, one in enumerate(order):
        if any(
            other.return_ns is not None and other.return_ns < one.call_ns for other in order[i:]
        ):
            return False
    states: set[Hashable] = {INITIAL}
    for each in order:
        states = {after for state in states for after in step(state, each)}
    return bool(states)


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    out = []
    for i in range(draw(st.integers(0, 5))):
        call = draw(st.integers(0, 6))
        back = draw(st.one_of(st.none(), st.integers(call, 8)))
        kind = draw(st.sampled_from([PUT, GET, DELETE, SYNC, CUT]))
        answer = draw(st.sampled_from([None, "0", "1", "2"]))
        if kind == DELETE:
            answer = draw(st.sampled_from([PRESENT, ABSENT]))
        if kind == CUT:
            back = call
        out.append(Operation(f"{i}", call, back, kind, value=f"{i}", answer=answer))
    return out


@given(histories())
@settings(max_examples=300, deadline=None)
def test_the_verdict_is_that_of_a_search_that_tries_all(history: list[Operation]) -> None:
    found = check(history, step, INITIAL).verdict
    assert found is (Verdict.LINEARIZABLE if tries_all(history) else Verdict.IMPOSSIBLE)
