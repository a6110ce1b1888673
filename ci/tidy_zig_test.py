"""A public function that changes state asserts, or says why it does not."""

from __future__ import annotations

import textwrap

import pytest

from ci import tidy
from ci.tidy_source import Source
from ci.tidy_zig import find_unasserted

KERNEL = "src/guest/kernel/x.zig"
STEPS = ("step();", "step();", "step();")


def method(*lines: str, parameters: str = "self: *Table") -> str:
    body = "".join(f"        {line}\n" for line in lines)
    return f"    pub fn grow({parameters}) void {{\n{body}    }}\n"


def found(text: str, path: str = KERNEL) -> list[str]:
    return [str(finding) for finding in find_unasserted(Source(path, text))]


@pytest.mark.parametrize(
    "write",
    [
        "self.count = 1;",
        "self.count += 1;",
        "self.count +%= 1;",
        "self.count +|= 1;",
        "self.bits &= ~bit;",
        "self.bits <<= 1;",
        "self.bits <<|= 1;",
        "self.bits >>= 1;",
        "self.bits ^= bit;",
        "self.count %= 2;",
        "self.all[self.order[0]].count = 1;",
        "self.all[self.order[i] + 1] = 1;",
        "self.all[i].count = 1;",
        "self.* = .{};",
    ],
)
def test_write_behind_a_pointer_wants_an_assert(write: str) -> None:
    text = method(write, *STEPS)

    assert found(text) == [
        f"{KERNEL}:1: `grow` changes state and asserts nothing: assert what its caller owes or "
        "what holds between calls, or write `// No assert: why` in it"
    ]
    assert found(method(write, *STEPS, "std.debug.assert(self.count != 0);")) == []
    assert found(method(write, *STEPS, "self.check();")) == []
    assert found(method(write, *STEPS, "work() catch unreachable;")) == []
    assert found(method("// No assert: any count is good.", write, *STEPS)) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("src/guest/lib/net/x.zig", method("c.count = 1;", *STEPS, parameters="c: *Connection")),
        (KERNEL, "var count: u8 = 0;\n" + method("count = 1;", *STEPS, parameters="")),
        (
            KERNEL,
            "pub var all: [2]Task = undefined;\n"
            + method("for (&all) |*task| {", "task.pid = 1;", "}", *STEPS, parameters=""),
        ),
        (KERNEL, method("for (&self.all, 1..) |*c, i| {", "c.pid = i;", "}", *STEPS)),
        (KERNEL, method("self.count =", "    first + second;", *STEPS)),
        (KERNEL, method("self.count = 1; // assert(false)", *STEPS)),
        (KERNEL, method("// No assert:", "self.count = 1;", *STEPS)),
    ],
)
def test_other_ways_to_change_state_are_found(path: str, text: str) -> None:
    assert len(found(text, path)) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("src/guest/services/logd/x.zig", method("self.count = 1;", *STEPS)),
        ("src/guest/kernel/x_test.zig", method("self.count = 1;", *STEPS)),
        ("src/guest/lib/os_fake/root.zig", method("self.count = 1;", *STEPS)),
        (KERNEL, method("self.count = 1;", *STEPS).replace("pub ", "")),
        (KERNEL, method("self.count = 1;", *STEPS[1:])),
        (KERNEL, method("self.* = .{", "    .count = 1,", "};", *STEPS[:2])),
        (KERNEL, method("self.count = 1;", *STEPS, parameters="self: *const Table")),
        (KERNEL, method("out[0] = 1;", *STEPS, parameters="out: *[4]u8")),
        (KERNEL, method("const is_one = self.count == 1;", *STEPS)),
        (KERNEL, method("var count = other.self.count;", "count = 1;", *STEPS)),
        (KERNEL, "pub fn Table(comptime T: type) type {\n" + method("self.count = 1;") + "}\n"),
    ],
)
def test_all_else_may_do_without(path: str, text: str) -> None:
    assert found(text, path) == []


def test_reason_beside_an_assert_is_stale() -> None:
    text = method("// No assert: any.", "self.check();")

    assert found(text) == [f"{KERNEL}:1: `grow` asserts after all"]


def test_signature_may_take_several_lines() -> None:
    text = textwrap.dedent(
        """
        pub fn grow(
            self: *Table,
            count: usize,
        ) error{Full}!void {
            self.count = count;
            step();
            step();
            step();
        }
        """
    )

    assert len(found(text)) == 1


def test_comment_in_a_signature_is_no_end_of_it() -> None:
    text = method("self.count = 1;", *STEPS)

    assert len(found(text.replace("void {", "void { // It grows;"))) == 1
    assert len(found(text.replace("(self", "(\n        // Its table;\n        self"))) == 1


@pytest.mark.parametrize("cut", ["void {", "{\n", "step();\n        step();"])
def test_function_that_is_cut_off_is_left_to_the_formatter(cut: str) -> None:
    text = method("self.count = 1;", *STEPS)

    assert found(text.partition(cut)[0]) == []


def test_tidy_applies_the_rule_to_zig() -> None:
    assert find_unasserted in tidy.rules_of(KERNEL)
