"""Divides a page of code into regions: pieces of a flow graph that become one function each.

Nothing here has to be right about where instructions begin: a region says what the bytes of the
page mean if they are entered at its entries, which holds wherever that is.  A wrong guess costs
a region that is never entered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from nexus.emulator.isa.decode import BASE, Decoded, decode
from nexus.emulator.isa.encoding import FLOAT_BASE
from nexus.emulator.isa.semantics import semantics_of
from nexus.emulator.memory import PAGE_BYTES

# The instructions with a third source.
_FUSED: Final = frozenset(row.name for row in BASE if "rs3" in row.syntax)

# A region of its own loads fewer registers; compiling the same code again costs time and space.
_REPETITION_MAX: Final = 1.5


# The last steps of a slice are interpreted if they are fewer than a block asks for.
_BUDGET_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Block:
    """Instructions with one way in; `end` is the offset after the last of them."""

    start: int
    body: tuple[tuple[int, Decoded], ...]
    end: int

    @property
    def last(self) -> Decoded | None:
        """The jump or branch at the end, if there is one."""
        if self.body and semantics_of(self.body[-1][1].name).is_jump:
            return self.body[-1][1]
        return None

    def successors(self) -> tuple[int, ...]:
        """The places where it may go on within the page without a call."""
        last = self.last
        if last is None:
            return (self.end,)
        target = self.body[-1][0] + last.imm
        semantics = semantics_of(last.name)
        if semantics.is_conditional:
            return (target, self.end)
        return (target,) if semantics.is_relative and last.rd == 0 else ()


@dataclass(frozen=True, slots=True)
class Region:
    """Connected blocks by their start, and the offsets at which it can be entered."""

    blocks: dict[int, Block]
    entries: tuple[int, ...]

    @property
    def extents(self) -> tuple[tuple[int, int], ...]:
        """The bytes that it was made of, as half-open ranges in order."""
        found: list[tuple[int, int]] = []
        for start, end in sorted((block.start, block.end) for block in self.blocks.values()):
            if found and start <= found[-1][1]:
                found[-1] = (found[-1][0], max(end, found[-1][1]))
            else:
                found.append((start, end))
        return tuple(found)


def is_translatable(instruction: Decoded) -> bool:
    """True unless the interpreter has to execute it."""
    semantics = semantics_of(instruction.name)
    return not (semantics.is_system or semantics.is_atomic)


def sweep(code: bytes, start: int = 0) -> dict[int, Decoded]:
    """Decode one after the other; what is not an instruction is skipped."""
    found: dict[int, Decoded] = {}
    offset = start
    while offset < PAGE_BYTES:
        word = int.from_bytes(code[offset : offset + 4], "little")
        if word & 3 == 3 and offset + 4 > PAGE_BYTES:
            break  # Its second half is on another page.
        instruction = decode(word)
        if instruction is not None:
            found[offset] = instruction
        offset += instruction.length if instruction is not None else 2
    return found


def straddles(code: bytes, start: int) -> bool:
    """True if the last instruction of the page ends on the next one."""
    found = sweep(code, start)
    return (
        PAGE_BYTES - 2 not in found
        and code[PAGE_BYTES - 2] & 3 == 3
        and (PAGE_BYTES - 4 not in found or found[PAGE_BYTES - 4].length == 2)
    )


def _leaders(found: dict[int, Decoded]) -> tuple[set[int], set[int]]:
    """Return the beginnings of blocks, and those that are likely to be reached from elsewhere."""
    leaders: set[int] = set()
    entries: set[int] = {min(found)} if found else set()
    for offset, instruction in found.items():
        after = offset + instruction.length
        target = offset + instruction.imm
        semantics = semantics_of(instruction.name)
        if semantics.is_conditional or (semantics.is_relative and not instruction.rd):
            leaders |= {after, target}
            if instruction.imm < 0:
                entries.add(target)  # A loop, which the interpreter may be in the midst of.
        elif semantics.is_relative:
            entries |= {after, target}
        elif semantics.is_jump:
            leaders.add(after)
            if instruction.rd:
                entries.add(after)
        elif not is_translatable(instruction):
            leaders.add(offset)
            entries.add(after)
    return leaders | entries, entries


def _block(found: dict[int, Decoded], leaders: set[int], start: int) -> Block:
    body = []
    offset = start
    while offset in found and is_translatable(found[offset]):
        instruction = found[offset]
        body.append((offset, instruction))
        offset += instruction.length
        if semantics_of(instruction.name).is_jump or offset in leaders:
            break
    return Block(start, tuple(body), offset)


def regions(code: bytes, start: int = 0) -> Iterator[Region]:
    """Analyse a page whose first instruction begins at `start` (0 or 2)."""
    found = sweep(code, start)
    leaders, wanted = _leaders(found)
    blocks = {
        leader: block
        for leader in sorted(leaders & found.keys())
        if (block := _block(found, leaders, leader)).body
    }
    parents = {offset: offset for offset in blocks}

    def root(offset: int) -> int:
        while parents[offset] != offset:
            parents[offset] = parents[parents[offset]]
            offset = parents[offset]
        return offset

    reached = set()
    for offset, block in blocks.items():
        for successor in block.successors():
            if successor in blocks:
                parents[root(successor)] = root(offset)
                reached.add(successor)
    members: dict[int, dict[int, Block]] = {}
    for offset, block in blocks.items():
        members.setdefault(root(offset), {})[offset] = block
    for group in members.values():
        entries = tuple(o for o in group if o in wanted or o not in reached)
        yield from _split(group, entries or (min(group),))


def _split(group: dict[int, Block], entries: tuple[int, ...]) -> Iterator[Region]:
    """A region for each entry with what it reaches, unless that repeats too much code."""
    reached = {entry: reachable(group, entry) for entry in entries}
    size = sum(len(block.body) for block in group.values())
    repeated = sum(len(group[o].body) for found in reached.values() for o in found)
    if repeated > _REPETITION_MAX * size:
        yield Region(group, entries)
        return
    for entry, found in reached.items():
        yield Region({o: group[o] for o in sorted(found)}, (entry,))


def reachable(group: Mapping[int, Block], entry: int) -> set[int]:
    """The blocks of a group to which a block leads, and itself."""
    found: set[int] = set()
    work = [entry]
    while work:
        offset = work.pop()
        if offset in group and offset not in found:
            found.add(offset)
            work += group[offset].successors()
    return found


def written(instruction: Decoded) -> int:
    """The register that an instruction writes; 0 if none."""
    return instruction.rd if semantics_of(instruction.name).writes_rd else 0


def third_source(instruction: Decoded) -> int:
    """The third register that an instruction reads; 0 if there is none."""
    return FLOAT_BASE + (instruction.imm >> 3) if instruction.name in _FUSED else 0


def used(region: Region) -> set[int]:
    """The registers that a region has to do with."""
    found = set()
    for block in region.blocks.values():
        for _, it in block.body:
            found |= {it.rd, it.rs1, it.rs2, third_source(it)}
    return found - {0}


def needed_by(region: Region) -> int:
    """The optional extensions that a region has instructions of, as a mask."""
    found = 0
    for block in region.blocks.values():
        for _, instruction in block.body:
            found |= instruction.needs
    return found


def budgets(region: Region) -> dict[int, int]:
    """The blocks that look at the budget, and how many steps each must find.

    These are the entries and the heads of loops; what a block finds lasts until the next of them,
    whichever way is taken.
    """
    looking = set(region.entries)
    for offset, block in region.blocks.items():
        looking |= {to for to in block.successors() if to <= offset and to in region.blocks}
    longest: dict[int, int] = {}
    for offset in sorted(region.blocks, reverse=True):
        block = region.blocks[offset]
        following = [to for to in block.successors() if to in longest and to not in looking]
        own = len(block.body)
        if any(own + longest[to] > _BUDGET_MAX for to in following):
            looking |= set(following)
            following = []
        longest[offset] = own + max((longest[to] for to in following), default=0)
    return {offset: longest[offset] for offset in looking & longest.keys()}


def origins(region: Region) -> dict[int, int]:
    """The block that a block can be reached from, where it is the only one, and comes before it."""
    return {
        offset: min(found)
        for offset, found in predecessors(region).items()
        if len(found) == 1 and min(found) < offset and offset not in region.entries
    }


def predecessors(region: Region) -> dict[int, set[int]]:
    """For each block, those of the region that lead to it at once."""
    before: dict[int, set[int]] = {offset: set() for offset in region.blocks}
    for offset, block in region.blocks.items():
        for successor in block.successors():
            if successor in before:
                before[successor].add(offset)
    return before


def changed_before(region: Region) -> dict[int, frozenset[int]]:
    """For each block, the registers that may differ from the state when it begins."""
    own = {o: {written(it) for _, it in b.body} - {0} for o, b in region.blocks.items()}
    changed: dict[int, set[int]] = {offset: set() for offset in region.blocks}
    work = list(region.blocks)
    while work:
        offset = work.pop()
        out = changed[offset] | own[offset]
        for successor in region.blocks[offset].successors():
            if successor in changed and not out <= changed[successor]:
                changed[successor] |= out
                work.append(successor)
    return {offset: frozenset(found) for offset, found in changed.items()}
