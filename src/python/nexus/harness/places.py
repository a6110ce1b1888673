"""The place of an address: the name of the function and the line, if an ELF has them."""

from __future__ import annotations

import io
from bisect import bisect_right
from functools import cached_property
from typing import Final

from elftools.common.exceptions import ELFError
from elftools.dwarf.lineprogram import LineProgram
from elftools.elf.elffile import ELFFile

from nexus.emulator import symbols

# Reading lines takes a second a megabyte; a person who waits for a verdict wants it now.
_LINES_BYTES_MAX: Final = 2 << 20
_SECTION: Final = ".debug_line"


class Places:
    """The places of one image; it is read when the first address is asked for."""

    def __init__(self, image: bytes) -> None:
        self._image = image

    def __call__(self, address: int) -> str:
        """The address, and what is there: `0x80000124 main+0x4 (main.zig:12)`."""
        name = self._symbols.name_of(address)
        line = self._line_of(address)
        return f"{address:#x}" + (f" {name}" if name else "") + (f" ({line})" if line else "")

    @cached_property
    def _symbols(self) -> symbols.Symbols:
        return symbols.parse(self._image)

    @cached_property
    def _rows(self) -> tuple[list[int], list[str | None]]:
        """Addresses at which another line begins, and those lines; none where code ends."""
        try:
            # Where one stretch ends another may begin, whichever is read first.
            rows = sorted(dict(sorted(_read_lines(self._image), key=_is_line)).items())
        except Exception:  # pyelftools raises whatever damaged DWARF leads to.
            rows = []
        return [address for address, _ in rows], [line for _, line in rows]

    def _line_of(self, address: int) -> str | None:
        addresses, lines = self._rows
        index = bisect_right(addresses, address) - 1
        return lines[index] if index >= 0 else None


def _read_lines(image: bytes) -> list[tuple[int, str | None]]:
    try:
        elf = ELFFile(io.BytesIO(image))
    except ELFError:
        return []
    section = elf.get_section_by_name(_SECTION)
    if section is None or section.data_size > _LINES_BYTES_MAX:
        return []
    found: list[tuple[int, str | None]] = []
    dwarf = elf.get_dwarf_info(relocate_dwarf_sections=False)
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            continue
        for entry in program.get_entries():
            state = entry.state
            if state is not None:
                line = None if state.end_sequence else f"{_file(program, state.file)}:{state.line}"
                found.append((state.address, line))
    return found


def _is_line(row: tuple[int, str | None]) -> bool:
    return row[1] is not None


def _file(program: LineProgram, number: int) -> str:
    """The last part of a file's name: the rest is a path of the machine that built it."""
    files = program["file_entry"]
    index = number if program["version"] >= 5 else number - 1
    return str(files[index].name.decode("utf-8", "replace").rpartition("/")[2])
