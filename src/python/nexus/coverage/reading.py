"""Reads the files of coverage, each held to its JSON Schema before anything is made of it.

An edge: files are read here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from nexus.config.held_file import (
    ReadingError,
    hold_to_schema,
    parse_json,
    read_bytes,
    read_text,
)
from nexus.core.text import show
from nexus.coverage import executed, lines
from nexus.coverage.code import parts_of
from nexus.coverage.executed import CoverageFile, Executed
from nexus.coverage.lines import LinesFile, PartLines

_ELF: Final = b"\x7fELF"


def read_executed(path: Path) -> Executed:
    """Read a `coverage.json`, or the one in a folder of artifacts.

    Raises:
        ReadingError: it is not one; the message names the place in it.
    """
    file = path / "coverage.json" if os.path.isdir(path) else path
    held = _held_to(file, read_text(file), executed.json_schema())
    return executed.of_file(CoverageFile.model_validate(held))


def read_lines_file(path: Path) -> list[PartLines]:
    """Read a `lines.json`, or the debug information of an ELF of one program.

    Raises:
        ReadingError: it is neither.
        CoverageError: the ELF has no debug information.
    """
    content = read_bytes(path)
    if content[:4] == _ELF:
        return lines_of_elf(content, show(str(path)))
    text = read_text(path)
    try:
        # The model that the schema is made of; the schema itself finds the words for a mistake.
        return LinesFile.model_validate_json(text, strict=True).parts
    except ValidationError:
        held = _held_to(path, text, lines.json_schema())
        return LinesFile.model_validate(held).parts


def lines_of_elf(elf: bytes, what: str, root: str = "") -> list[PartLines]:
    """The lines of an ELF that was compiled with debug information."""
    from nexus.coverage.dwarf import read_lines  # Only readers of an ELF need it.

    return [read_lines(elf, parts_of(elf, what)[0], what, root)]


def read_sources(root: Path, paths: Iterable[str]) -> dict[str, str]:
    """The sources that are there; a page without its source has its lines alone."""
    found = {}
    for path in paths:
        try:
            found[path] = read_text(root / path)
        except ReadingError:
            continue
    return found


def _held_to(path: Path, text: str, schema: Mapping[str, object]) -> object:
    held = parse_json(show(str(path)), text)
    hold_to_schema(show(str(path)), held, schema)
    return held
