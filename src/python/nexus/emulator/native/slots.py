"""A handler's knowledge of its slot: its operands, its length, the handlers' own names."""

from __future__ import annotations

from typing import Final

from nexus.emulator.isa.decode import BASE, COMPRESSED
from nexus.emulator.isa.row import Instruction
from nexus.emulator.isa.semantics import semantics_of
from nexus.emulator.isa.statement import Extend
from nexus.emulator.native import layout
from nexus.emulator.native.ir import UNLIKELY, Handler
from nexus.emulator.reference import state as s

_COMPRESSED_BASES: Final = frozenset(row.base for row in COMPRESSED)


def handler_name(name: str, length: int, *, is_far: bool = False, is_noting: bool = False) -> str:
    """The symbol of a handler."""
    noting = "_noting" if is_noting else ""
    return f"do_{name.replace('.', '_')}_{length}{'_far' if is_far else ''}{noting}"


def branch_handlers(*, is_noting: bool) -> list[str]:
    """The symbols of the handlers of conditional branches, in their order in the table."""
    return [
        handler_name(row.name, length, is_far=is_far, is_noting=is_noting)
        for row in BASE
        if semantics_of(row.name).is_conditional
        for length in lengths(row.name)
        for is_far in (False, True)
    ]


def lengths(name: str) -> tuple[int, ...]:
    """The lengths in which an instruction can be encoded."""
    return (2, 4) if name in _COMPRESSED_BASES else (4,)


def has_near_form(row: Instruction) -> bool:
    """True if the jump target is relative to pc, so that it may be known to lie in the page."""
    return semantics_of(row.name).is_relative


def operand(handler: Handler, offset: int) -> str:
    """The register number at `offset` of the slot."""
    return handler.value(f"zext i8 {handler.load('i8', handler.at(handler.slot, offset))} to i64")


def immediate(handler: Handler) -> str:
    """The immediate of the slot."""
    loaded = handler.load("i32", handler.at(handler.slot, layout.SLOT_IMM))
    return handler.value(f"sext i32 {loaded} to i64")


def set_rd(handler: Handler, value: str) -> None:
    """Write the destination register."""
    handler.set_word(operand(handler, layout.SLOT_RD), value)


SHAPES: Final = {
    Extend.ZERO: 0,
    Extend.SIGN: layout.SHAPE_SIGNED,
    Extend.BOX: layout.SHAPE_BOXED,
}


def has_handler(row: Instruction) -> bool:
    """True if the row's own semantics are compiled into a handler."""
    return not semantics_of(row.name).is_system


def begin(handler: Handler) -> None:
    """Count the step, or leave if there is none left."""
    handler.emit("%after = sub i64 %left, 1")
    handler.emit("%spent = icmp slt i64 %after, 0")
    handler.branch("%spent", "out_of_steps", "body", UNLIKELY)
    handler.label("out_of_steps")
    handler.tail("@out_of_steps")
    handler.label("body")


class Operands(dict[str, str]):
    """Operands of the semantics, loaded where they are first used in each block."""

    def __init__(self, handler: Handler, length: int) -> None:
        super().__init__(length=str(length))
        self._handler = handler

    def __missing__(self, name: str) -> str:
        # Not remembered: a value loaded on one path must not be used on another.  The optimiser
        # merges what can be merged.
        handler = self._handler
        if name == "imm":
            return immediate(handler)
        if name == "pc":
            return handler.pc()
        if name == "rs3":
            third = handler.op("lshr", immediate(handler), 3)
            return handler.word(handler.op("add", third, s.F0))
        return handler.word(
            operand(handler, {"rs1": layout.SLOT_RS1, "rs2": layout.SLOT_RS2}[name])
        )
