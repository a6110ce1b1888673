"""Delta debugging: the smallest part of a list that still does what the whole does.

Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002: `ddmin`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def minimize(items: Sequence[T], still_fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """Leave out as much as can go; without any one of what is left, it does not fail.

    `still_fails` is asked about parts only: the whole is known to fail.  If it stops giving true
    because the caller's patience is over, what was found so far is the answer.
    """
    if items and still_fails([]):
        return []
    left = list(items)
    pieces = 2
    while len(left) >= 2:
        size = -(-len(left) // pieces)
        parts = [left[start : start + size] for start in range(0, len(left), size)]
        smaller = next((part for part in parts if still_fails(part)), None) if pieces == 2 else None
        if smaller is not None:
            left, pieces = smaller, 2
            continue
        for index in range(len(parts)):
            rest = [item for other, part in enumerate(parts) if other != index for item in part]
            if still_fails(rest):
                left, pieces = rest, max(pieces - 1, 2)
                break
        else:
            if pieces >= len(left):
                break
            pieces = min(pieces * 2, len(left))
    return left
