"""Accesses that can share one look at a window: those through the same value of a register.

A function saves its registers below one stack pointer, a loop copies words behind two pointers.
The first access of such a group checks for all of them; if the window does not cover them all, the
interpreter does that access, and everything up to the next place where translated code begins.

A load that a store through the same value follows looks at the window of stores alone: what may be
written to may be read, too (`memory.py` opens no window of stores where it may not).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

from nexus.emulator.isa.decode import Decoded
from nexus.emulator.isa.semantics import semantics_of
from nexus.emulator.isa.statement import REGISTER_RELATIVE, Store
from nexus.emulator.native.region import written

# Further apart, a group is more likely to lie across the end of a page than worth its check.
_SPAN_MAX: Final = 256

Body = Sequence[tuple[int, Decoded]]


class Reach(NamedTuple):
    """The range that one look has to cover: offsets from the register's value, from and to."""

    is_store: bool
    low: int
    high: int


@cache
def kind_of(name: str) -> tuple[bool, int] | None:
    """Whether an instruction stores, and how many bytes; None if it accesses no memory."""
    access = semantics_of(name).access
    if access is None:
        return None
    assert access.address == REGISTER_RELATIVE, f"row {name}: an address of another form"
    return isinstance(access, Store), access.size


def reach(body: Body, index: int) -> Reach:
    """The group that begins with the access at `index`."""
    kind = kind_of(body[index][1].name)
    assert kind is not None
    if not kind[0]:
        (low, high), has_store = _reach(body, index, (False, True))
        if has_store:
            return Reach(is_store=True, low=low, high=high)
    (low, high), _ = _reach(body, index, (kind[0],))
    return Reach(kind[0], low, high)


def _reach(body: Body, index: int, kinds: tuple[bool, ...]) -> tuple[tuple[int, int], bool]:
    """The offsets of accesses of these kinds, and whether a store is among them."""
    first = body[index][1]
    low, high, has_store = first.imm, first.imm, False
    for _, instruction in body[index:]:
        found = kind_of(instruction.name)
        if found and found[0] in kinds and instruction.rs1 == first.rs1:
            wider = min(low, instruction.imm), max(high, instruction.imm + found[1])
            if wider[1] - wider[0] <= _SPAN_MAX:
                low, high = wider
                has_store |= found[0]
        if written(instruction) == first.rs1:
            break
    return (low, high), has_store
