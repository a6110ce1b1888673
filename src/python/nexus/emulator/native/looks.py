"""The looks of a region at windows, which are as few as they can be.

Windows open and close in the interpreter alone, so what a region has seen of one holds until the
region is left.

- Accesses through the same value of a register share a look, see `reach.py`.
- In a loop that moves a pointer by small steps, the window that was seen last is kept in values:
  as long as the pointer is inside, nothing is looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from nexus.emulator.isa.decode import Decoded
from nexus.emulator.native.ir import LIKELY, Handler
from nexus.emulator.native.lookup import window, window_bounds
from nexus.emulator.native.reach import Body, kind_of, reach
from nexus.emulator.native.region import Region, predecessors, written

# A pointer that moves by more at a time is soon in another page.
_STRIDE_MAX: Final = 256


class Group(NamedTuple):
    """The extent of a look: offsets from the register's value, and the first one's host address."""

    low: int
    high: int
    host: str


Groups = dict[tuple[bool, str], Group]  # By kind and value of the register.


class Looks:
    """The looks of one region, written into its function."""

    def __init__(self, function: Handler, region: Region) -> None:
        self._f = function
        self._steady = steady_registers(region)
        self._kept: dict[tuple[int, bool, int], str] = {}
        self._registers: frozenset[int] = frozenset()
        self.groups: Groups = {}

    def begin(self, block: int, groups: Groups) -> None:
        """A block begins, where these groups are known."""
        self._registers = self._steady[block]
        self.groups = dict(groups)

    def declarations(self) -> list[str]:
        """Return the lines that begin the function: no window is known there."""
        lines = []
        for name in self._kept.values():
            lines += [f"  %{name}_{part} = alloca i64" for part in ("first", "bound", "addend")]
            lines.append(f"  store i64 0, ptr %{name}_bound")
        return lines

    def place(self, body: Body, index: int, base: str, size: int, bail: Callable[[], str]) -> str:
        """The host address of the access at `index`; `bail` gives a label to leave by."""
        it = body[index][1]
        wanted = reach(body, index)
        group = self._known(base, it, size, is_store=wanted.is_store)
        if group is None:
            group = self._look(it.rs1, *wanted, base, bail())
            self.groups[wanted.is_store, base] = group
        return self._f.at(group.host, it.imm - group.low)

    def _known(self, base: str, it: Decoded, size: int, *, is_store: bool) -> Group | None:
        """A group that covers an access; a load may be in one of stores."""
        for kind in {True, is_store}:
            group = self.groups.get((kind, base))
            if group is not None and group.low <= it.imm <= group.high - size:
                return group
        return None

    def _look(
        self, register: int, is_store: bool, low: int, high: int, base: str, bail: str
    ) -> Group:
        f, size = self._f, high - low
        address = f.op("add", base, low)
        if register not in self._registers:
            host, known = window(f, address, size, is_store=is_store)
            f.require(known, bail)
            return Group(low, high, host)
        key = register, is_store, size
        name = self._kept.setdefault(key, f"w{register}_{int(is_store)}_{size}")
        offset = f.op("sub", address, f.load("i64", f"%{name}_first"))
        hit, miss = f.name(), f.name()
        inside = f.compare("ult", offset, f.load("i64", f"%{name}_bound"))
        f.branch(inside, hit, miss, LIKELY)
        f.label(miss)
        first, bound, addend = window_bounds(f, address, size, is_store=is_store)
        known = f.compare("ult", f.op("sub", address, first), bound)
        f.require(known, bail)
        for part, value in (("first", first), ("bound", bound), ("addend", addend)):
            f.store("i64", value, f"%{name}_{part}")
        f.jump(hit)
        f.label(hit)
        host = f.pointer(f.op("add", address, f.load("i64", f"%{name}_addend")))
        return Group(low, high, host)


def steady_registers(region: Region) -> dict[int, frozenset[int]]:
    """For each block, the registers that its innermost loop leaves alone or moves by small steps.

    It is a guess about speed: nothing has to be right about it.
    """
    loops = _loops(region)
    found = {}
    for offset, block in region.blocks.items():
        within = min((it for it in loops if offset in it), key=len, default=None)
        if within is None:
            found[offset] = frozenset[int]()
            continue
        used = {it.rs1 for _, it in block.body if kind_of(it.name)} - {0}
        moved = {
            written(it)
            for start in within
            for _, it in region.blocks[start].body
            if not _is_small_step(it)
        }
        found[offset] = frozenset(used - moved)
    return found


def _is_small_step(it: Decoded) -> bool:
    return it.name == "addi" and it.rd == it.rs1 and abs(it.imm) <= _STRIDE_MAX


def _loops(region: Region) -> list[frozenset[int]]:
    """The blocks of each loop: those that lead to a jump backwards without its target."""
    before = predecessors(region)
    loops = []
    for head in region.blocks:
        for end in before[head]:
            if end < head:
                continue
            found, work = {head}, [end]
            while work:
                offset = work.pop()
                if offset not in found:
                    found.add(offset)
                    work += before[offset]
            loops.append(frozenset(found))
    return loops
