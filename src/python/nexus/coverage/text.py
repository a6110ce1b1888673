"""The figures as text, for a terminal and for the page of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nexus.coverage.executed import Executed
from nexus.coverage.figures import Coverage


def render(coverage: Coverage, executed: Executed) -> str:
    """A table of the files, one of the parts, and what is to be known of them."""
    return "".join(f"{line}\n" for line in _lines(coverage, executed))


def _lines(coverage: Coverage, executed: Executed) -> Iterator[str]:
    width = max([len(path) for path in coverage.files] + [4])
    yield f"{'file':{width}}  lines   hit      %  not executed"
    for path, file in coverage.files.items():
        found = len(file.lines)
        share = percent(file.hit, found)
        missed = ranges(file.missed)
        yield f"{path:{width}}  {found:5}  {file.hit:4}  {share:>5}  {missed}".rstrip()
    yield ""
    for part in coverage.parts:
        share = percent(part.hit, part.found)
        yield f"{part.name}: " + (part.note or f"{part.hit} of {part.found} lines, {share} %")
    if executed.pages_unknown:
        yield f"{executed.pages_unknown} executed pages belong to no part of the image."
    share = percent(coverage.hit, coverage.found)
    gone, ways = coverage.ways
    if ways:
        yield f"{gone} of {ways} ways of branches were taken, {percent(gone, ways)} %."
    yield f"{coverage.hit} of {coverage.found} lines were executed, {share} %."


def percent(hit: int, found: int) -> str:
    """A share with one digit behind the point, rounded down: 100.0 means all."""
    if not found:
        return "-"
    tenths = 1000 * hit // found
    return f"{tenths // 10}.{tenths % 10}"


def ranges(numbers: Sequence[int]) -> str:
    """Numbers in order as text, such as 3-5, 9."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in found)
