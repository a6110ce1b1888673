"""The places that are changed in Python, and those that are left alone."""

from __future__ import annotations

import pytest

from nexus.mutation.change import draw
from nexus.mutation.python_operators import python_changes


def made(source: str) -> set[str]:
    return {change.make() for change in python_changes("a.py", source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b\n", "x = a <= b\n"),
        ("x = a <= b\n", "x = a < b\n"),
        ("x = a == b\n", "x = a != b\n"),
        ("x = a + b\n", "x = a - b\n"),
        ("x = 7\n", "x = 8\n"),
        ("x = 7\n", "x = 6\n"),
        ("x = a and b\n", "x = a or b\n"),
        ("x = not a\n", "x =  a\n"),
        ("x = True\n", "x = False\n"),
        ("if a:\n    b()\n", "if not a:\n    b()\n"),
        ("if a:\n    b()\n", "if a:\n    pass\n"),
        ("a.b = c\n", "pass\n"),
        ("a += c\n", "pass\n"),
        ("def f():\n    raise E(\n        1\n    )\n", "def f():\n    pass\n"),
        ("for a in b:\n    break\n", "for a in b:\n    continue\n"),
        ("for a in b:\n    c\n", "for a in []:\n    c\n"),
        *(
            (f"try:\n    a\nexcept {before}:\n    b\n", f"try:\n    a\nexcept {after}:\n    b\n")
            for before, after in (
                ("A", "CosmicRayTestingException"),
                ("A as e", "CosmicRayTestingException as e"),
                ("(A)", "(CosmicRayTestingException)"),
                ("(A, B)", "(A, CosmicRayTestingException)"),
                ("a.A as e", "CosmicRayTestingException as e"),
                ("a.b.A", "CosmicRayTestingException"),
                ("(A, b.c.B) as e", "(A, CosmicRayTestingException) as e"),
                ("(b.c.B, A)", "(CosmicRayTestingException, A)"),
            )
        ),
    ],
)
def test_a_change_of_each_kind(source: str, expected: str) -> None:
    assert expected in made(source)


@pytest.mark.parametrize(
    "source",
    [
        "from a import b\n",
        "def f(a: int | None = None) -> int | None: ...\n",
        "a: int | None = b\n",
        "@decorator(1)\ndef f(): ...\n",
        'x = f"at {a + 1}"\n',
        "assert a < b\n",
        "x = list(zip(a, b, strict=True))\n",
        'if __name__ == "__main__":\n    main(1)\n',
        '"""Text."""\n',
        "x = y\n",
        "try:\n    a\nexcept:\n    b\n",
    ],
)
def test_what_has_no_behaviour_is_left_alone(source: str) -> None:
    assert made(source) == set()


def test_a_change_names_its_place_and_touches_only_it() -> None:
    source = "x = 1\n\n\ndef f(a):\n    return a < 3 and a < 4\n"
    changes = python_changes("a.py", source)
    assert all(change.make() != source for change in changes)
    second = [change for change in changes if (change.line, change.column) == (5, 23)]
    assert {change.make().splitlines()[4] for change in second} == {
        "    return a < 3 and a <= 4",
        "    return a < 3 and a >= 4",
    }


def test_two_changes_of_one_number_have_two_names() -> None:
    changes = {change.name: change.make() for change in python_changes("a.py", "x = 7\n")}
    assert changes == {
        "a.py:1:4: NumberReplacer+1": "x = 8\n",
        "a.py:1:4: NumberReplacer-1": "x = 6\n",
    }


def test_a_draw_takes_either_neighbour_of_a_number() -> None:
    source = "".join(f"x{n} = {n}\n" for n in range(10, 30))
    drawn = draw(python_changes("a.py", source), 1, None)
    assert {change.operator for change in drawn} == {"NumberReplacer+1", "NumberReplacer-1"}
