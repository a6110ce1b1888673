"""Routines that are in their language are compiled; each other one is named, and quoted."""

from __future__ import annotations

import pytest

from nexus.emulator.native.routine import handlers, routines
from nexus.emulator.native.routine_value import RoutineError

CONSTANTS = {"PLACE": 3}


def test_a_routine_becomes_a_function_of_the_state() -> None:
    (text,) = routines("def twice(a):\n    return a + a", CONSTANTS)
    assert text.startswith("define ")
    assert "i64 @twice(ptr %st, i64 %p_a)" in text


def test_a_handler_continues_in_another() -> None:
    found = handlers("def first():\n    state[PLACE] = left\n    become(second)", CONSTANTS)
    assert list(found) == ["first"]
    assert "@second(" in found["first"]


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        ("return PLCE", "'PLCE' is neither a variable of it nor a constant"),
        ("return a ** 2", "'a ** 2' is unknown; expected a form of value"),
        ("return a is PLACE", "'a is PLACE' is unknown; expected a form of value"),
        ("return 1 < a < 3", "'1 < a < 3' is unknown; expected a form of value"),
        ("return u128[a]", "'u128[a]' is unknown; expected a form of memory"),
        ("a.b = 1", "'a.b' is unknown; expected a form of target"),
        ("a **= 2", "'a **= 2' is unknown; expected a form of statement"),
        ("assert a", "'assert a' is unknown; expected a form of statement"),
        ("return 1\n    return 2", "'return 2' is never reached"),
    ],
)
def test_what_is_not_in_the_language_names_its_routine(body: str, quoted: str) -> None:
    with pytest.raises(RoutineError) as raised:
        routines(f"def example(a):\n    {body}", CONSTANTS)
    assert str(raised.value) == f"routine example: {quoted}"
