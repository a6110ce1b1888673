"""The executed code of each part of an image: `coverage.json`, written after a run and merged.

The file holds, for each page with code, bits of its half-words as hexadecimal numbers: bit n is
the half-word at n * 2.  Same runs, same bytes, in whatever order they are merged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from nexus.emulator.coverage import EXECUTED, NOT_TAKEN, TAKEN, CoveredPage
from nexus.emulator.memory import PAGE_BYTES

FORMAT: Final = 1
_HEX: Final = r"^[0-9a-f]*$"
_ADDRESS: Final = r"^0x[0-9a-f]{1,16}$"
_BITS_DIGITS: Final = PAGE_BYTES // 8
# More of these, and it is not a guest of this machine.
PARTS_MAX: Final = 1024
PAGES_MAX: Final = 1 << 18


class PageBits(BaseModel):
    """The executed instructions of one page."""

    model_config = ConfigDict(extra="forbid")

    executed: str = Field(pattern=_HEX, max_length=_BITS_DIGITS)
    taken: str = Field(default="", pattern=_HEX, max_length=_BITS_DIGITS)
    not_taken: str = Field(default="", pattern=_HEX, max_length=_BITS_DIGITS)


class PartRecord(BaseModel):
    """The executed instructions of one part."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=64)
    digest: str = Field(pattern=_HEX, min_length=32, max_length=32)
    pages: dict[str, PageBits] = Field(max_length=PAGES_MAX)


class CoverageFile(BaseModel):
    """`coverage.json`."""

    model_config = ConfigDict(extra="forbid")

    format: int = Field(ge=FORMAT, le=FORMAT)
    runs: int = Field(ge=1)
    # Whether every run records which way branches went; older versions may not.
    has_branches: bool
    # Pages of code that belong to no part: of other images, or written by the guest itself.
    pages_unknown: int = Field(ge=0)
    parts: list[PartRecord] = Field(max_length=PARTS_MAX)


@dataclass(slots=True)
class Page:
    """Bits of the half-words of a page."""

    executed: int = 0
    taken: int = 0
    not_taken: int = 0

    def add(self, other: Page) -> None:
        """Add what another run has executed."""
        self.executed |= other.executed
        self.taken |= other.taken
        self.not_taken |= other.not_taken


@dataclass(slots=True)
class Executed:
    """The code that some runs executed, by part: its name, the digest of its code, its pages."""

    runs: int = 0
    has_branches: bool = True
    pages_unknown: int = 0
    parts: dict[tuple[str, str], dict[int, Page]] = field(default_factory=dict)

    def add(self, name: str, digest: str, virtual: int, page: Page) -> None:
        """Add a page of a part."""
        self.parts.setdefault((name, digest), {}).setdefault(virtual, Page()).add(page)

    def merge(self, other: Executed) -> None:
        """Add other runs."""
        self.runs += other.runs
        self.has_branches &= other.has_branches
        self.pages_unknown += other.pages_unknown
        for (name, digest), pages in other.parts.items():
            self.parts.setdefault((name, digest), {})
            for virtual, page in pages.items():
                self.add(name, digest, virtual, page)


class Reached:
    """The executed code of one part, laid out for many questions about its addresses."""

    def __init__(self, pages: Mapping[int, Page]) -> None:
        # Each page has a text of digits, one for each half-word, which is searched at once.
        self._executed = {base: _digits(page.executed) for base, page in pages.items()}
        self._taken = {base: _digits(page.taken) for base, page in pages.items()}
        self._not_taken = {base: _digits(page.not_taken) for base, page in pages.items()}

    def is_any(self, start: int, end: int) -> bool:
        """Whether an instruction between two addresses was executed."""
        while start < end:
            base = start & -PAGE_BYTES
            stop = min(end, base + PAGE_BYTES)
            digits = self._executed.get(base)
            if digits and digits.find("1", start - base >> 1, stop - base + 1 >> 1) >= 0:
                return True
            start = stop
        return False

    def branch(self, address: int) -> tuple[bool, bool, bool]:
        """Whether a branch was taken, whether it was not, and whether it was executed at all."""
        base, half = address & -PAGE_BYTES, _half(address)
        if base not in self._executed:
            return (False, False, False)
        return (
            self._taken[base][half] == "1",
            self._not_taken[base][half] == "1",
            self._executed[base][half] == "1",
        )


def _digits(bits: int) -> str:
    return f"{bits:0{PAGE_BYTES // 2}b}"[::-1]


def merged(all_of_them: Iterable[Executed]) -> Executed:
    """Add runs up."""
    result = Executed()
    for executed in all_of_them:
        result.merge(executed)
    return result


def bits_of(page: CoveredPage) -> Page:
    """A page as the emulator records it, as bits."""
    return Page(*(_bits(page.flags, flag) for flag in (EXECUTED, TAKEN, NOT_TAKEN)))


def _bits(flags: bytes, flag: int) -> int:
    digits = flags.translate(_DIGITS[flag])
    return int(digits[::-1], 2)


_DIGITS: Final = {
    flag: bytes(ord("1") if value & flag else ord("0") for value in range(256))
    for flag in (EXECUTED, TAKEN, NOT_TAKEN)
}


def _half(address: int) -> int:
    return (address & PAGE_BYTES - 1) >> 1


def render(executed: Executed) -> str:
    """Write the file."""
    held = {
        "format": FORMAT,
        "runs": executed.runs,
        "has_branches": executed.has_branches,
        "pages_unknown": executed.pages_unknown,
        "parts": [
            {"name": name, "digest": digest, "pages": dict(_pages(pages))}
            for (name, digest), pages in sorted(executed.parts.items())
        ],
    }
    return json.dumps(held, indent=1) + "\n"


def _pages(pages: dict[int, Page]) -> Iterator[tuple[str, dict[str, str]]]:
    for virtual, page in sorted(pages.items()):
        bits = {"executed": page.executed, "taken": page.taken, "not_taken": page.not_taken}
        yield hex(virtual), {name: f"{value:x}" for name, value in bits.items() if value}


def of_file(file: CoverageFile) -> Executed:
    """The content of a file, checked."""
    executed = Executed(file.runs, file.has_branches, file.pages_unknown)
    for part in file.parts:
        executed.parts.setdefault((part.name, part.digest), {})
        for address, bits in part.pages.items():
            values = (bits.executed, bits.taken, bits.not_taken)
            page = Page(*(int(value or "0", 16) for value in values))
            executed.add(part.name, part.digest, int(address, 16) & -PAGE_BYTES, page)
    return executed


def json_schema() -> dict[str, object]:
    """The JSON Schema of the file."""
    schema = CoverageFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    # Pydantic has no word for the keys of `pages`.
    pages = schema["$defs"]["PartRecord"]["properties"]["pages"]
    pages["propertyNames"] = {"pattern": _ADDRESS}
    return schema
