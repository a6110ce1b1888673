"""A page of guest code as LLVM IR: each region a function of the handlers' convention.

A region keeps guest registers in values, works at any virtual address, and leaves for the
interpreter whatever is not plain: it writes back what it changed, and jumps to the handler of the
very instruction, which finds everything as if it had run all along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from nexus.emulator.isa.decode import Decoded
from nexus.emulator.isa.semantics import semantics_of
from nexus.emulator.isa.statement import (
    PC_RELATIVE,
    Assign,
    Branch,
    Condition,
    Conditional,
    Expression,
    Float,
    Jump,
    Load,
    Modify,
    Nothing,
    Reserve,
    Statement,
    Store,
    System,
)
from nexus.emulator.memory import PAGE_BYTES
from nexus.emulator.native import layout
from nexus.emulator.native.expression import condition, expression
from nexus.emulator.native.float_source import either, is_legal, mode_of
from nexus.emulator.native.guarded import Form
from nexus.emulator.native.ir import LIKELY, METADATA
from nexus.emulator.native.looks import Groups, Looks
from nexus.emulator.native.lookup import go_to, loaded, may_use_float
from nexus.emulator.native.page_values import Names, Way, own_handler
from nexus.emulator.native.reach import Body
from nexus.emulator.native.region import (
    Block,
    budgets,
    changed_before,
    needed_by,
    origins,
    used,
)
from nexus.emulator.native.region_values import RegionValues
from nexus.emulator.reference import state as s


class RegionSource(RegionValues):
    """The function of one region."""

    def __init__(self, form: Form) -> None:
        super().__init__(form.symbol)
        self._region = region = form.region
        self._changed = changed_before(region)
        self._budgets = budgets(region)
        # Ways out that are rarely taken: label, offset, steps to give back, registers.
        self._cold: list[tuple[str, int, int, Way]] = []
        self._stops = form.looks
        self._body: Body = ()
        self._float_asked = 0  # 1: registers may be read; 2: and changed.
        self._looks = Looks(self, region)
        # The state at the end of each block: a block to which it alone leads begins with that.
        self._known: dict[int, tuple[Way, Groups, int]] = {}
        self._origins = origins(region)
        self._after = "0"
        self._enter()
        for block in region.blocks.values():
            self._block(block)
            for label, offset, remaining, way in self._cold:
                self.label(label)
                left = self.op("add", self._after, remaining)
                self._leave(offset, left, way, is_own=True)
            self._cold.clear()
        self._lines[self._declared_at : self._declared_at] = self._looks.declarations()

    def _enter(self) -> None:
        """Load the registers the region uses, then go to the block of the slot.

        What the hart lacks an extension for is decoded again, as what it is there.
        """
        if needs := needed_by(self._region):
            present = self.op("and", self.word(s.EXTENSIONS), needs)
            there, lacking = self.name(), self.name()
            self.branch(self.compare("eq", present, needs), there, lacking, LIKELY)
            self.label(lacking)
            self.tail("@undecoded")
            self.label(there)
        self._declared_at = len(self._lines)
        self.emit("%steps = alloca i64")
        self.store("i64", "%left", "%steps")
        for number in sorted(used(self._region)):
            self.emit(f"%x{number} = alloca i64")
            self.store("i64", self.word(number), f"%x{number}")
        self.emit(f"%base_at = getelementptr i64, ptr %st, i64 {layout.PAGE_ADDRESS}")
        self.emit("%base = load i64, ptr %base_at")
        first, *others = self._region.entries
        if not others:
            self.jump(self._entry(first))
            return
        slot = self.value("ptrtoint ptr %slot to i64")
        page = self.value("ptrtoint ptr %page to i64")
        offset = self.op("sub", slot, page)
        cases = " ".join(f"i64 {8 * entry}, label %{self._entry(entry)}" for entry in others)
        self.emit(f"switch i64 {offset}, label %{self._entry(first)} [{cases}]")

    def _block(self, block: Block) -> None:
        self.label(f"b{block.start}")
        self._way = Way(self._changed[block.start])
        if block.start in self._stops:
            self._look_for_stops(block.start)
        way, groups, self._float_asked = self._known.get(
            self._origins.get(block.start, -1), (Way(frozenset()), {}, 0)
        )
        self._way.update(way)
        self._looks.begin(block.start, groups)
        left = self.load("i64", "%steps")
        self._after = self.op("sub", left, len(block.body))
        if block.start in self._budgets:
            enough = self.compare("sge", left, self._budgets[block.start])
            self.require(enough, self._bail(block.start, len(block.body)), LIKELY)
        self._body = block.body
        goes_on = True
        for index, (offset, instruction) in enumerate(block.body):
            goes_on = self._instruction(offset, instruction, len(block.body) - index)
        if goes_on:
            self._go_on(block.end)
        self._known[block.start] = self._way.copy(), self._looks.groups, self._float_asked

    def _look_for_stops(self, start: int) -> None:
        """Leave a block with a stop to the interpreter, whose slot of the stop leads to Python.

        Where the block can be entered, that is behind the first look: its slot leads here, unless
        the stop is this page's own.  For a branch that it looks for, it leaves in any case.
        """
        for offset in self._stops[start]:
            word, bit = divmod(offset >> 1, 64)
            bits = self.op("and", self.word(layout.STOP_BITS + word), 1 << bit)
            stopped, on = self.name(), f"e{start}" if offset == start else self.name()
            self.branch(self.compare("eq", bits, 0), on, stopped, LIKELY)
            self.label(stopped)
            left = self.load("i64", "%steps")
            self._leave(start, left, self._way, is_own=offset != start)
            self.label(on)

    def _entry(self, offset: int) -> str:
        """The label at which the region is entered for the slot of this offset."""
        return f"e{offset}" if offset in self._stops else f"b{offset}"

    def _bail(self, offset: int, remaining: int) -> str:
        """A label at which the instruction at `offset` is handed to the interpreter.

        `remaining` steps of the block, which are counted as taken, are not.
        """
        label = f"c{self.name()}"
        self._cold.append((label, offset, remaining, self._way.copy()))
        return label

    def _instruction(self, offset: int, instruction: Decoded, remaining: int) -> bool:
        """Translate; False if control does not go on behind it."""
        self._require(offset, instruction, remaining)
        self._names = Names(self, offset, instruction)
        for statement in semantics_of(instruction.name).statements:
            self._statement(statement, offset, instruction, remaining)
        return not semantics_of(instruction.name).is_jump

    def _require(self, offset: int, instruction: Decoded, remaining: int) -> None:
        """Hand over what floating-point registers are not ready for; a block asks once for all."""
        semantics = semantics_of(instruction.name)
        wanted = semantics.uses_float + semantics.changes_float
        if wanted > self._float_asked:
            self._float_asked = wanted
            allowed = may_use_float(self, is_changing=semantics.changes_float)
            self.require(allowed, self._bail(offset, remaining), LIKELY)

    def _statement(
        self, statement: Statement, offset: int, instruction: Decoded, remaining: int
    ) -> None:
        match statement:
            case Assign(target, value):
                self._assign(target, self._value(value), instruction.rd)
            case Load(_, size, extend):
                place = self._access(instruction, size, remaining)
                self._set(instruction.rd, loaded(self, place, size, extend))
            case Store(_, value, size):
                self._store(instruction, size, self._value(value), remaining)
            case Branch(test):
                self._branch(test, offset, instruction)
            case Jump(target):
                self._jump(target, offset, instruction)
            case Nothing():
                pass
            case Float():
                self._float(statement, offset, instruction, remaining)
            case Reserve() | Conditional() | Modify() | System():
                raise AssertionError(f"{instruction.name} is the interpreter's alone")
            case _:
                assert_never(statement)

    def _float(self, it: Float, offset: int, instruction: Decoded, remaining: int) -> None:
        """The host's result where it may decide, else a routine's."""
        sources = [self._value(source) for source in it.sources]
        mode = None
        if it.rounding is not None:
            mode = mode_of(self, self._value(it.rounding))
            self.require(is_legal(self, mode), self._bail(offset, remaining), LIKELY)
        self._set(instruction.rd, either(self, it, sources, mode, self._call))

    def _value(self, it: Expression) -> str:
        return expression(self, it, self._names)

    def _assign(self, target: str, value: str, rd: int) -> None:
        if target == "rd":
            self._set(rd, value)
        else:
            self._names[target] = value

    def _store(self, instruction: Decoded, size: int, value: str, remaining: int) -> None:
        place = self._access(instruction, size, remaining)
        narrow = value if size == 8 else self.value(f"trunc i64 {value} to i{8 * size}")
        self.store(f"i{8 * size}", narrow, place)

    def _access(self, it: Decoded, size: int, remaining: int) -> str:
        """The host address of an access that a window covers; others are the interpreter's."""
        index = len(self._body) - remaining
        offset = self._body[index][0]
        base = self.get(it.rs1)
        return self._looks.place(
            self._body, index, base, size, lambda: self._bail(offset, remaining)
        )

    def _branch(self, it: Condition, offset: int, instruction: Decoded) -> None:
        test = condition(self, it, self._names)
        self._flush()
        target, after = offset + instruction.imm, offset + instruction.length
        blocks = self._region.blocks
        labels = [f"b{to}" if to in blocks else f"x{self.name()}" for to in (target, after)]
        self.branch(test, *labels)
        for label, to in zip(labels, (target, after), strict=True):
            if to not in blocks:
                self.label(label)
                self._leave(to, self._after, self._way)

    def _jump(self, target: Expression, offset: int, instruction: Decoded) -> None:
        if target == PC_RELATIVE:
            self._go_on(offset + instruction.imm, is_call=instruction.rd != 0)
        else:
            pc = self._value(target)
            self._write_back(self._way)
            go_to(self, pc, left=self._after)

    def _go_on(self, offset: int, *, is_call: bool = False) -> None:
        if is_call or offset not in self._region.blocks:
            self._leave(offset, self._after, self._way)
            return
        self._flush()
        self.jump(f"b{offset}")

    def _flush(self) -> None:
        """Hand the registers to the next block."""
        for number in sorted(self._way.changed & self._way.keys()):
            self.store("i64", self._way[number], f"%x{number}")
        self.store("i64", self._after, "%steps")

    def _leave(self, offset: int, left: str, way: Way, *, is_own: bool = False) -> None:
        """Continue at an offset with the state complete.

        With `is_own`, the interpreter's own handler executes that instruction, since the slot may
        lead back here.
        """
        self._write_back(way)
        if not 0 <= offset <= PAGE_BYTES:
            go_to(self, self.op("add", "%base", offset), left=left)
            return
        slot = self.at("%page", offset * (layout.SLOT_BYTES // 2))
        if is_own and offset in self._region.entries:
            body = dict(pair for block in self._region.blocks.values() for pair in block.body)
            handler = self._interpreter(own_handler(offset, body[offset]))
            self.tail(handler, slot, left)
        else:
            self.dispatch(slot, left)


def page_module(found: Sequence[Form]) -> str:
    """The regions of one page as a module."""
    return "\n".join(RegionSource(form).text() for form in found) + METADATA
