"""Addresses become names and lines, where an ELF has them."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from nexus.emulator.program_support import program
from nexus.harness.places import Places

BASE = 0x8000_0000


def with_sections(sections: dict[str, bytes]) -> bytes:
    """An executable with these sections, and their names."""
    elf = bytearray(program("nop"))
    names = b"\0" + b"".join(name.encode() + b"\0" for name in (*sections, ".shstrtab"))
    headers = bytes(64)
    for name, data in {**sections, ".shstrtab": names}.items():
        kind = {".symtab": 2, ".strtab": 3, ".shstrtab": 3}.get(name, 1)
        link = list(sections).index(".strtab") + 1 if name == ".symtab" else 0
        entry = 24 if name == ".symtab" else 0
        where = names.index(b"\0" + name.encode() + b"\0") + 1
        headers += struct.pack(
            "<IIQQQQIIQQ", where, kind, 0, 0, len(elf), len(data), link, 1, 1, entry
        )
        elf += data
    struct.pack_into("<Q", elf, 40, len(elf))
    struct.pack_into("<HHH", elf, 58, 64, len(sections) + 2, len(sections) + 1)
    return bytes(elf + headers)


def symbols() -> dict[str, bytes]:
    """One function, `work`, at the start."""
    table = bytes(24) + struct.pack("<IBBHQQ", 1, 2, 0, 1, BASE, 16)
    return {".symtab": table, ".strtab": b"\0work\0"}


def lines() -> dict[str, bytes]:
    """DWARF 4: one unit, whose line program puts line 7 at the start and line 9 behind 4 bytes."""
    abbreviations = bytes([1, 0x11, 0, 0x10, 0x17, 0, 0, 0])  # A unit with a statement list.
    unit = struct.pack("<HIB", 4, 0, 8) + bytes([1]) + struct.pack("<I", 0)
    names = b"\0" + b"main.zig\0" + bytes([0, 0, 0]) + b"\0"
    header = struct.pack("<BBBbBB", 2, 1, 1, -5, 14, 13)
    header += bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1]) + names
    steps = bytes([0, 9, 2]) + struct.pack("<Q", BASE) + bytes([3, 6, 1])  # Line 1 + 6.
    steps += bytes([2, 2, 3, 2, 1])  # Two instructions of 2 bytes on, two lines on.
    steps += bytes([2, 4, 0, 1, 1])  # The code ends eight bytes later.
    program_ = struct.pack("<HI", 4, len(header)) + header + steps
    return {
        ".debug_abbrev": abbreviations,
        ".debug_info": struct.pack("<I", len(unit)) + unit,
        ".debug_line": struct.pack("<I", len(program_)) + program_,
    }


def test_without_symbols_a_place_is_an_address() -> None:
    assert Places(program("nop"))(BASE + 4) == "0x80000004"
    assert Places(b"no elf")(16) == "0x10"


def test_a_name_without_a_line() -> None:
    assert Places(with_sections(symbols()))(BASE + 4) == "0x80000004 work+0x4"


def test_a_name_with_the_line_of_the_file_and_without_its_path() -> None:
    places = Places(with_sections(symbols() | lines()))
    assert places(BASE) == "0x80000000 work (main.zig:7)"
    assert places(BASE + 2) == "0x80000002 work+0x2 (main.zig:7)"
    assert places(BASE + 4) == "0x80000004 work+0x4 (main.zig:9)"
    assert places(BASE - 4) == "0x7ffffffc"


@given(st.data())
def test_damage_costs_names_and_nothing_else(data: st.DataObject) -> None:
    whole = bytearray(with_sections(symbols() | lines()))
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert Places(bytes(whole))(BASE).startswith("0x80000000")
