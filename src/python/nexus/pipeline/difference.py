"""The first difference of two files, in words that lead a person to the cause.  No I/O."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final
from xml.etree import ElementTree

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

# How much of either side is shown, from the first byte that differs.
SHOWN_BYTES: Final = 16
SHOWN_CHARS: Final = 160

# The attributes in which a report names times; nothing else of it may vary.
TIMES: Final = ("time", "timestamp", "hostname")


@dataclass(frozen=True)
class Difference:
    """One file that is not the same on both sides."""

    file: str
    where: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.file}: {self.where}\n  first:  {self.first}\n  second: {self.second}"


def compare(first: Mapping[str, bytes], second: Mapping[str, bytes]) -> Iterator[Difference]:
    """Compare two trees of files, in the order of their names."""
    for name in sorted({*first, *second}):
        if name not in first or name not in second:
            sides = ["there" if name in side else "missing" for side in (first, second)]
            yield Difference(name, "is on one side only", *sides)
            continue
        found = _compare_file(name, *(relevant(name, side[name]) for side in (first, second)))
        if found is not None:
            yield found


def relevant(name: str, content: bytes) -> bytes:
    """The content without what is allowed to differ."""
    for pattern, reduce in _REDUCED:
        if PurePath(name).match(pattern):
            return reduce(content)
    return content


def _without_wall(content: bytes) -> bytes:
    summary = json.loads(content)
    summary.pop("wall", None)
    return json.dumps(summary, indent=2, sort_keys=True).encode()


def _without_times(content: bytes) -> bytes:
    root = ElementTree.fromstring(content)
    for element in root.iter():
        for name in TIMES:
            element.attrib.pop(name, None)
    return ElementTree.tostring(root)


# Only what docs/determinism.md lists under "What is not", and how long Pants's own tests took.
_REDUCED: Final[tuple[tuple[str, Callable[[bytes], bytes]], ...]] = (
    ("summary.json", _without_wall),
    ("reports/*.xml", _without_times),
)


def _compare_file(name: str, first: bytes, second: bytes) -> Difference | None:
    if first == second:
        return None
    at = first_offset(first, second)
    texts = [text for text in (_text(first), _text(second)) if text is not None]
    if len(texts) == 2:
        number = first[:at].count(b"\n")
        lines = [_line(text, number) for text in texts]
        return Difference(name, f"line {number + 1}", *lines)
    where = f"offset {at} ({at:#x})"
    if first.startswith(b"\x7fELF"):
        where += f", {elf_place(first, at)}"
    return Difference(name, where, *(_hex(side, at) for side in (first, second)))


def first_offset(first: bytes, second: bytes) -> int:
    """Return the offset of the first difference; the shorter length if one begins the other."""
    low, high = 0, min(len(first), len(second))
    if first[:high] == second[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle
    return low


def elf_place(content: bytes, offset: int) -> str:
    """The section of an ELF that holds an offset of the file; else its segment."""
    try:
        elf = ELFFile(io.BytesIO(content))
        for section in elf.iter_sections():
            start = section["sh_offset"]
            if section["sh_type"] != "SHT_NOBITS" and start <= offset < start + section["sh_size"]:
                return f"section {section.name or 'without a name'}+{offset - start:#x}"
        for number, segment in enumerate(elf.iter_segments()):
            start = segment["p_offset"]
            if start <= offset < start + segment["p_filesz"]:
                address = segment["p_vaddr"] + offset - start
                return f"segment {number} ({segment['p_type']}), address {address:#x}"
    except ELFError as exc:
        return f"in an ELF that cannot be read: {exc}"
    return "in the headers of the ELF"


def _text(content: bytes) -> str | None:
    try:
        return content.decode() if b"\0" not in content else None
    except UnicodeDecodeError:
        return None


def _line(text: str, number: int) -> str:
    lines = text.split("\n")
    return lines[number][:SHOWN_CHARS] if number < len(lines) else "(has ended)"


def _hex(content: bytes, offset: int) -> str:
    shown = content[offset : offset + SHOWN_BYTES]
    return shown.hex(" ") if shown else f"(has ended after {len(content)} bytes)"
