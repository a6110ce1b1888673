"""Generates the decoder: from 16 or 32 bits of code to a filled slot.

`i64 @decode(st, slot, word, offset)` returns 1, or 0 for an illegal instruction.  The rows
are tried in the order in which `isa/decode.py` tries them: masks with more fixed bits first.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.isa.decode import BASE, BY_NAME, COMPRESSED, needed
from nexus.emulator.isa.encoding import Encoding
from nexus.emulator.isa.row import Compressed, Instruction
from nexus.emulator.isa.semantics import semantics_of
from nexus.emulator.native import layout
from nexus.emulator.native.csr_kinds import KINDS, REGISTERS
from nexus.emulator.native.float_source import routine_names
from nexus.emulator.native.ir import Function
from nexus.emulator.native.joined import kind_of
from nexus.emulator.native.memory import memory_handlers
from nexus.emulator.native.pages import page_handlers
from nexus.emulator.native.slots import (
    branch_handlers,
    handler_name,
    has_handler,
    has_near_form,
    lengths,
)
from nexus.emulator.native.system import csr_handler, csr_handlers
from nexus.emulator.native.traps import trap_handlers
from nexus.emulator.native.turns import turn_handlers
from nexus.emulator.reference.csr import CSRS
from nexus.emulator.reference.state import EXTENSIONS, SINK

# The rows whose handler does not depend on operands.
_FIXED_SYSTEM: Final = {
    "ecall": "do_ecall",
    "mret": "do_mret",
    "sret": "do_sret",
    "sfence.vma": "do_sfence_vma",
    "wfi": "do_wfi",
}


def handler_table() -> list[str]:
    """The symbols of all handlers that slots hold or translations need, in the table's order."""
    names = [*page_handlers(), *memory_handlers(), *trap_handlers(), *csr_handlers()]
    names += turn_handlers()
    names.remove("undecoded")
    plain, noting = branch_handlers(is_noting=False), branch_handlers(is_noting=True)
    assert len(plain) == layout.BRANCH_COUNT, "or the parts of the table are elsewhere"
    names = ["undecoded", *plain, *noting, *names, *routine_names()]
    for row in BASE:
        if not has_handler(row) or semantics_of(row.name).is_conditional:
            continue
        for length in lengths(row.name):
            names.append(handler_name(row.name, length))
            if has_near_form(row):
                names.append(handler_name(row.name, length, is_far=True))
    return names


