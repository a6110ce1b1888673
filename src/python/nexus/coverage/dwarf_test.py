"""Sources have the same names wherever they were compiled."""

from __future__ import annotations

import pytest

from nexus.coverage.dwarf import shortened

MAIN = "src/guest/kernel/main.zig"


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (f"/tmp/pants-sandbox-AbC123/{MAIN}", MAIN),
        (f"/home/a/tmp/pants-sandbox-AbC123/{MAIN}", MAIN),
        (f"/inputs/{MAIN}", MAIN),
        (f"/home/a/inputs/{MAIN}", "main.zig"),
        ("/inputs/.zig-global-cache/b/0123/options.zig", "zig/generated/options.zig"),
        ("/opt/venv/ziglang/lib/std/mem.zig", "zig/std/mem.zig"),
        ("/elsewhere/a/main.zig", "main.zig"),
    ],
)
def test_no_path_of_the_machine_that_compiled_is_in_a_name(path: str, named: str) -> None:
    assert shortened(path) == named


def test_a_folder_of_one_s_own_is_left_out() -> None:
    assert shortened("/work/os/kernel/main.c", "/work/os/") == "kernel/main.c"
