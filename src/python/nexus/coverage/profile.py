"""From samples to stacks with names: folded stacks, one for each service and the kernel.

A folded stack is a line `logd;start;main;write 12`: frames from the outermost to the innermost, and
how many samples were there.  Flame graph tools read the format.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Final

from nexus.coverage.attribution import Attribution
from nexus.coverage.code import Part
from nexus.coverage.lines import Function, Inline, PartLines
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
        self._lines = lines

    @cached_property
    def _functions(self) -> Sequence[Function]:
        return () if self._lines is None else self._lines.functions

    @cached_property
    def _starts(self) -> Sequence[int]:
        return [function.start for function in self._functions]

    @cached_property
    def _inlined(self) -> Sequence[list[Inline]]:
        """By depth: where functions are part of others."""
        found: list[list[Inline]] = []
        for inline in () if self._lines is None else self._lines.inlined:
            while len(found) < inline.depth:
                found.append([])
            found[inline.depth - 1].append(inline)
        return found

    def has(self, address: int) -> bool:
        """Whether an address lies in the part's code."""
        return any(it.virtual <= address < it.virtual + len(it.data) for it in self._part.stretches)

    def name_of(self, address: int) -> str:
        """The function at an address."""
        index = self._index_of(address)
        return hex(address & -16) if index is None else self._functions[index].name

    def frames_of(self, address: int) -> list[str]:
        """The function at an address and those that are part of it there, the innermost last."""
        frames = [self.name_of(address)]
        for places in self._inlined:
            index = bisect_right(places, address, key=_start_of) - 1
            if index < 0 or address >= places[index].end:
                break
            frames.append(places[index].function.name)
        return frames

    def has_frame(self, pc: int) -> bool:
        """Whether the function at pc has set up its frame by then, as its first bytes say."""
        index = self._index_of(pc)
        return index is None or _has_frame(self._part, self._starts[index], pc)

    def _index_of(self, address: int) -> int | None:
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._functions[index].end:
            return None
        return index


def _start_of(inline: Inline) -> int:
    return inline.start


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


class Naming:
    """The naming of samples of all machines of one image."""

    def __init__(self, attribution: Attribution, lines: Iterable[PartLines]) -> None:
        known = {(it.name, it.digest): it for it in lines}
        self.attribution = attribution
        self.namers = {
            name: Namer(part, known.get((name, digest)))
            for name, (part, digest) in attribution.parts.items()
        }


def fold(samples: Mapping[Sample, int], naming: Naming) -> Stacks:
    """Name the samples of one machine."""
    stacks: Stacks = Counter()
    last: Part | None = None
    for sample, count in sorted(samples.items(), key=_order):
        part = naming.attribution.part_of(sample.page, last)
        if part is None:
            stacks[UNKNOWN,] += count
            continue
        last = part
        stacks[part.name, *_stack(sample, naming.namers[part.name])] += count
    return stacks


def _order(item: tuple[Sample, int]) -> tuple[object, ...]:
    sample = item[0]
    return (sample.page, sample.pc, sample.ra, sample.returns)


def _stack(sample: Sample, namer: Namer) -> list[str]:
    frames = namer.frames_of(sample.pc)[::-1]
    returns = list(sample.returns)
    if not namer.has_frame(sample.pc):
        returns.insert(0, sample.ra)
    for address in returns:
        # A return address is behind its call, which is what is to be named.
        if not namer.has(address - 2):
            break
        frames += namer.frames_of(address - 2)[::-1]
    return frames[::-1]


def render(stacks: Stacks) -> str:
    """Write the folded stacks; same samples, same bytes."""
    return "".join(
        ";".join(frame.replace(";", ":").replace(" ", "_") for frame in stack) + f" {count}\n"
        for stack, count in sorted(stacks.items())
    )
