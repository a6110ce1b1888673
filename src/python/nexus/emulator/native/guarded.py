"""Which blocks of a region look for a stop before they run.

A debugger's stop is in a block, and a region without such a look must not run while the stop is
set.  A look is one test of memory.  So a block has one where it may lie beside the way that a hot
loop takes, and none where every turn of a loop passes it: a stop there is met on each turn, and no
code is quick then.
"""

from __future__ import annotations

from collections.abc import Iterable

from nexus.emulator.native.region import Region


def guarded(region: Region) -> dict[int, int]:
    """The blocks that look for a stop: start to end."""
    following = {
        offset: [to for to in block.successors() if to in region.blocks]
        for offset, block in region.blocks.items()
    }
    loops = _loops(following)
    return {
        offset: block.end
        for offset, block in region.blocks.items()
        if offset not in loops or _has_cycle(following, loops[offset] - {offset})
    }


def _loops(following: dict[int, list[int]]) -> dict[int, frozenset[int]]:
    """For each block of a loop, all blocks that it reaches and is reached from."""
    before: dict[int, list[int]] = {offset: [] for offset in following}
    for offset, others in following.items():
        for other in others:
            before[other].append(offset)
    found: dict[int, frozenset[int]] = {}
    for offset in following:
        if offset in found:
            continue
        ahead = _reached(following, following[offset])
        if offset in ahead:
            loop = frozenset(ahead & _reached(before, before[offset]))
            found.update(dict.fromkeys(loop, loop))
    return found


def _reached(following: dict[int, list[int]], first: Iterable[int]) -> set[int]:
    found: set[int] = set()
    work = list(first)
    while work:
        offset = work.pop()
        if offset not in found:
            found.add(offset)
            work += following[offset]
    return found


def _has_cycle(following: dict[int, list[int]], among: frozenset[int]) -> bool:
    """True if some of these blocks still form a loop without any other."""
    waiting = dict.fromkeys(among, 0)
    for offset in among:
        for to in following[offset]:
            if to in waiting:
                waiting[to] += 1
    free = [offset for offset, count in waiting.items() if not count]
    while free:
        offset = free.pop()
        del waiting[offset]
        for to in following[offset]:
            if to in waiting:
                waiting[to] -= 1
                if not waiting[to]:
                    free.append(to)
    return bool(waiting)