class Decoder(Function):
    """The decode function under construction."""

    def __init__(self) -> None:
        super().__init__("i64 @decode(ptr %st, i64 %place, i64 %word, i64 %offset)")
        self._indices = {name: index for index, name in enumerate(handler_table())}
        self.emit("%slot = inttoptr i64 %place to ptr")
        self.emit(f"%handlers = inttoptr i64 {self.word(layout.HANDLERS)} to ptr")
        low = self.op("and", "%word", 3)
        self.branch(self.compare("eq", low, 3), "wide", "short")
        self.label("wide")
        self._rows([(row.encoding, row) for row in BASE])
        self.label("short")
        self._rows([(row.encoding, row) for row in COMPRESSED])
        self.label("illegal")
        self.emit("ret i64 0")

    def _rows(self, rows: list[tuple[Encoding, Instruction | Compressed]]) -> None:
        """Try rows one after the other; decoding is rare enough for a linear search."""
        extensions = self.word(EXTENSIONS)
        for encoding, row in sorted(rows, key=lambda pair: -pair[0].mask.bit_count()):
            masked = self.op("and", "%word", encoding.mask)
            hit, other = self.name(), self.name()
            self.branch(self.compare("eq", masked, encoding.match), hit, other)
            self.label(hit)
            if mask := needed(row):
                absent = self.op("and", self.op("xor", extensions, -1), mask)
                self.require(self.compare("eq", absent, 0), "illegal")
            if isinstance(row, Instruction):
                self._fill(row, self._operands(encoding), 4)
            else:
                operands = self._operands(encoding)
                for name in row.nonzero:
                    self.require(self.compare("ne", operands[name], 0), "illegal")
                operands |= {name: str(value) for name, value in row.fixed.items()}
                self._fill(BY_NAME[row.base], operands, 2)
            self.label(other)
        self.jump("illegal")

    def _operands(self, encoding: Encoding) -> dict[str, str]:
        """The operands of a matching word, as `Encoding.operands` extracts them."""
        operands = {}
        for operand, shift, width, first in encoding.registers:
            field = self._field(shift, width)
            operands[operand] = self.op("add", field, first) if first else field
        if encoding.scatter:
            value = "0"
            for shift, width, to in encoding.scatter:
                value = self.op("or", value, self.op("shl", self._field(shift, width), to))
            if encoding.sign_bit is not None:
                unused = 63 - encoding.sign_bit
                value = self.op("ashr", self.op("shl", value, unused), unused)
            operands["imm"] = value
        return operands

    def _field(self, shift: int, width: int) -> str:
        return self.op("and", self.op("lshr", "%word", shift), (1 << width) - 1)

    def _fill(self, row: Instruction, operands: dict[str, str], length: int) -> None:
        """Write the slot and return 1."""
        if semantics_of(row.name).is_system:
            if row.name.startswith("csrr"):
                self._csr(row.name, operands)
            elif row.name == "ebreak":
                self._store(f"do_ebreak_{length}", operands)
            else:
                self._store(_FIXED_SYSTEM.get(row.name, "slow"), operands)
            return
        if not has_handler(row):
            self._store("slow", operands)
            return
        near = handler_name(row.name, length)
        if not has_near_form(row):
            self._store_index(str(self._indices[near]), operands, str(kind_of(row.name, length)))
            return
        target = self.op("add", "%offset", operands["imm"])
        inside = self.compare("ult", target, 4096)
        far = self._indices[handler_name(row.name, length, is_far=True)]
        chosen = self.value(f"select i1 {inside}, i64 {self._indices[near]}, i64 {far}")
        kind = self.value(f"select i1 {inside}, i64 {kind_of(row.name, length)}, i64 0")
        self._store_index(chosen, operands, kind)

    def _csr(self, name: str, operands: dict[str, str]) -> None:
        """Choose by register and by whether it is written; the reference's other ones are slow."""
        access = name.removeprefix("csrr")
        is_read = self.compare("eq", operands["rs1"], 0)
        labels = {number: self.name() for number in REGISTERS}
        slow, missing = self.name(), self.name()
        labels |= dict.fromkeys(CSRS.keys() - REGISTERS.keys(), slow)
        cases = " ".join(f"i64 {number}, label %{to}" for number, to in sorted(labels.items()))
        self.emit(f"switch i64 {operands['imm']}, label %{missing} [{cases}]")
        for number, (kind, imm) in REGISTERS.items():
            self.label(labels[number])
            known = {**operands, "imm": str(imm), "rs2": str(number >> 8 & 3)}
            write = csr_handler(kind, access) if KINDS[kind].write else "slow"
            if number >> 10 == 3:
                write = "illegal"  # Registers of that range cannot be written.
            if access[0] == "w":
                self._store(write, known)
                continue
            yes, no = self.name(), self.name()
            self.branch(is_read, yes, no)
            self.label(yes)
            self._store(csr_handler(kind, "read"), known)
            self.label(no)
            self._store(write, known)
        self.label(slow)
        self._store("slow", operands)
        self.label(missing)
        self._store("illegal", operands)

    def _store(self, handler: str, operands: dict[str, str]) -> None:
        self._store_index(str(self._indices[handler]), operands)

    def _store_index(self, index: str, operands: dict[str, str], kind: str = "0") -> None:
        entry = self.value(f"getelementptr ptr, ptr %handlers, i64 {index}")
        rd = operands.get("rd", "0")
        discarded = self.compare("eq", rd, 0)
        rd = self.value(f"select i1 {discarded}, i64 {SINK}, i64 {rd}")
        for offset, value in (
            (layout.SLOT_RD, rd),
            (layout.SLOT_RS1, operands.get("rs1", "0")),
            (layout.SLOT_RS2, operands.get("rs2", "0")),
        ):
            self.store("i8", self.value(f"trunc i64 {value} to i8"), self.at("%slot", offset))
        bits = self.at("%slot", layout.SLOT_COVERED)
        covered = self.op("and", self.load("i8", bits), layout.COVERED, "i8")
        shifted = self.op("shl", kind, layout.KIND_SHIFT)
        narrow = self.value(f"trunc i64 {shifted} to i8")
        self.store("i8", self.op("or", covered, narrow, "i8"), bits)
        imm = self.value(f"trunc i64 {operands.get('imm', '0')} to i32")
        self.store("i32", imm, self.at("%slot", layout.SLOT_IMM))
        self.store("ptr", self.load("ptr", entry), "%slot")
        self.emit("ret i64 1")


def fill_table() -> str:
    """`void @fill(table)`: write the addresses of all handlers."""
    function = Function("void @fill(ptr %table)")
    for index, name in enumerate(handler_table()):
        function.store("ptr", f"@{name}", function.at("%table", 8 * index))
    function.emit("ret void")
    return function.text()


def functions() -> list[str]:
    """Everything in this file."""
    return [Decoder().text(), fill_table()]
