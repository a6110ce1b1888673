"""Finds the functions that a compiler has put into others, in the debug information of a program.

An optimised function has no call where it was put into its caller, and no symbol; the instructions
that came of it are listed under DW_TAG_inlined_subroutine (DWARF 5, section 3.3.8.2), within what
they were put into.  pyelftools reads the entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.descriptions import describe_form_class
from elftools.dwarf.die import DIE, AttributeValue
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.dwarf.ranges import BaseAddressEntry

_INLINED: Final = "DW_TAG_inlined_subroutine"
# An inlined function names the abstract one, which may name its declaration: two steps, not a ring.
_ORIGINS: Final = ("DW_AT_abstract_origin", "DW_AT_specification")
_STEPS_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Inlined:
    """Instructions of a function that is part of another, and of how many at that place."""

    start: int
    end: int
    depth: int  # 1: directly in a function that has a symbol.
    name: str
    path: str
    line: int
    # Where it was put: what the source has as a call there.
    call_path: str
    call_line: int


def read_inlined(
    dwarf: DWARFInfo, unit: CompileUnit, path_of: Callable[[int], str]
) -> Iterator[Inlined]:
    """Read those of one unit; `path_of` names the file of a number.

    Entries come in the order of their nesting: one with children is closed by an empty one.
    """
    depth = 0
    open_entries: list[bool] = []
    for entry in unit.iter_DIEs():
        if entry.is_null():
            depth -= open_entries.pop()
            continue
        is_inlined = entry.tag == _INLINED
        if is_inlined:
            name, number, line = _declared(entry)
            call_number, call_line = _called(entry)
            for start, end in _ranges(dwarf, unit, entry):
                if name and start < end:
                    path, call_path = path_of(number), path_of(call_number)
                    yield Inlined(start, end, depth + 1, name, path, line, call_path, call_line)
        if entry.has_children:
            open_entries.append(is_inlined)
            depth += is_inlined


def _ranges(dwarf: DWARFInfo, unit: CompileUnit, entry: DIE) -> Iterator[tuple[int, int]]:
    held = entry.attributes
    if "DW_AT_ranges" in held:
        base = unit.get_top_DIE().attributes.get("DW_AT_low_pc")
        start = 0 if base is None else base.value
        lists = dwarf.range_lists()
        assert lists is not None, "an entry names ranges, and the file has no section of them"
        for it in lists.get_range_list_at_offset(held["DW_AT_ranges"].value, cu=unit):
            if isinstance(it, BaseAddressEntry):
                start = it.base_address
            else:
                added = 0 if it.is_absolute else start
                yield it.begin_offset + added, it.end_offset + added
    elif "DW_AT_low_pc" in held and "DW_AT_high_pc" in held:
        low, high = held["DW_AT_low_pc"].value, held["DW_AT_high_pc"]
        is_length = describe_form_class(high.form) == "constant"
        yield low, high.value + (low if is_length else 0)


def _declared(entry: DIE) -> tuple[str, int, int]:
    """Name, number of the file and line of a function; the name that a linker knows comes first."""
    found: dict[str, AttributeValue] = {}
    for _ in range(_STEPS_MAX):
        for key, attribute in entry.attributes.items():
            found.setdefault(key, attribute)
        following = next((key for key in _ORIGINS if key in entry.attributes), None)
        if following is None:
            break
        entry = entry.get_DIE_from_attribute(following)
    name = found.get("DW_AT_linkage_name", found.get("DW_AT_name"))
    file, line = found.get("DW_AT_decl_file"), found.get("DW_AT_decl_line")
    return (
        "" if name is None else name.value.decode("utf-8", "replace"),
        0 if file is None else file.value,
        0 if line is None else line.value,
    )


def _called(entry: DIE) -> tuple[int, int]:
    """Number of the file and line of the call."""
    held = entry.attributes
    if "DW_AT_call_file" not in held or "DW_AT_call_line" not in held:
        return 1, 0
    return held["DW_AT_call_file"].value, held["DW_AT_call_line"].value
