"""Handlers of the ordinary rows: one function per instruction and length, from its semantics.

A handler does its work, then jumps to the handler in the next slot.  Whatever it cannot do, it
leaves before it has changed anything: `@slow` hands the very instruction to the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import assert_never

from nexus.emulator.isa.decode import BASE
from nexus.emulator.isa.row import Instruction
from nexus.emulator.isa.semantics import semantics_of
from nexus.emulator.isa.statement import (
    PC_RELATIVE,
    Assign,
    Branch,
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
from nexus.emulator.native import layout
from nexus.emulator.native.expression import condition, expression
from nexus.emulator.native.float_source import (
    by_host,
    by_routine,
    is_legal,
    may_ask_host,
    mode_of,
)
from nexus.emulator.native.ir import LIKELY, Handler
from nexus.emulator.native.lookup import go_to, loaded, may_use_float, window
from nexus.emulator.native.slots import (
    SHAPES,
    Operands,
    begin,
    handler_name,
    has_handler,
    has_near_form,
    lengths,
    set_rd,
)
from nexus.emulator.reference import state as s


class InstructionHandler(Handler):
    """A handler that instructions are written into."""

    _is_noting = False

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.result: str | None = None  # The last instruction's value for its register.

    def instruction(
        self,
        row: Instruction,
        length: int,
        known: Mapping[str, str] = MappingProxyType({}),
        *,
        is_far: bool = False,
    ) -> None:
        """Write one instruction; the values of some operands may be known."""
        self._length = length
        self._is_far = is_far
        self._ended = False
        self._names = Operands(self, length)
        self._names.update(known)
        semantics = semantics_of(row.name)
        if semantics.uses_float:
            allowed = may_use_float(self, is_changing=semantics.changes_float)
            is_sure = semantics.writes_float and not semantics.access
            self._or_become("@float_clean" if is_sure else "@float_off", allowed)
        for statement in semantics.statements:
            self._statement(statement)
        if not self._ended:
            self.next()

    def next(self) -> None:
        """Continue after this instruction; the last slots of a page lead out of it."""
        self.dispatch(self.at(self.slot, 8 * self._length), self.after)

    def _or_become(self, target: str, condition: str) -> None:
        """Continue in another handler unless the condition holds."""
        good, bad = self.name(), self.name()
        self.branch(condition, good, bad, LIKELY)
        self.label(bad)
        self.tail(target)
        self.label(good)

    def _statement(self, statement: Statement) -> None:
        match statement:
            case Assign(target, value):
                self._assign(target, self._value(value))
            case Load(address, size, extend):
                place = self._access(self._value(address), size, SHAPES[extend], is_store=False)
                self._set_rd(loaded(self, place, size, extend))
            case Store(address, value, size):
                place = self._access(self._value(address), size, 0, is_store=True)
                self._put(self._value(value), place, size)
            case Reserve(address, size):
                self._reserve(self._value(address), size)
            case Conditional():
                self._conditional(statement)
            case Modify():
                self._modify(statement)
            case Jump(target):
                self._jump(target)
            case Branch():
                self._branch(statement)
            case Nothing():
                pass
            case Float():
                self._float(statement)
            case System():
                raise AssertionError("a system row has a handler of its own")
            case _:
                assert_never(statement)

    def _value(self, it: Expression) -> str:
        return expression(self, it, self._names)

    def _assign(self, target: str, value: str) -> None:
        if target == "rd":
            self._set_rd(value)
        else:
            self._names[target] = value

    def _set_rd(self, value: str) -> None:
        self.result = value
        set_rd(self, value)

    def _put(self, value: str, place: str, size: int) -> None:
        if size < 8:
            value = self.value(f"trunc i64 {value} to i{8 * size}")
        self.store(f"i{8 * size}", value, place)

    def _access(self, address: str, size: int, shape: int, *, is_store: bool) -> str:
        """The host address of an access; what no window covers is looked up first."""
        host, known = window(self, address, size, is_store=is_store)
        hit, miss = self.name(), self.name()
        self.branch(known, hit, miss, LIKELY)
        self.label(miss)
        self._say(address, size, shape)
        self.tail("@store_miss" if is_store else "@load_miss")
        self.label(hit)
        return host

    def _say(self, address: str, size: int, shape: int) -> None:
        """Write down the access for the handler that takes over."""
        self.set_word(layout.ACCESS, address)
        self.set_word(layout.ACCESS_LAST, self.op("add", address, size - 1))
        self.set_word(layout.ACCESS_SHAPE, shape | self._length)

    def _aligned(self, address: str, size: int, *, is_store: bool) -> None:
        """A misaligned atomic traps."""
        low = self.op("and", address, size - 1)
        good, bad = self.name(), self.name()
        self.branch(self.compare("eq", low, 0), good, bad, LIKELY)
        self.label(bad)
        self.set_word(layout.ACCESS, address)
        self.tail("@misaligned_store" if is_store else "@misaligned_load")
        self.label(good)

    def _float(self, it: Float) -> None:
        """Ask the host's unit where it may decide, else a routine; illegal modes are slow."""
        sources = [self._value(source) for source in it.sources]
        mode = None
        if it.rounding is not None:
            mode = mode_of(self, self._value(it.rounding))
            self._or_become("@slow", is_legal(self, mode))
        asks = may_ask_host(self, it, mode)
        if asks is not None:
            ask, right, other = self.name(), self.name(), self.name()
            self.branch(asks, ask, other, LIKELY)
            self.label(ask)
            result, is_right = by_host(self, it, sources, self._call)
            self.branch(is_right, right, other, LIKELY)
            self.label(right)
            set_rd(self, result)
            self.next()
            self.label(other)
        set_rd(self, by_routine(self, it, sources, mode, self._call))

    def _call(self, name: str, kind: str, arguments: str) -> str:
        return self.value(f"call {kind} @{name}({arguments})")

    def _reserve(self, address: str, size: int) -> None:
        self._aligned(address, size, is_store=False)
        place = self._access(address, size, layout.SHAPE_ATOMIC, is_store=False)
        old = self._old(place, size)
        self.set_word(s.RESERVED_ADDRESS, address)
        self.set_word(s.RESERVED_VALUE, old)
        set_rd(self, old)

    def _modify(self, it: Modify) -> None:
        address = self._value(it.address)
        self._aligned(address, it.size, is_store=True)
        place = self._access(address, it.size, layout.SHAPE_ATOMIC, is_store=True)
        old = self._old(place, it.size)
        self._names["source"] = self._value(it.source)
        self._names["old"] = old
        self._put(self._value(it.result), place, it.size)
        set_rd(self, old)

    def _old(self, place: str, size: int) -> str:
        old = self.load(f"i{8 * size}", place)
        return old if size == 8 else self.value(f"sext i32 {old} to i64")

    def _conditional(self, it: Conditional) -> None:
        address, size = self._value(it.address), it.size
        self._aligned(address, size, is_store=True)
        value = self._value(it.value)
        reserved = self.compare("eq", self.word(s.RESERVED_ADDRESS), address)
        maybe, fail, succeed = self.name(), self.name(), self.name()
        self.branch(reserved, maybe, fail, LIKELY)
        self.label(maybe)
        place = self._access(address, size, layout.SHAPE_ATOMIC, is_store=True)
        same = self.compare("eq", self._old(place, size), self.word(s.RESERVED_VALUE))
        self.branch(same, succeed, fail, LIKELY)
        self.label(fail)
        self.set_word(s.RESERVED_ADDRESS, -1)
        set_rd(self, "1")
        self.next()
        self.label(succeed)
        self.set_word(s.RESERVED_ADDRESS, -1)
        self._put(value, place, size)
        set_rd(self, "0")

    def _jump(self, target: Expression) -> None:
        self._ended = True
        if target != PC_RELATIVE or self._is_far:
            go_to(self, self._value(target))
        else:
            self._jump_near()

    def _jump_near(self) -> None:
        slot = self.at(self.slot, self.op("shl", self._names["imm"], 3))
        self.dispatch(slot, self.after)

    def _branch(self, it: Branch) -> None:
        self._ended = True
        taken, not_taken = self.name(), self.name()
        self.branch(condition(self, it.test, self._names), taken, not_taken)
        self.label(not_taken)
        self._note(layout.WENT_ON)
        self.next()
        self.label(taken)
        self._note(layout.WENT_AWAY)
        if it.target != PC_RELATIVE or self._is_far:
            go_to(self, self._value(it.target))
        else:
            self._jump_near()

    def _note(self, way: int) -> None:
        if self._is_noting:
            place = self.at(self.slot, layout.SLOT_RD)
            known = self.load("i8", place)
            self.store("i8", self.op("or", known, way, "i8"), place)


class RowHandler(InstructionHandler):
    """The handler of one row; one that is noting leaves a branch's way in its slot."""

    def __init__(
        self, row: Instruction, length: int, *, is_far: bool = False, is_noting: bool = False
    ) -> None:
        super().__init__(handler_name(row.name, length, is_far=is_far, is_noting=is_noting))
        self._is_noting = is_noting
        begin(self)
        self.instruction(row, length, is_far=is_far)


def row_handlers() -> list[RowHandler]:
    """The handlers of all rows that have one of their own."""
    found = []
    for row in BASE:
        if not has_handler(row):
            continue
        for length in lengths(row.name):
            found.append(RowHandler(row, length))
            if has_near_form(row):
                found.append(RowHandler(row, length, is_far=True))
            if semantics_of(row.name).is_conditional:
                found += [
                    RowHandler(row, length, is_far=is_far, is_noting=True)
                    for is_far in (False, True)
                ]
    return found
