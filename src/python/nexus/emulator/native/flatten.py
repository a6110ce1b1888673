"""Turns a relocatable ELF object into one position-independent block of bytes.

All functions are local to the object and refer to each other relative to the instruction pointer,
so laying the sections out one after the other and filling in the distances is all that is left of
linking.  Any other relocation is an error.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_RELA: Final = struct.Struct("<QQq")

SHT_PROGBITS, SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 1, 2, 4, 8
SHF_ALLOC: Final = 2
R_X86_64_PC32, R_X86_64_PLT32 = 2, 4


class FlattenError(ValueError):
    """The object is not self-contained."""


@dataclass(frozen=True, slots=True)
class Flat:
    """Code and constants, and where the named functions begin."""

    code: bytes
    symbols: dict[str, int]


def flatten(image: bytes) -> Flat:
    """Lay out and relocate an object.

    Raises:
        FlattenError: It needs something that is not in it.
    """
    (table,) = struct.unpack_from("<Q", image, 40)
    (count,) = struct.unpack_from("<H", image, 60)
    sections = [_SECTION.unpack_from(image, table + 64 * i) for i in range(count)]
    code = bytearray()
    places: dict[int, int] = {}
    for index, section in enumerate(sections):
        _, kind, flags, _, offset, size, _, _, alignment, _ = section
        if kind in (SHT_PROGBITS, SHT_NOBITS) and flags & SHF_ALLOC:
            code += bytes(-len(code) % max(alignment, 1))
            places[index] = len(code)
            code += image[offset : offset + size] if kind == SHT_PROGBITS else bytes(size)
    values, names = _symbols(image, sections, places)
    for section in sections:
        if section[1] == SHT_RELA and section[7] in places:
            _relocate(code, places[section[7]], image, section, values)
    return Flat(bytes(code), names)


def _symbols(
    image: bytes, sections: list[tuple[int, ...]], places: dict[int, int]
) -> tuple[list[int | None], dict[str, int]]:
    values: list[int | None] = []
    names: dict[str, int] = {}
    for section in sections:
        if section[1] != SHT_SYMTAB:
            continue
        strings = sections[section[6]][4]
        for start in range(section[4], section[4] + section[5], _SYMBOL.size):
            name, _, _, index, value, _ = _SYMBOL.unpack_from(image, start)
            place = places.get(index)
            values.append(None if place is None else place + value)
            if name and place is not None:
                end = image.index(0, strings + name)
                names[image[strings + name : end].decode()] = place + value
    return values, names


def _relocate(
    code: bytearray, base: int, image: bytes, section: tuple[int, ...], values: list[int | None]
) -> None:
    for start in range(section[4], section[4] + section[5], _RELA.size):
        offset, info, addend = _RELA.unpack_from(image, start)
        target = values[info >> 32]
        kind = info & 0xFFFF_FFFF
        if kind not in (R_X86_64_PC32, R_X86_64_PLT32) or target is None:
            raise FlattenError(f"relocation of type {kind} at {offset:#x} cannot be resolved")
        place = base + offset
        struct.pack_into("<i", code, place, target + addend - place)
