"""Reads the lines of a program from its debug information, which pyelftools understands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Final

from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.lineprogram import LineProgram
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from nexus.coverage.code import Part
from nexus.coverage.error import CoverageError
from nexus.coverage.inlined import Inlined, read_inlined
from nexus.coverage.lines import Declared, Function, Inline, PartLines, Row, part_lines

# Folders of the machine that compiled, and what they are called instead.
_FOLDERS: Final = (
    (re.compile(r"^.*/\.zig-global-cache/.*/"), "zig/generated/"),
    (re.compile(r"^.*/pants-sandbox-[^/]+/"), ""),
    # Where a worker of the shared cache has the inputs of each process.
    (re.compile(r"^/inputs/"), ""),
    (re.compile(r"^.*/ziglang/lib/"), "zig/"),
)

_FUNCTION: Final = "STT_FUNC"


def read_lines(elf: bytes, part: Part, what: str, root: str = "") -> PartLines:
    """Read the lines of a part from an ELF that has the same code.

    Args:
        elf: with debug information.
        part: whose lines they are.
        what: names the ELF in messages.
        root: the folder that paths are to be relative to.

    Raises:
        CoverageError: it has no debug information, or a damaged one.
    """
    try:
        file = ELFFile(BytesIO(elf))
        if not file.has_dwarf_info() or file.get_section_by_name(".debug_line") is None:
            raise CoverageError(
                f"{what}: it has no debug information; compile it without stripping (-fno-strip)"
            )
        rows, inlined = _read(file, root)
        symbols = list(_functions(file))
    except CoverageError:
        raise
    except Exception as exc:  # pyelftools raises whatever damaged input leads to.
        raise CoverageError(f"{what}: its debug information is damaged: {exc}") from exc
    within = [row for row in rows if _is_in(part, row[0]) or row[2] == 0]
    within_others = [it for it in inlined if it.line and _is_in(part, it.start)]
    named = {path for _, path, line in within if line} | {
        path for it in within_others for path in (it.path, it.call_path)
    }
    paths = sorted(named)
    numbers = {path: number for number, path in enumerate(paths)}
    compact = [(at, numbers.get(path, 0), line) for at, path, line in within]
    return part_lines(
        part.name,
        part.digest,
        paths,
        list(_without_columns(compact)),
        _located(symbols, compact, part),
        sorted(set(part.branches())),
        [_inline(it, numbers) for it in within_others],
    )


def _is_in(part: Part, address: int) -> bool:
    return any(it.virtual <= address < it.virtual + len(it.data) for it in part.stretches)


def _inline(it: Inlined, numbers: Mapping[str, int]) -> Inline:
    """Make the entry of an inlined function; `numbers` are those of the paths."""
    declared = Declared(numbers[it.path], it.line, it.name)
    return Inline(it.start, it.end, it.depth, declared, numbers[it.call_path], it.call_line)


def _read(file: ELFFile, root: str) -> tuple[list[tuple[int, str, int]], list[Inlined]]:
    """Address, path and line where each line begins; functions that are part of others.

    Where code ends, the line is 0.
    """
    dwarf = file.get_dwarf_info(relocate_dwarf_sections=False)
    found: dict[int, tuple[str, int]] = {}
    inlined: list[Inlined] = []
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            continue
        names = _Names(program, unit, root)
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            if state.end_sequence:
                found.setdefault(state.address, ("", 0))
            else:
                found[state.address] = (names[state.file], state.line)
        inlined += read_inlined(dwarf, unit, names.__getitem__)
    return [(address, *found[address]) for address in sorted(found)], inlined


def _without_columns(rows: list[Row]) -> Iterator[Row]:
    """Leave out rows that begin another column of the same line."""
    before = None
    for row in rows:
        if row[1:] != before:
            before = row[1:]
            yield row


class _Names(dict[int, str]):
    """Number of a file in a line program to its path."""

    def __init__(self, program: LineProgram, unit: CompileUnit, root: str) -> None:
        super().__init__()
        attributes = unit.get_top_DIE().attributes
        folder = attributes.get("DW_AT_comp_dir")
        self._compiled_in = "" if folder is None else _text(folder.value)
        self._program = program
        self._root = root.rstrip("/") + "/" if root else ""

    def __missing__(self, number: int) -> str:
        version = self._program["version"]
        entry = self._program["file_entry"][number if version >= 5 else number - 1]
        folders = [_text(folder) for folder in self._program["include_directory"]]
        index = entry.dir_index if version >= 5 else entry.dir_index - 1
        folder = folders[index] if index >= 0 else self._compiled_in
        if not folder.startswith("/"):
            folder = f"{self._compiled_in}/{folder}"
        self[number] = path = shortened(f"{folder}/{_text(entry.name)}", self._root)
        return path


def shortened(path: str, root: str = "") -> str:
    """Name a source file by a path that does not depend on the machine that compiled it."""
    if root and path.startswith(root):
        return path[len(root) :]
    for pattern, name in _FOLDERS:
        shorter, count = pattern.subn(name, path)
        if count:
            return shorter
    return path.rpartition("/")[2]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _functions(file: ELFFile) -> Iterator[tuple[str, int, int]]:
    table = file.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return
    for symbol in table.iter_symbols():
        if symbol["st_info"]["type"] == _FUNCTION and symbol["st_size"]:
            yield symbol.name, symbol["st_value"], symbol["st_value"] + symbol["st_size"]


def _located(symbols: list[tuple[str, int, int]], rows: list[Row], part: Part) -> list[Function]:
    """The functions with a line, each address once."""
    lines = {address: (file, line) for address, file, line in rows if line}
    found: dict[int, Function] = {}
    for name, start, end in sorted(symbols, key=lambda it: (it[1], it[0])):
        if start in lines and _is_in(part, start) and start not in found:
            file, line = lines[start]
            found[start] = Function(name=name, file=file, line=line, start=start, end=end)
    return [found[start] for start in sorted(found)]
