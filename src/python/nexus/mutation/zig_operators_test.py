"""The places that are changed in zig, and those that are left alone."""

from __future__ import annotations

import pytest

from nexus.mutation.zig_operators import zig_changes


def made(source: str) -> set[str]:
    return {change.make() for change in zig_changes("a.zig", source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("    x = a < b;\n", "    x = a <= b;\n"),
        ("    x = a == b;\n", "    x = a != b;\n"),
        ("    return a + 0x10;\n", "    return a - 0x10;\n"),
        ("    return a + 0x10;\n", "    return a + 0x11;\n"),
        ("    return a & b;\n", "    return a | b;\n"),
        ("    return a and !b;\n", "    return a or !b;\n"),
        ("    return true;\n", "    return false;\n"),
        ("    if (a(b)) return;\n", "    if (!(a(b))) return;\n"),
        ("    self.count = 3;\n", "    {}\n"),
        ("    self.count += 3;\n", "    {}\n"),
        ("    try disk.flush();\n", "    {}\n"),
        ("    wipe(&self.key);\n", "    {}\n"),
    ],
)
def test_a_change_of_each_kind(source: str, expected: str) -> None:
    assert expected in made(source)


@pytest.mark.parametrize(
    "source",
    [
        'test "a" {\n    try f(1 + 1);\n}\n',
        "test {\n    _ = a;\n}\n",
        "// a < 1\n",
        '    const s = "a < 1";\n',
        "    const s =\n        \\\\a < 1\n    ;\n",
        'const std = @import("std");\n',
        "    f(&a, |b| b);\n".replace("f(&a, |b| b)", "const x = &a"),
        "    if (a) |b| return b;\n",
        "    const x = '1';\n",
        "comptime {\n    f(1);\n}\n",
        "const testing = std.testing;\n\nfn helper() void {\n    f(1);\n}\n",
        'test "a" {\n    try f();\n}\n\nfn helper() void {\n    f(1);\n}\n',
    ],
)
def test_what_has_no_behaviour_is_left_alone(source: str) -> None:
    assert made(source) == set()


def test_a_change_names_its_place() -> None:
    source = "fn f() void {\n    a = b >= c;\n}\n"
    (change,) = [each for each in zig_changes("a.zig", source) if each.operator == ">= to >"]
    assert change.name == "a.zig:2:10: >= to >"
    assert change.make() == "fn f() void {\n    a = b > c;\n}\n"


def test_what_is_public_behind_a_test_is_not_there_for_the_test() -> None:
    source = 'test "a" {\n    try f();\n}\n\npub fn g() void {\n    f(1);\n}\n'
    assert {each.line for each in zig_changes("a.zig", source)} == {6}
