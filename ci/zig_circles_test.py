"""A circle of zig files that import each other is argued in the header of one of them.

The paragraph begins with `Circle:` and names every other file of the circle.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUEST = ROOT / "src/guest"

_IMPORT = re.compile(r'@import\("([^"]+\.zig)"\)')
_ARGUMENT = re.compile(r"Circle: [^\n]*(?:\n//! [^\n]+)*")


def sources() -> dict[Path, str]:
    """All files of the guest but tests, with their text."""
    paths = sorted(GUEST.rglob("*.zig"))
    return {path: path.read_text() for path in paths if not path.stem.endswith("_test")}


def circles(texts: dict[Path, str]) -> list[list[Path]]:
    """Files that reach each other by imports, a list for each circle."""
    imports = {
        path: {(path.parent / name).resolve() for name in _IMPORT.findall(text)} & texts.keys()
        for path, text in texts.items()
    }
    reached = {path: reach(path, imports) for path in texts}
    found = {
        frozenset(other for other in reached[path] if path in reached[other])
        for path in texts
        if path in reached[path]
    }
    return sorted(sorted(circle) for circle in found)


def reach(start: Path, imports: dict[Path, set[Path]]) -> set[Path]:
    seen: set[Path] = set()
    waiting = list(imports[start])
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += imports[path]
    return seen


def unargued(circle: list[Path], texts: dict[Path, str]) -> list[str]:
    """The files of a circle that its best argument does not name; none is as it should be."""
    missing = [
        [other.name for other in circle if other != path and other.name not in argument]
        for path in circle
        for argument in _ARGUMENT.findall(texts[path])
    ]
    return min(missing, key=len, default=[path.name for path in circle])


def test_every_circle_of_files_is_argued() -> None:
    texts = sources()

    left = {circle[0]: names for circle in circles(texts) if (names := unargued(circle, texts))}

    assert left == {}


def test_every_argument_is_about_a_circle() -> None:
    texts = sources()
    in_circles = {path for circle in circles(texts) for path in circle}

    argued = {path for path, text in texts.items() if _ARGUMENT.search(text)}

    assert argued <= in_circles


@pytest.mark.parametrize(
    ("header", "left"),
    [
        ("//! Circle: with b.zig, for a reason.", []),
        ("//! Circle: with\n//! b.zig, for a reason.", []),
        ("//! Something else, b.zig.", ["a.zig", "b.zig"]),
        ("//! Circle: with c.zig.\n\n//! b.zig", ["b.zig"]),
    ],
)
def test_argument_names_the_others(header: str, left: list[str]) -> None:
    a, b = GUEST / "a.zig", GUEST / "b.zig"
    texts = {a: f'{header}\nconst b = @import("b.zig");', b: 'const a = @import("a.zig");'}

    assert circles(texts) == [[a, b]]
    assert unargued([a, b], texts) == left
