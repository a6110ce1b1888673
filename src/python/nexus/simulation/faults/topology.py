"""The trunks between switches, and the distance that they put between machines.

Switches that learn and flood are to machines as one, except for the time that a frame takes: so a
topology is a delay for each path.  A trunk that fails is a partition of the machines on its sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Final

# How switches may be joined: one behind the other, or each with a core in the middle.
LINE: Final = "line"
STAR: Final = "star"
SHAPES: Final = (LINE, STAR)


def trunks_between(shape: str, one: int, other: int) -> int:
    """Count the trunks on the way between two switches."""
    if one == other:
        return 0
    return abs(one - other) if shape == LINE else 2


def delays_of(
    switches: Sequence[Sequence[str]], shape: str, trunk_ns: int
) -> dict[tuple[str, str], int]:
    """Return how much longer each path takes than one within a switch, in ns.

    Args:
        switches: the machines of each.
        shape: one of `SHAPES`.
        trunk_ns: what one trunk takes.
    """
    at = {label: number for number, switch in enumerate(switches) for label in switch}
    return {
        (one, other): trunks_between(shape, at[one], at[other]) * trunk_ns
        for one, other in permutations(at, 2)
    }
