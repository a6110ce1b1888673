"""The blocks of a region that look for a stop before they run.

A debugger's stop is in a block, and a region without such a look must not run while the stop is
set.  Blocks outside of all loops have one.  In a loop it costs too much, even in a branch that is
hardly taken: a block with a way out cannot become a part of the one before it, and loops with short
branches lost a quarter of their speed.

So loops are translated a second time, by themselves, with looks.  Those run only where a stop
forbids the region itself.  A kernel's translations are some percent larger for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from nexus.emulator.isa.semantics import semantics_of
from nexus.emulator.native.region import Block, Region, predecessors, reachable

# The compiler turns so few instructions of a branch into conditional moves.
_ARM_MAX: Final = 3


class Form(NamedTuple):
    """A region as it is translated."""

    region: Region
    # The blocks that look for stops before they run, and in which blocks a stop is one for them.
    looks: Mapping[int, Sequence[int]]
    is_spare: bool = False  # Useful only where a stop forbids the region that is entered there.

    @property
    def symbol(self) -> str:
        """The name of the function."""
        return f"{'loop' if self.is_spare else 'region'}_{self.region.entries[0]:03x}"

    @property
    def guarded(self) -> tuple[tuple[int, int], ...]:
        """The blocks that may have a stop while this runs: start and end."""
        found = sorted(offset for asked in self.looks.values() for offset in asked)
        return tuple((offset, self.region.blocks[offset].end) for offset in found)


def forms(found: Sequence[Region]) -> list[Form]:
    """Everything that is translated of a page with these regions."""
    plain = [Form(region, {offset: (offset,) for offset in _guarded(region)}) for region in found]
    loops: dict[tuple[int, ...], set[int]] = {}
    for region in found:
        for loop in _loops(region):
            entries = loops.setdefault(tuple(sorted(loop)), set())
            entries |= loop & set(region.entries)
    blocks = {offset: block for region in found for offset, block in region.blocks.items()}
    spare = [
        Region({offset: blocks[offset] for offset in loop}, tuple(sorted(entries)))
        for loop, entries in loops.items()
        if entries
    ]
    return plain + [Form(region, _looks(region), is_spare=True) for region in spare]


def _guarded(region: Region) -> list[int]:
    """The blocks outside of all loops."""
    return [
        offset
        for offset, block in region.blocks.items()
        if not any(offset in reachable(region.blocks, to) for to in block.successors())
    ]


def _loops(region: Region) -> Iterator[set[int]]:
    """The blocks of each loop, with all loops inside of it."""
    left = region.blocks.keys() - set(_guarded(region))
    while left:
        first = min(left)
        ahead = reachable(region.blocks, first)
        loop = {offset for offset in ahead if first in reachable(region.blocks, offset)}
        left -= loop
        yield loop


def _looks(region: Region) -> dict[int, list[int]]:
    """Every block looks for itself; one before a short branch looks for that, too."""
    before = predecessors(region)
    arms = {
        offset: min(found)
        for offset, found in before.items()
        if len(found) == 1
        and offset not in region.entries
        and _is_short(region.blocks[offset], region)
        and len(region.blocks[min(found)].successors()) > 1
    }
    looks = {offset: [offset] for offset in region.blocks if offset not in arms}
    for offset, origin in arms.items():
        looks[origin].append(offset)
    return looks


def _is_short(block: Block, region: Region) -> bool:
    """True if the compiler may execute it without knowing that it is meant."""
    following = block.successors()
    body = [semantics_of(it.name) for _, it in block.body]
    return (
        len(following) == 1
        and following[0] in region.blocks
        and sum(not it.is_jump for it in body) <= _ARM_MAX
        and not any(it.access or it.uses_float or it.changes_float for it in body)
    )
