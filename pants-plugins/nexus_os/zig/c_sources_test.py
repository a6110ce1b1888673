"""The words for C and assembly on the compiler's command line."""

from __future__ import annotations

from typing import Tuple

import pytest  # pants: no-infer-dep
from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException

from nexus_os.zig.c_sources import CSettings, c_argv

OWNER = Address("fw/app")
OWN = ("fw/app/README", "fw/app/include/app.h", "fw/app/main.c", "fw/app/start.S")
ALL = (*OWN, "lib/board/uart.h")


def settings(
    *,
    optimize: str = "ReleaseSmall",
    flags: Tuple[str, ...] = (),
    defines: Tuple[str, ...] = (),
    folders: Tuple[str, ...] = (),
) -> CSettings:
    return CSettings(OWNER, optimize, flags, defines, folders)


def test_files_to_compile_stand_behind_their_settings() -> None:
    given = settings(
        flags=("-std=c11",), defines=("A", 'B="x y"'), folders=("include", "//lib/board")
    )

    assert c_argv(given, OWN, ALL) == (
        "-DA",
        '-DB="x y"',
        "-I",
        "fw/app/include",
        "-I",
        "lib/board",
        "-I",
        ".",
        "-cflags",
        "-ffreestanding",
        "-fno-sanitize=function",
        "-std=c11",
        "--",
        "fw/app/main.c",
        "fw/app/start.S",
    )


@pytest.mark.parametrize(
    ("optimize", "checked"),
    [("Debug", True), ("ReleaseSafe", True), ("ReleaseSmall", False), ("ReleaseFast", False)],
)
def test_undefined_behaviour_traps_where_the_mode_is_a_safe_one(
    optimize: str, checked: bool
) -> None:
    assert ("-fsanitize-c=trap" in c_argv(settings(optimize=optimize), OWN, ALL)) is checked


def test_no_path_of_the_machine_is_on_the_command_line() -> None:
    assert not [arg for arg in c_argv(settings(), OWN, ALL) if arg.startswith(("/", "-I/"))]


def test_image_without_c_has_no_arguments_for_it() -> None:
    assert c_argv(settings(), ("fw/app/main.zig", "fw/app/app.h"), ALL) == ()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (settings(flags=("-Wall",)), "c_flags"),
        (settings(defines=("A",)), "defines"),
        (settings(folders=("include",)), "include_directories"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(given: CSettings, field: str) -> None:
    with pytest.raises(InvalidFieldException, match=f"`{field}` field of fw/app:app is set, but"):
        c_argv(given, ("fw/app/main.zig",), ALL)


def test_folder_without_a_file_is_refused_and_a_near_one_offered() -> None:
    with pytest.raises(
        InvalidFieldException,
        match=r"`include_directories` field of fw/app:app names '//lib/bord'.*"
        r"Did you mean 'lib/board'\?",
    ):
        c_argv(settings(folders=("//lib/bord",)), OWN, ALL)
