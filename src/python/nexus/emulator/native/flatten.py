"""Turns a relocatable ELF object into one position-independent block of bytes.

All functions are local to the object and refer to each other relative to where they are, so laying
the sections out one after the other and filling in the distances is all that is left of linking.
Any other relocation is an error.  Kinds are from the "System V ABI, AMD64 supplement" and from "ELF
for the Arm 64-bit Architecture".
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

# Offsets of fields of the file's header.
_E_MACHINE: Final = 18
_E_SHOFF: Final = 40
_E_SHNUM: Final = 60
_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_RELA: Final = struct.Struct("<QQq")

SHT_PROGBITS, SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 1, 2, 4, 8
SHF_ALLOC: Final = 2
EM_X86_64, EM_AARCH64 = 62, 183
R_X86_64_PC32, R_X86_64_PLT32 = 2, 4
R_AARCH64_PREL32 = 261
R_AARCH64_ADR_PREL_LO21, R_AARCH64_ADR_PREL_PG_HI21 = 274, 275
R_AARCH64_ADD_ABS_LO12_NC, R_AARCH64_LDST8_ABS_LO12_NC = 277, 278
R_AARCH64_LDST16_ABS_LO12_NC, R_AARCH64_LDST32_ABS_LO12_NC = 284, 285
R_AARCH64_LDST64_ABS_LO12_NC, R_AARCH64_LDST128_ABS_LO12_NC = 286, 299
R_AARCH64_JUMP26, R_AARCH64_CALL26 = 282, 283

# A page for relocations.  Code is mapped at the start of one, whatever pages a host has.
_PAGE_BYTES: Final = 4096


class _Section(NamedTuple):
    """A section's header, in the order of its fields in the file."""

    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int  # The section of names, where this one has symbols.
    info: int  # The section that is changed, where this one has relocations.
    alignment: int
    entry_bytes: int

    def entries(self, layout: struct.Struct) -> range:
        """The offsets of what is in it, each of this layout."""
        return range(self.offset, self.offset + self.size, layout.size)


_Distance = Callable[[int, int], int]  # From a place to a target, both from the code's start.


class _Field(NamedTuple):
    """The place of a distance in an instruction, or in a word of data."""

    distance: _Distance
    unit: int  # The distance's unit, in bytes.
    bits: int
    parts: tuple[tuple[int, int, int], ...]  # Bits from, how many, where to.


def _straight(place: int, target: int) -> int:
    return target - place


def _in_pages(place: int, target: int) -> int:
    return target // _PAGE_BYTES - place // _PAGE_BYTES


def _within_page(_: int, target: int) -> int:
    return target % _PAGE_BYTES


def _offset(unit: int) -> _Field:
    """The offset within a page in a load, store or addition; it is never negative."""
    return _Field(_within_page, unit, 13, ((0, 12, 10),))


_WORD: Final = _Field(_straight, 1, 32, ((0, 32, 0),))
_BRANCH: Final = _Field(_straight, 4, 26, ((0, 26, 0),))
_ADDRESS: Final = ((0, 2, 29), (2, 19, 5))
_FIELDS: Final = {
    (EM_X86_64, R_X86_64_PC32): _WORD,
    (EM_X86_64, R_X86_64_PLT32): _WORD,
    (EM_AARCH64, R_AARCH64_PREL32): _WORD,
    (EM_AARCH64, R_AARCH64_ADR_PREL_LO21): _Field(_straight, 1, 21, _ADDRESS),
    (EM_AARCH64, R_AARCH64_ADR_PREL_PG_HI21): _Field(_in_pages, 1, 21, _ADDRESS),
    (EM_AARCH64, R_AARCH64_ADD_ABS_LO12_NC): _offset(1),
    (EM_AARCH64, R_AARCH64_LDST8_ABS_LO12_NC): _offset(1),
    (EM_AARCH64, R_AARCH64_LDST16_ABS_LO12_NC): _offset(2),
    (EM_AARCH64, R_AARCH64_LDST32_ABS_LO12_NC): _offset(4),
    (EM_AARCH64, R_AARCH64_LDST64_ABS_LO12_NC): _offset(8),
    (EM_AARCH64, R_AARCH64_LDST128_ABS_LO12_NC): _offset(16),
    (EM_AARCH64, R_AARCH64_JUMP26): _BRANCH,
    (EM_AARCH64, R_AARCH64_CALL26): _BRANCH,
}


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
    (table,) = struct.unpack_from("<Q", image, _E_SHOFF)
    (count,) = struct.unpack_from("<H", image, _E_SHNUM)
    starts = range(table, table + count * _SECTION.size, _SECTION.size)
    sections = [_Section(*_SECTION.unpack_from(image, start)) for start in starts]
    code = bytearray()
    places: dict[int, int] = {}
    for index, it in enumerate(sections):
        if it.kind in (SHT_PROGBITS, SHT_NOBITS) and it.flags & SHF_ALLOC:
            code += bytes(-len(code) % max(it.alignment, 1))
            places[index] = len(code)
            is_stored = it.kind == SHT_PROGBITS
            code += image[it.offset : it.offset + it.size] if is_stored else bytes(it.size)
    values, names = _symbols(image, sections, places)
    for it in sections:
        if it.kind == SHT_RELA and it.info in places:
            _relocate(code, places[it.info], image, it, values)
    return Flat(bytes(code), names)


def _symbols(
    image: bytes, sections: list[_Section], places: dict[int, int]
) -> tuple[list[int | None], dict[str, int]]:
    values: list[int | None] = []
    names: dict[str, int] = {}
    for section in sections:
        if section.kind != SHT_SYMTAB:
            continue
        strings = sections[section.link].offset
        for start in section.entries(_SYMBOL):
            name, _, _, index, value, _ = _SYMBOL.unpack_from(image, start)
            place = places.get(index)
            values.append(None if place is None else place + value)
            if name and place is not None:
                end = image.index(0, strings + name)
                names[image[strings + name : end].decode()] = place + value
    return values, names


def _relocate(
    code: bytearray, base: int, image: bytes, section: _Section, values: list[int | None]
) -> None:
    (machine,) = struct.unpack_from("<H", image, _E_MACHINE)
    for start in section.entries(_RELA):
        offset, info, addend = _RELA.unpack_from(image, start)
        target = values[info >> 32]
        kind = info & 0xFFFF_FFFF
        field = _FIELDS.get((machine, kind))
        if field is None or target is None:
            raise FlattenError(
                f"relocation of type {kind} at {offset:#x} cannot be resolved; expected one of a"
                " distance within the object"
            )
        place = base + offset
        _fill(code, place, field, field.distance(place, target + addend))


def _fill(code: bytearray, place: int, field: _Field, distance: int) -> None:
    """Put a distance into its field."""
    units, rest = divmod(distance, field.unit)
    if rest or not -1 << field.bits - 1 <= units < 1 << field.bits - 1:
        raise FlattenError(f"a distance of {distance} at {place:#x} has no room in its field")
    (word,) = struct.unpack_from("<I", code, place)
    for low, count, to in field.parts:
        mask = (1 << count) - 1
        word = word & ~(mask << to) | (units >> low & mask) << to
    struct.pack_into("<I", code, place, word)
