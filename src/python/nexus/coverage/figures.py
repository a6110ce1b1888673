"""Brings what was executed and the lines of the code together: figures by file, and by part.

A line counts if code came of it; it was executed if any of its instructions was.  A file that is
compiled into several parts counts once, a line of it as executed if it was in any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from nexus.coverage.executed import Executed, Page
from nexus.coverage.lines import PartLines
from nexus.emulator.memory import PAGE_BYTES

# What the compiler brings along is not ours to test.
FOREIGN: Final = "zig/"


@dataclass(slots=True)
class FileCoverage:
    """A file: its lines with code, its functions, and its branches."""

    path: str
    lines: dict[int, bool] = field(default_factory=dict)
    functions: dict[tuple[int, str], bool] = field(default_factory=dict)
    # Line, part and address to taken, not taken, and whether it was executed at all.
    branches: dict[tuple[int, str, int], tuple[bool, bool, bool]] = field(default_factory=dict)

    @property
    def hit(self) -> int:
        """How many lines were executed."""
        return sum(self.lines.values())

    @property
    def missed(self) -> list[int]:
        """The lines with code that were not executed."""
        return sorted(line for line, is_hit in self.lines.items() if not is_hit)


@dataclass(frozen=True, slots=True)
class PartFigures:
    """Lines of a part: executed, and with code; and what is wrong with them, if something is."""

    name: str
    hit: int
    found: int
    note: str = ""


@dataclass(slots=True)
class Coverage:
    """All of it."""

    files: dict[str, FileCoverage] = field(default_factory=dict)
    parts: list[PartFigures] = field(default_factory=list)
    has_branches: bool = False

    @property
    def hit(self) -> int:
        """Lines that were executed."""
        return sum(file.hit for file in self.files.values())

    @property
    def found(self) -> int:
        """Lines with code."""
        return sum(len(file.lines) for file in self.files.values())


def is_own(path: str) -> bool:
    """Whether a file is the project's, not the compiler's."""
    return not path.startswith(FOREIGN)


def combine(
    executed: Executed,
    lines: Iterable[PartLines],
    accepts: Callable[[str], bool] = is_own,
) -> Coverage:
    """Find out which lines were executed."""
    known = {(part.name, part.digest): part for part in lines}
    names = {name for name, _ in known}
    coverage = Coverage(has_branches=executed.has_branches)
    for name, digest in sorted(executed.parts):
        part = known.get((name, digest))
        if part is None:
            note = (
                "another build: its code is not that of the lines"
                if name in names
                else ("there is no debug information for it")
            )
            coverage.parts.append(PartFigures(name, 0, 0, note))
            continue
        coverage.parts.append(_add_part(coverage, part, executed, accepts))
    coverage.files = dict(sorted(coverage.files.items()))
    return coverage


def _add_part(
    coverage: Coverage, part: PartLines, executed: Executed, accepts: Callable[[str], bool]
) -> PartFigures:
    pages = executed.parts[part.name, part.digest]
    accepted = [accepts(path) for path in part.files]
    own: dict[tuple[int, int], bool] = {}
    ends = [row[0] for row in part.rows[1:]] + [part.rows[-1][0] if part.rows else 0]
    for (start, file, line), end in zip(part.rows, ends, strict=True):
        if line and accepted[file] and end > start:
            place = (file, line)
            own[place] = own.get(place, False) or is_any_executed(pages, start, end)
    for (file, line), is_hit in own.items():
        lines = _file(coverage, part, file).lines
        lines[line] = lines.get(line, False) or is_hit
    _add_functions(coverage, part, pages, accepted)
    if executed.has_branches:
        _add_branches(coverage, part, executed, accepted)
    return PartFigures(part.name, sum(own.values()), len(own))


def _add_functions(
    coverage: Coverage, part: PartLines, pages: Mapping[int, Page], accepted: Sequence[bool]
) -> None:
    for function in part.functions:
        if accepted[function.file]:
            functions = _file(coverage, part, function.file).functions
            key = (function.line, function.name)
            is_hit = is_any_executed(pages, function.start, function.start + 2)
            functions[key] = functions.get(key, False) or is_hit


def _add_branches(
    coverage: Coverage, part: PartLines, executed: Executed, accepted: Sequence[bool]
) -> None:
    rows = iter([*part.rows, (1 << 64, 0, 0)])
    row, following = (0, 0, 0), next(rows)
    for address in part.branches:
        while following[0] <= address:
            row, following = following, next(rows)
        _, file, line = row
        if line and accepted[file]:
            ways = executed.branch(part.name, part.digest, address)
            was = executed.has(part.name, part.digest, address)
            _file(coverage, part, file).branches[line, part.name, address] = (*ways, was)


def _file(coverage: Coverage, part: PartLines, number: int) -> FileCoverage:
    path = part.files[number]
    return coverage.files.setdefault(path, FileCoverage(path))


def is_any_executed(pages: Mapping[int, Page], start: int, end: int) -> bool:
    """Whether an instruction between two addresses was executed."""
    at = start
    while at < end:
        base = at & -PAGE_BYTES
        stop = min(end, base + PAGE_BYTES)
        page = pages.get(base)
        if page is not None:
            width = stop - at + 1 >> 1
            if page.executed >> (at - base >> 1) & (1 << width) - 1:
                return True
        at = stop
    return False
