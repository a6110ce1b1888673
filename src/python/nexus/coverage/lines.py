"""Which line of which file an instruction comes from: `lines.json`, made once for an image.

The guest's images have no debug information.  Their twins, compiled from the same sources with it,
have the same code; what matters of them is in this file, without any path of the machine that built
them.  A part is found by the digest of its code, so that the lines of another build are never taken
for those of this one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

FORMAT: Final = 1
_HEX: Final = r"^[0-9a-f]*$"
_ROWS: Final = r"^([0-9a-f]{1,16} [0-9]{1,9} [0-9]{1,9}\n)*$"
_BRANCHES: Final = r"^([0-9a-f]{1,16}\n)*$"

Row = tuple[int, int, int]  # Address, number of the file, line.


class Function(BaseModel):
    """A function: where its code is, and where it begins in a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    file: int = Field(ge=0)
    line: int = Field(ge=0)
    start: int = Field(ge=0)
    end: int = Field(ge=0)


class PartLines(BaseModel):
    """The lines of one part."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64)
    digest: str = Field(pattern=_HEX, min_length=32, max_length=32)
    files: list[str]
    # Where each line begins: address in hexadecimal, file and line; line 0 is code without a line.
    # Texts, because a service has ten thousand rows, and a text is held to its schema at once.
    rows_text: str = Field(alias="rows", pattern=_ROWS)
    functions: list[Function]
    branches_text: str = Field(alias="branches", pattern=_BRANCHES)

    @cached_property
    def rows(self) -> list[Row]:
        """Address, file and line, in the order of addresses."""
        found = []
        for row in self.rows_text.split("\n")[:-1]:
            address, file, line = row.split(" ")
            found.append((int(address, 16), int(file), int(line)))
        return found

    @cached_property
    def branches(self) -> list[int]:
        """The addresses of conditional branches."""
        return [int(address, 16) for address in self.branches_text.split("\n")[:-1]]


def part_lines(
    name: str,
    digest: str,
    files: Sequence[str],
    rows: Iterable[Row],
    functions: Sequence[Function],
    branches: Iterable[int],
) -> PartLines:
    """Make the lines of a part from values."""
    return PartLines(
        name=name,
        digest=digest,
        files=list(files),
        rows="".join(f"{address:x} {file} {line}\n" for address, file, line in rows),
        functions=list(functions),
        branches="".join(f"{address:x}\n" for address in branches),
    )


class LinesFile(BaseModel):
    """`lines.json`."""

    model_config = ConfigDict(extra="forbid")

    format: int = Field(ge=FORMAT, le=FORMAT)
    parts: list[PartLines]


def render(parts: Iterable[PartLines]) -> str:
    """Write the file; same parts, same bytes."""
    held = [part.model_dump(by_alias=True) for part in sorted(parts, key=lambda part: part.name)]
    return json.dumps({"format": FORMAT, "parts": held}, separators=(",", ":")) + "\n"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the file."""
    schema = LinesFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
