"""Brings what was executed and the lines of the code together: figures by file, and by part.

A line counts if code came of it; it was executed if any of its instructions was.  A file that is
compiled into several parts counts once, a line of it as executed if it was in any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from nexus.coverage.executed import Executed, Reached
from nexus.coverage.lines import PartLines

# Code that the compiler brings along is not ours to test.
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
        """The number of lines that were executed."""
        return sum(self.lines.values())

    @property
    def ways(self) -> tuple[int, int]:
        """Ways of branches: gone, and in all; each branch has two."""
        gone = sum(taken + not_taken for taken, not_taken, _ in self.branches.values())
        return gone, 2 * len(self.branches)

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

    @property
    def ways(self) -> tuple[int, int]:
        """Ways of branches: gone, and in all."""
        of_files = [file.ways for file in self.files.values()]
        return sum(gone for gone, _ in of_files), sum(found for _, found in of_files)


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
    coverage.files = {path: file for path, file in sorted(coverage.files.items()) if file.lines}
    return coverage


def _add_part(
    coverage: Coverage, part: PartLines, executed: Executed, accepts: Callable[[str], bool]
) -> PartFigures:
    reached = Reached(executed.parts[part.name, part.digest])
    # By the number of a file; none for those that are left out.
    files = [
        coverage.files.setdefault(path, FileCoverage(path)) if accepts(path) else None
        for path in part.files
    ]
    own: dict[tuple[int, int], bool] = {}
    ends = [row[0] for row in part.rows[1:]] + [part.rows[-1][0] if part.rows else 0]
    for (start, number, line), end in zip(part.rows, ends, strict=True):
        if line and files[number] is not None and end > start:
            place = (number, line)
            if not own.get(place):
                own[place] = reached.is_any(start, end)
    _add_functions(part, reached, files, own)
    for (number, line), is_hit in own.items():
        file = files[number]
        assert file is not None, "it was accepted"
        file.lines[line] = file.lines.get(line, False) or is_hit
    if executed.has_branches:
        _add_branches(part, reached, files)
    return PartFigures(part.name, sum(own.values()), len(own))


def _add_functions(
    part: PartLines,
    reached: Reached,
    files: Sequence[FileCoverage | None],
    own: dict[tuple[int, int], bool],
) -> None:
    """Add functions, and to the part's own lines those whose calls were inlined."""
    for function in part.functions:
        file = files[function.file]
        if file is not None:
            key = (function.line, function.name)
            is_hit = reached.is_any(function.start, function.start + 2)
            file.functions[key] = file.functions.get(key, False) or is_hit
    # A function may also have code of its own, whose first line need not be that of its name.
    lines = {(it.file, it.name): it.line for it in part.functions}
    for start, end, _, inlined, number, line in part.inlined:
        file = files[inlined.file]
        is_own_call = line != 0 and files[number] is not None
        if file is None and not is_own_call:
            continue
        is_hit = reached.is_any(start, end)
        if file is not None:
            place = lines.get((inlined.file, inlined.name), inlined.line)
            key = (place, inlined.name)
            file.functions[key] = file.functions.get(key, False) or is_hit
        if is_own_call:
            own[number, line] = own.get((number, line), False) or is_hit


def _add_branches(part: PartLines, reached: Reached, files: Sequence[FileCoverage | None]) -> None:
    rows = iter([*part.rows, (1 << 64, 0, 0)])
    row, following = (0, 0, 0), next(rows)
    for address in part.branches:
        while following[0] <= address:
            row, following = following, next(rows)
        _, number, line = row
        file = files[number] if line else None
        if file is not None:
            file.branches[line, part.name, address] = reached.branch(address)
