"""C and assembly files of an image, as arguments of the compiler.

They belong to the program's own module, so they stand before it on the command line:

    -DNAME -I lib/include -I . -cflags -ffreestanding -Wall -- x/start.S x/main.c  -Mroot=...

Every path is relative to the folder of the call, so nothing in the output tells where that was.
"""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Iterable, Set, Tuple

from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException

from nexus_os.references.addresses import path_from_build_file
from nexus_os.targets.suggestion import did_you_mean

ENDINGS = (".c", ".S", ".s")

# Clang is told that there is no libc to rely on.  Undefined behaviour stops the machine at once,
# without a runtime that would want to print about it; `optimize` says whether it is looked for.
# The types of functions called by pointer are not looked at: for that clang puts two words before
# each function, and a C function that is to lie at the board's entry would lie behind them.
_BOARD_CFLAGS = ("-ffreestanding", "-fno-sanitize=function")
_CHECKED = {"Debug": ("-fsanitize-c=trap",), "ReleaseSafe": ("-fsanitize-c=trap",)}


@dataclass(frozen=True)
class CSettings:
    """The fields of an image that concern its C and assembly."""

    owner: Address
    optimize: str
    flags: Tuple[str, ...]
    defines: Tuple[str, ...]
    include_directories: Tuple[str, ...]


def c_argv(
    settings: CSettings, own_files: Iterable[str], all_files: Iterable[str]
) -> Tuple[str, ...]:
    """The arguments for the C and assembly among `own_files`; none if there is none."""
    sources = tuple(name for name in own_files if name.endswith(ENDINGS))
    if not sources:
        _refuse_settings(settings)
        return ()
    return (
        *_CHECKED.get(settings.optimize, ()),
        *(f"-D{define}" for define in settings.defines),
        *(arg for folder in _include_folders(settings, all_files) for arg in ("-I", folder)),
        "-cflags",
        *_BOARD_CFLAGS,
        *settings.flags,
        "--",
        *sources,
    )


def _refuse_settings(settings: CSettings) -> None:
    """Fields that would do nothing are there by mistake."""
    for field, value in (
        ("c_flags", settings.flags),
        ("defines", settings.defines),
        ("include_directories", settings.include_directories),
    ):
        if value:
            raise InvalidFieldException(
                f"The `{field}` field of {settings.owner} is set, but none of its `sources` is C "
                f"or assembly ({', '.join(ENDINGS)}). Add the files to `sources`, or remove it."
            )


def _include_folders(settings: CSettings, files: Iterable[str]) -> Tuple[str, ...]:
    known = _folders(files)
    found = []
    for text in settings.include_directories:
        folder = os.path.normpath(path_from_build_file(settings.owner, text))
        if folder not in known:
            raise InvalidFieldException(
                f"The `include_directories` field of {settings.owner} names {text!r}, but neither "
                f"its `sources` nor its `dependencies` have a file in {folder}."
                f"{did_you_mean(folder, sorted(known))} Headers of other folders come by a "
                "`files` target among the `dependencies`."
            )
        found.append(folder)
    return (*found, ".")


def _folders(files: Iterable[str]) -> Set[str]:
    """Every folder that has a file in it, or in a folder of it."""
    known = set()
    for name in files:
        folder = os.path.dirname(name)
        while folder and folder not in known:
            known.add(folder)
            folder = os.path.dirname(folder)
    return known
