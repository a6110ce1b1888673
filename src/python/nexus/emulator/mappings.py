"""The page tables of a hart, as ranges; looking sets no bits and touches no device."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from nexus.emulator.memory import PAGE_BYTES, Ram
from nexus.emulator.reference.mmu import PPN, PTE_HIGH, A, D, R, U, V, W, X, levels_of

_ENTRIES: Final = struct.Struct("<512Q")
_ENTRY_BITS: Final = 9
_PAGE_BITS: Final = 12
_M64: Final = (1 << 64) - 1
_GLOBAL: Final = 1 << 5
_LETTERS: Final = ((R, "r"), (W, "w"), (X, "x"), (U, "u"), (_GLOBAL, "g"), (A, "a"), (D, "d"))

# Tables of one address space that are read: 8 GiB in pages of 4 KiB.  Tables that refer to
# themselves have more, without end.
TABLES_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Mapping:
    """Addresses that follow each other and are mapped alike, to physical ones that do too."""

    virtual: int
    physical: int
    size_bytes: int
    permissions: str  # `rwxugad`, with a dash for each that is not.


class TooManyTablesError(ValueError):
    """The address space has more tables than are read; the ranges so far were given."""


def mappings(ram: Ram, satp: int) -> Iterator[Mapping]:
    """The ranges that a satp with a mode maps, in the order of its tables.

    Entries that no access could pass (invalid, reserved bits, misaligned) map nothing.

    Raises:
        TooManyTablesError: There are more than TABLES_MAX tables.
    """
    present: Mapping | None = None
    for found in _Walk(ram).leaves((satp & PPN) << _PAGE_BITS, levels_of(satp)):
        if present is not None and _follows(found, present):
            present = replace(present, size_bytes=present.size_bytes + found.size_bytes)
            continue
        if present is not None:
            yield present
        present = found
    if present is not None:
        yield present


def _follows(found: Mapping, present: Mapping) -> bool:
    return (
        found.virtual == present.virtual + present.size_bytes
        and found.physical == present.physical + present.size_bytes
        and found.permissions == present.permissions
    )


class _Walk:
    """Reads tables, and counts them."""

    def __init__(self, ram: Ram) -> None:
        self._ram = ram
        self._tables = 0

    def leaves(self, table: int, levels: int) -> Iterator[Mapping]:
        """Everything below the first table of so many levels."""
        return self._below(table, 0, levels - 1, _PAGE_BITS + _ENTRY_BITS * levels)

    def _below(self, table: int, base: int, level: int, bits: int) -> Iterator[Mapping]:
        if not self._ram.contains(table, PAGE_BYTES):
            return
        self._tables += 1
        if self._tables > TABLES_MAX:
            raise TooManyTablesError(f"more than {TABLES_MAX} page tables")
        shift = _PAGE_BITS + _ENTRY_BITS * level
        for index, entry in enumerate(_ENTRIES.unpack(self._ram.read(table, PAGE_BYTES))):
            if not entry & V or entry & PTE_HIGH or entry & (R | W) == W:
                continue
            virtual, target = base | index << shift, (entry >> 10 & PPN) << _PAGE_BITS
            if entry & (R | W | X):
                if not target & (1 << shift) - 1:
                    yield Mapping(_extended(virtual, bits), target, 1 << shift, _letters(entry))
            elif level and not entry & (U | A | D):
                yield from self._below(target, virtual, level - 1, bits)


def _extended(virtual: int, bits: int) -> int:
    """An address of so many bits, with the highest of them in all higher ones."""
    return virtual | _M64 ^ (1 << bits) - 1 if virtual >> bits - 1 else virtual


def _letters(entry: int) -> str:
    return "".join(letter if entry & bit else "-" for bit, letter in _LETTERS)
