"""Which blocks of a region look for a stop before they run.

A debugger's stop is in a block, and a region without such a look must not run while the stop is
set.  Blocks outside of all loops have one.  In a loop it costs too much, even in a branch that is
hardly taken: a block with a way out cannot become a part of the one before it, and loops with short
branches lost a quarter of their speed.
"""

from __future__ import annotations

from nexus.emulator.native.region import Region, reachable


def guarded(region: Region) -> dict[int, int]:
    """The blocks that look for a stop: start to end."""
    return {
        offset: block.end
        for offset, block in region.blocks.items()
        if not any(offset in reachable(region.blocks, to) for to in block.successors())
    }
