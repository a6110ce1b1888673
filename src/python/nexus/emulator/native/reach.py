"""Accesses that can share one look at a window: those through the same value of a register.

A function saves its registers below one stack pointer, a loop copies words behind two pointers.
The first access of such a group checks for all of them; if the window does not cover them all, the
interpreter does that access, and everything up to the next place where translated code begins.
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


class Group(NamedTuple):
    """What was checked: offsets from the register's value, and the host address of the first."""

    low: int
    high: int
    host: str


@cache
def _kind_of(name: str) -> tuple[bool, int] | None:
    """Whether an instruction stores, and how many bytes; None if it accesses no memory."""
    access = semantics_of(name).access
    if access is None:
        return None
    assert access.address == REGISTER_RELATIVE, f"row {name}: an address of another form"
    return isinstance(access, Store), access.size


def reach(body: Body, index: int) -> tuple[int, int]:
    """The offsets, from and to, of the group that begins with the access at `index`."""
    first = body[index][1]
    kind = _kind_of(first.name)
    assert kind is not None
    low, high = first.imm, first.imm + kind[1]
    for _, instruction in body[index:]:
        found = _kind_of(instruction.name)
        if found and found[0] == kind[0] and instruction.rs1 == first.rs1:
            wider = min(low, instruction.imm), max(high, instruction.imm + found[1])
            if wider[1] - wider[0] <= _SPAN_MAX:
                low, high = wider
        if written(instruction) == first.rs1:
            break
    return low, high
