"""The function names of an ELF64 file, by address: what traces show next to numbers."""

from __future__ import annotations

import struct
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")

_SYMBOL_TABLE: Final = 2
_TYPES: Final = (0, 2)  # Labels of assembly text, and functions.
_UNDEFINED: Final = 0
_ABSOLUTE: Final = 0xFFF1

# Symbols of a kernel with all its services are some ten thousand.
SYMBOLS_MAX: Final = 1 << 20
_SECTIONS_MAX: Final = 1 << 12

# Farther than this above a name, the name means nothing.
_REACH_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Symbols:
    """Names in the order of their addresses."""

    addresses: tuple[int, ...]
    names: tuple[str, ...]

    def name_of(self, address: int) -> str | None:
        """`name` or `name+0x12`, if an address lies in or after a function."""
        index = bisect_right(self.addresses, address) - 1
        if index < 0 or address - self.addresses[index] >= _REACH_BYTES:
            return None
        offset = address - self.addresses[index]
        return f"{self.names[index]}+{offset:#x}" if offset else self.names[index]


def parse(image: bytes) -> Symbols:
    """Read the symbol table; damaged or absent, there are no names, and that is not an error."""
    try:
        found = dict(_read(image))
    except (struct.error, IndexError, OverflowError):
        found = {}
    ordered = sorted(found.items())
    return Symbols(tuple(a for a, _ in ordered), tuple(n for _, n in ordered))


def _read(image: bytes) -> list[tuple[int, str]]:
    header = _HEADER.unpack_from(image)
    start, count = header[6], min(header[12], _SECTIONS_MAX)
    sections = [_SECTION.unpack_from(image, start + i * _SECTION.size) for i in range(count)]
    symbols = []
    for _, kind, _, _, offset, size, link, *_ in sections:
        if kind != _SYMBOL_TABLE:
            continue
        names_at, names_size = sections[link][4:6]
        names = image[names_at : names_at + names_size]
        for at in range(offset, offset + min(size, SYMBOLS_MAX * _SYMBOL.size), _SYMBOL.size):
            name, info, _, section, value, _ = _SYMBOL.unpack_from(image, at)
            text = names[name : names.find(b"\0", name)].decode("utf-8", "replace")
            is_place = info & 15 in _TYPES and section not in (_UNDEFINED, _ABSOLUTE)
            # Names with a dollar sign mark data and instruction sets, not places.
            if is_place and text and not text.startswith(("$", ".L")):
                symbols.append((value, text))
    return symbols
