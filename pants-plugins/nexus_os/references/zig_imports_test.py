"""The names that a source refers to, and text that only looks like one."""

from __future__ import annotations

import pytest  # pants: no-infer-dep

from nexus_os.references.zig_imports import ZigReferences, references_from


def references(source: str) -> ZigReferences:
    return references_from("x/main.zig", {"x/main.zig": source})


def test_modules_are_named_once_and_in_order() -> None:
    found = references(
        'const std = @import("std");\n'
        'const os = @import("os");\n'
        'const abi = @import( "abi" ).numbers;\n'
        'test { _ = @import("os").route; _ = @import("builtin"); _ = @import("root"); }\n'
    )

    assert found == ZigReferences(modules=("abi", "os"), embedded=())


def test_files_are_followed_wherever_they_lie() -> None:
    sources = {
        "x/main.zig": 'const a = @import("deep/a.zig");',
        "x/deep/a.zig": 'const b = @import("../b.zig"); const os = @import("os");',
        "x/b.zig": 'const main = @import("main.zig"); const net = @import("net");',
        "x/other_image.zig": 'const unseen = @import("unseen");',
    }

    assert references_from("x/main.zig", sources).modules == ("net", "os")


def test_embedded_files_are_named_from_the_root_of_the_repository() -> None:
    sources = {
        "x/main.zig": 'const a = @import("deep/a.zig"); const c = @embedFile("cases.json");',
        "x/deep/a.zig": 'const v = @embedFile("../vectors/v.bin");',
    }

    assert references_from("x/main.zig", sources).embedded == ("x/cases.json", "x/vectors/v.bin")


@pytest.mark.parametrize(
    "text",
    [
        '// const a = @import("a");',
        '//! Use it by `@import("a")`.',
        'const s = "@import(\\"a\\")";',
        'const s = \\\\@import("a")\n;',
        'const c = \'"\'; // @import("a")',
        'const f = @import("a.zig");',
        'const z = @import("build.zig.zon");',
        'const a = import("a");',
        "const a = @import(name);",
    ],
)
def test_text_that_imports_no_module(text: str) -> None:
    assert references(text) == ZigReferences((), ())


def test_quote_as_a_character_hides_nothing_behind_it() -> None:
    assert references('const c = \'"\'; const a = @import("a");').modules == ("a",)
    assert references("const c = '\\''; const a = @import(\"a\");").modules == ("a",)
    assert references('const s = "\\\\"; const a = @import("a");').modules == ("a",)


def test_root_that_is_not_there_refers_to_nothing() -> None:
    assert references_from("x/main.zig", {}) == ZigReferences((), ())
