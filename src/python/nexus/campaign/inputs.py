"""The inputs of programs of fault worlds: scenarios, images, an engine; options and files."""

from __future__ import annotations

import os
import platform
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from nexus.campaign.machines import Code
from nexus.campaign.prepare import Prepared, prepare
from nexus.campaign.replay import commit_of
from nexus.core.commandline import CommandLine, named_paths, one_of
from nexus.core.errors import UsageError
from nexus.entry.beside import NATIVE_INTERPRETER, find_beside
from nexus.harness.engine_options import add_engine
from nexus.harness.image_files import read_native_code, read_translations
from nexus.scene.engine import REFERENCE, TRANSLATED, choose_engine

ENGINES: Final = ("auto", "reference", "native", "translated")
_FORM: Final = "NAME=PATH, such as system=system.elf"


def add_options(parser: CommandLine) -> None:
    """Let a program take images and an engine."""
    image = "a guest image (repeatable)"
    parser.add_argument("--image", action="append", metavar="NAME=PATH", help=image)
    add_engine(parser, ENGINES)


def code_of(options: Namespace) -> Code:
    """The engine that was asked for, and what it runs.

    Raises:
        NexusError: the engine is unknown, or a file cannot be read.
    """
    engine = one_of("--engine", options.engine, ENGINES)
    if engine == REFERENCE:
        return Code(REFERENCE)
    native = read_native_code(options.native_blob or find_beside(NATIVE_INTERPRETER))
    translations = read_translations(options.translations)
    chosen = choose_engine(engine, native, platform.machine(), translations)
    if chosen == REFERENCE:
        return Code(REFERENCE)
    if native is None:
        raise UsageError(f"--engine {chosen}: its code was not given; name it with --native-blob")
    if chosen != TRANSLATED:
        return Code(chosen, native)
    if translations is None:
        raise UsageError("--engine translated: name a file with --translations")
    return Code(chosen, native, translations)


def images_of(options: Namespace) -> dict[str, Path]:
    """The images that were named."""
    return named_paths("--image", options.image or [], _FORM)


def prepare_all(paths: Iterable[Path], options: Namespace) -> dict[str, Prepared]:
    """Read scenarios, by their names.

    Raises:
        NexusError: a file is not as it must be, or two scenarios have one name.
    """
    code, images = code_of(options), images_of(options)
    found: dict[str, Prepared] = {}
    for path in paths:
        prepared = prepare(path, images, code)
        name = prepared.scenario.name
        if name in found:
            raise UsageError(
                f"scenario {name!r}: {path} and {found[name].scenario.path} have one name; "
                "expected names that differ"
            )
        found[name] = prepared
    return found


def commit_here() -> str:
    """The commit of the folder this program runs in."""
    return commit_of(Path.cwd(), os.environ)
