"""From samples to stacks with names: folded stacks, one for each service and the kernel.

A folded stack is a line `logd;start;main;write 12`: frames from the outermost to the innermost, and
how many samples were there.  Flame graph tools read the format.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from nexus.coverage.attribution import Attribution
from nexus.coverage.code import Part
from nexus.coverage.lines import PartLines
from nexus.emulator.isa.decode import decode
from nexus.emulator.profile import Sample

UNKNOWN: Final = "unknown"
Stacks = Counter[tuple[str, ...]]

_SP: Final = 2
_RA: Final = 1
_FP: Final = 8
# A prologue saves at most all registers, and its frame is large at most once.
_PROLOGUE_BYTES: Final = 128


class Namer:
    """Names the functions of one part; without debug information, their addresses."""

    def __init__(self, part: Part, lines: PartLines | None) -> None:
        self._part = part
        functions = [] if lines is None else lines.functions
        self._functions = functions
        self._starts = [function.start for function in functions]

    def has(self, address: int) -> bool:
        """Whether an address lies in the part's code."""
        return any(it.virtual <= address < it.virtual + len(it.data) for it in self._part.stretches)

    def name_of(self, address: int) -> str:
        """The function at an address."""
        index = self._index_of(address)
        return hex(address & -16) if index is None else self._functions[index].name

    def has_frame(self, pc: int) -> bool:
        """Whether the function at pc has set up its frame by then, as its first bytes say."""
        index = self._index_of(pc)
        return index is None or _has_frame(self._part, self._starts[index], pc)

    def _index_of(self, address: int) -> int | None:
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._functions[index].end:
            return None
        return index


@lru_cache(maxsize=1 << 16)
def _has_frame(part: Part, start: int, pc: int) -> bool:
    stretch = next(it for it in part.stretches if it.virtual <= start < it.virtual + len(it.data))
    at, end = start, min(pc, start + _PROLOGUE_BYTES)
    while at < end:
        offset = at - stretch.virtual
        word = int.from_bytes(stretch.data[offset : offset + 4], "little")
        length = 4 if word & 3 == 3 else 2
        found = decode(word if length == 4 else word & 0xFFFF)
        if found is not None and (found.name, found.rd, found.rs1) == ("addi", _FP, _SP):
            return not _is_leaving(stretch.data, pc - stretch.virtual)
        at += length
    return False


def _is_leaving(code: bytes, at: int) -> bool:
    """Whether the epilogue is under way: the next thing that happens to ra is a return."""
    for _ in range(_PROLOGUE_BYTES // 2):
        word = int.from_bytes(code[at : at + 4], "little")
        length = 4 if word & 3 == 3 else 2
        found = decode(word if length == 4 else word & 0xFFFF)
        if found is None or (found.name == "ld" and found.rd == _RA):
            return False
        if found.name == "jalr":
            return found.rd == 0 and found.rs1 == _RA
        if found.name not in ("ld", "addi"):
            return False
        at += length
    return False


def fold(
    samples: Mapping[Sample, int], parts: Sequence[Part], lines: Iterable[PartLines]
) -> Stacks:
    """Name the samples of one machine."""
    known = {(it.name, it.digest): it for it in lines}
    attribution = Attribution(parts)
    namers = {part.name: Namer(part, known.get((part.name, part.digest))) for part in parts}
    stacks: Stacks = Counter()
    last: Part | None = None
    for sample, count in sorted(samples.items(), key=_order):
        part = attribution.part_of(sample.page, last)
        if part is None:
            stacks[UNKNOWN,] += count
            continue
        last = part
        stacks[part.name, *_stack(sample, namers[part.name])] += count
    return stacks


def _order(item: tuple[Sample, int]) -> tuple[object, ...]:
    sample = item[0]
    return (sample.page, sample.pc, sample.ra, sample.returns)


def _stack(sample: Sample, namer: Namer) -> list[str]:
    frames = [namer.name_of(sample.pc)]
    returns = list(sample.returns)
    if not namer.has_frame(sample.pc):
        returns.insert(0, sample.ra)
    for address in returns:
        # A return address is behind its call, which is what is to be named.
        if not namer.has(address - 2):
            break
        frames.append(namer.name_of(address - 2))
    return frames[::-1]


def render(stacks: Stacks) -> str:
    """Write the folded stacks; same samples, same bytes."""
    return "".join(
        ";".join(frame.replace(";", ":").replace(" ", "_") for frame in stack) + f" {count}\n"
        for stack, count in sorted(stacks.items())
    )
