"""TOML from bytes, with the line of a mistake as a number of its own.

`tomllib` writes the line into its text, the decoder has none, and `int` refuses long numbers in
words of its own.
"""

from __future__ import annotations

import re
import tomllib
from typing import Final

from nexus.core.errors import NexusError

# Byte order marks of what is not UTF-8; the first begins with the second.
_WIDE: Final = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\0\0\xfe\xff": "UTF-32",
}

# `int` reads no more than 4300 digits.
_LONG_INTEGER: Final = re.compile(r"[0-9][0-9_]{4300,}")

_PLACE: Final = re.compile(r"(.*) \(at line (\d+), column (\d+)\)", re.DOTALL)
_AT_END: Final = " (at end of document)"


class TomlError(NexusError):
    """Bytes that are not TOML; `line` counts from one, and is 0 where all of it is wrong."""

    def __init__(self, text: str, line: int = 0) -> None:
        """Keep what is wrong and where."""
        super().__init__(text)
        self.line = line

    def at(self, source: str) -> str:
        """Say it as the mistake of a file: `file:line: text`."""
        return f"{source}:{self.line}: {self}" if self.line else f"{source}: {self}"


def decode(content: bytes) -> str:
    """Read bytes as text; some editors begin a file with a byte order mark.

    Raises:
        TomlError: It is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        wide = next((name for mark, name in _WIDE.items() if content.startswith(mark)), None)
        byte = exc.object[exc.start]
        line = exc.object.count(b"\n", 0, exc.start) + 1
    if wide:
        raise TomlError(f"is {wide} text; expected UTF-8")
    raise TomlError(f"is not UTF-8 text: byte 0x{byte:02x}; save the file as UTF-8", line)


def parse(text: str) -> dict[str, object]:
    """Read TOML.

    Raises:
        TomlError: It is none.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        problem = _place(str(exc), text)
    except ValueError as exc:
        problem = _long_integer(text) or TomlError(f"is not TOML: {exc}")
    except RecursionError:
        problem = TomlError("is nested too deeply")
    raise problem


def _place(said: str, text: str) -> TomlError:
    """Take the line out of the words of `tomllib`."""
    found = _PLACE.fullmatch(said)
    if found is not None:
        return TomlError(f"is not TOML: {found[1]}, column {found[3]}", int(found[2]))
    last = text.rstrip().count("\n") + 1
    return TomlError(f"is not TOML: {said.removesuffix(_AT_END)} at the end of the file", last)


def _long_integer(text: str) -> TomlError | None:
    found = _LONG_INTEGER.search(text)
    if found is None:
        return None
    digits = sum(char.isdigit() for char in found.group())
    return TomlError(
        f"an integer of {digits} digits; expected at most 19, as TOML has them",
        text.count("\n", 0, found.start()) + 1,
    )
