"""The line and the file of each instruction: `lines.json`, made once for an image.

The guest's images have no debug information.  Their twins, compiled from the same sources with it,
have the same code; what matters of them is in this file, without any path of the machine that built
them.  A part is found by the digest of its code, so that the lines of another build are never taken
for those of this one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from nexus.coverage.error import CoverageError

FORMAT: Final = 2
_HEX: Final = r"^[0-9a-f]*$"
_ROWS: Final = r"^([0-9a-f]{1,16} [0-9]{1,9} [0-9]{1,9}\n)*$"
_FUNCTIONS: Final = r"^([0-9a-f]{1,16} [0-9]{1,9} [0-9]{1,9} [0-9]{1,9} [^\n]*\n)*$"
_BRANCHES: Final = r"^([0-9a-f]{1,16}\n)*$"
_DECLARED: Final = r"^([0-9]{1,9} [0-9]{1,9} [^\n]*\n)*$"
_INLINED: Final = r"^([0-9a-f]{1,16}( [0-9]{1,9}){5}\n)*$"

Row = tuple[int, int, int]  # Address, number of the file, line.


class Function(NamedTuple):
    """A function with code of its own: where that is, and where it begins in a file."""

    start: int
    end: int
    file: int
    line: int
    name: str


class Declared(NamedTuple):
    """A function that is part of others: the number of its file, its line, its name."""

    file: int
    line: int
    name: str


class Inline(NamedTuple):
    """A place where a function is part of another: its code there, and the line that calls it."""

    start: int
    end: int
    depth: int  # The number of functions that it is part of there.
    function: Declared
    file: int
    line: int  # 0 if that is not known.


class PartLines(BaseModel):
    """The lines of one part.

    Tables are texts, a row a line, because a service has ten thousand rows, and a text is held to
    its schema at once.  Addresses are hexadecimal.  The properties raise a CoverageError for a
    number that nothing has.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64)
    digest: str = Field(pattern=_HEX, min_length=32, max_length=32)
    files: list[str]
    # Where each line begins: address, file and line; line 0 is code without a line.
    rows_text: str = Field(alias="rows", pattern=_ROWS)
    # Start, bytes, file, line, name.
    functions_text: str = Field(alias="functions", pattern=_FUNCTIONS)
    branches_text: str = Field(alias="branches", pattern=_BRANCHES)
    # Functions that are part of others: file, line, name; and where: start, bytes, depth,
    # function, file and line of the call.
    declared_text: str = Field(alias="declared", pattern=_DECLARED)
    inlined_text: str = Field(alias="inlined", pattern=_INLINED)

    @cached_property
    def rows(self) -> list[Row]:
        """Address, file and line, in the order of addresses."""
        found = [
            (int(address, 16), int(file), int(line))
            for address, file, line in map(str.split, _lines(self.rows_text))
        ]
        self._check("rows", (file for _, file, line in found if line))
        return found

    @cached_property
    def functions(self) -> list[Function]:
        """The functions with code of their own, in the order of addresses."""
        found = []
        for row in _lines(self.functions_text):
            start, length, file, line, name = row.split(" ", 4)
            at = int(start, 16)
            found.append(Function(at, at + int(length), int(file), int(line), name))
        self._check("functions", (it.file for it in found))
        return found

    @cached_property
    def branches(self) -> list[int]:
        """The addresses of conditional branches."""
        return [int(address, 16) for address in _lines(self.branches_text)]

    @cached_property
    def declared(self) -> list[Declared]:
        """The functions that are part of others."""
        found = []
        for row in _lines(self.declared_text):
            file, line, name = row.split(" ", 2)
            found.append(Declared(int(file), int(line), name))
        self._check("declared", (it.file for it in found))
        return found

    @cached_property
    def inlined(self) -> list[Inline]:
        """The places where functions are part of others, by depth, then by address."""
        declared, found = self.declared, []
        for row in _lines(self.inlined_text):
            start, length, depth, number, file, line = row.split(" ")
            at, function = int(start, 16), int(number)
            if function >= len(declared):
                raise CoverageError(
                    f"lines of {self.name}: inlined: function {function}; the last one is "
                    f"{len(declared) - 1}"
                )
            found.append(
                Inline(at, at + int(length), int(depth), declared[function], int(file), int(line))
            )
        self._check("inlined", (it.file for it in found))
        return found

    def _check(self, what: str, files: Iterable[int]) -> None:
        highest = max(files, default=-1)
        if highest >= len(self.files):
            raise CoverageError(
                f"lines of {self.name}: {what}: file {highest}; the last one is "
                f"{len(self.files) - 1}"
            )


def _lines(text: str) -> list[str]:
    return text.split("\n")[:-1]


def part_lines(
    name: str,
    digest: str,
    files: Sequence[str],
    rows: Iterable[Row],
    functions: Sequence[Function],
    branches: Iterable[int],
    inlined: Sequence[Inline] = (),
) -> PartLines:
    """Make the lines of a part from values."""
    declared = sorted({it.function for it in inlined})
    numbers = {function: number for number, function in enumerate(declared)}
    places = sorted(set(inlined), key=lambda it: (it.depth, it))
    return PartLines(
        name=name,
        digest=digest,
        files=list(files),
        rows="".join(f"{address:x} {file} {line}\n" for address, file, line in rows),
        functions="".join(
            f"{it.start:x} {it.end - it.start} {it.file} {it.line} {_one_line(it.name)}\n"
            for it in functions
        ),
        branches="".join(f"{address:x}\n" for address in branches),
        declared="".join(f"{it.file} {it.line} {_one_line(it.name)}\n" for it in declared),
        inlined="".join(
            f"{it.start:x} {it.end - it.start} {it.depth} {numbers[it.function]} "
            f"{it.file} {it.line}\n"
            for it in places
        ),
    )


def _one_line(name: str) -> str:
    return name.replace("\n", " ")


class LinesFile(BaseModel):
    """`lines.json`."""

    model_config = ConfigDict(extra="forbid")

    format: int = Field(ge=FORMAT, le=FORMAT)
    parts: list[PartLines]


def render(parts: Iterable[PartLines]) -> str:
    """Write the file; same parts, same bytes."""
    held = [part.model_dump(by_alias=True) for part in sorted(parts, key=lambda part: part.name)]
    return json.dumps({"format": FORMAT, "parts": held}, separators=(",", ":")) + "\n"


def json_schema() -> dict[str, object]:
    """The JSON Schema of the file."""
    schema = LinesFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
