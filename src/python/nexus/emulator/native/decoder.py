"""Generates the decoder: from 16 or 32 bits of code to a filled slot.

`i64 @decode(slot, handlers, word, offset)` returns 1, or 0 for an illegal instruction.  The rows
are tried in the order in which `isa/decode.py` tries them: masks with more fixed bits first.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.isa.decode import BASE, BY_NAME, COMPRESSED
from nexus.emulator.isa.encoding import Encoding
from nexus.emulator.isa.row import Compressed, Instruction
from nexus.emulator.isa.semantics import semantics_of
from nexus.emulator.native import layout
from nexus.emulator.native.handlers import handler_name, has_near_form, lengths
from nexus.emulator.native.ir import Function, Handler
from nexus.emulator.native.system import PLAIN, SATP, TIME, system_handlers
from nexus.emulator.reference.mmu import FETCH
from nexus.emulator.reference.state import SINK

# The rows whose handler does not depend on operands.
_FIXED_SYSTEM: Final = {
    "ecall": "do_ecall",
    "sret": "do_sret",
    "sfence.vma": "do_sfence_vma",
}


def handler_table() -> list[str]:
    """The symbols of all handlers that slots hold or translations need, in the table's order."""
    names = ["slow", "fetch", *system_handlers()]
    for row in BASE:
        if semantics_of(row.name).is_system:
            continue
        for length in lengths(row.name):
            names.append(handler_name(row.name, length))
            if has_near_form(row):
                names.append(handler_name(row.name, length, is_far=True))
    return names


class Decoder(Function):
    """The decode function under construction."""

    def __init__(self) -> None:
        super().__init__("i64 @decode(ptr %slot, ptr %handlers, i64 %word, i64 %offset)")
        self._indices = {name: index for index, name in enumerate(handler_table())}
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
        for encoding, row in sorted(rows, key=lambda pair: -pair[0].mask.bit_count()):
            masked = self.op("and", "%word", encoding.mask)
            hit, other = self.name(), self.name()
            self.branch(self.compare("eq", masked, encoding.match), hit, other)
            self.label(hit)
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
        for operand, shift, width in encoding.registers:
            field = self._field(shift, width)
            operands[operand] = self.op("add", field, 8) if width == 3 else field
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
            if row.name in ("csrrw", "csrrs", "csrrc"):
                self._csr(row.name, operands)
            else:
                self._store(_FIXED_SYSTEM.get(row.name, "slow"), operands)
            return
        near = handler_name(row.name, length)
        if not has_near_form(row):
            self._store(near, operands)
            return
        target = self.op("add", "%offset", operands["imm"])
        inside = self.compare("ult", target, 4096)
        far = self._indices[handler_name(row.name, length, is_far=True)]
        chosen = self.value(f"select i1 {inside}, i64 {self._indices[near]}, i64 {far}")
        self._store_index(chosen, operands)

    def _csr(self, name: str, operands: dict[str, str]) -> None:
        """Choose by register and by whether it is written; what is not listed is slow."""
        number = operands["imm"]
        reads = self.compare("eq", operands["rs1"], 0)
        for csr in (*PLAIN, TIME, SATP):
            hit, other = self.name(), self.name()
            self.branch(self.compare("eq", number, csr), hit, other)
            self.label(hit)
            handler, index = _csr_handler(name, csr)
            known = {**operands, "imm": str(index), "rs2": str(csr >> 8 & 3)}
            if name == "csrrw":
                self._store(handler, known)
            else:
                yes, no = self.name(), self.name()
                self.branch(reads, yes, no)
                self.label(yes)
                self._store(handler, known)
                self.label(no)
                self._store("slow", operands)
            self.label(other)
        self._store("slow", operands)

    def _store(self, handler: str, operands: dict[str, str]) -> None:
        self._store_index(str(self._indices[handler]), operands)

    def _store_index(self, index: str, operands: dict[str, str]) -> None:
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
        imm = self.value(f"trunc i64 {operands.get('imm', '0')} to i32")
        self.store("i32", imm, self.at("%slot", layout.SLOT_IMM))
        self.store("ptr", self.load("ptr", entry), "%slot")
        self.emit("ret i64 1")


def _csr_handler(name: str, csr: int) -> tuple[str, int]:
    """The handler and state word of an access to a listed csr."""
    if csr == TIME:
        return ("slow" if name == "csrrw" else "do_csr_time"), 0
    if csr == SATP:
        return ("do_csr_swap_satp" if name == "csrrw" else "slow"), 0
    index, cleared = PLAIN[csr]
    if name != "csrrw":
        return "do_csr_read", index
    return ("do_csr_swap_epc" if cleared else "do_csr_swap"), index


def _decode_here(handler: Handler, word: str, offset: str) -> str:
    """Call the decoder for the handler's slot; the result is an i1."""
    table = handler.pointer(handler.word(layout.HANDLERS))
    found = handler.value(f"call i64 @decode(ptr %slot, ptr {table}, i64 {word}, i64 {offset})")
    return handler.compare("ne", found, 0)


def _code(handler: Handler) -> str:
    """The host address of the page's bytes."""
    return handler.load("ptr", handler.at("%page", layout.TAIL_RAM))


def _half(handler: Handler, address: str) -> str:
    return handler.value(f"zext i16 {handler.load('i16', address)} to i64")


def undecoded() -> str:
    """`@undecoded`: the handler of a slot that nobody has executed yet."""
    handler = Handler("undecoded")
    slot = handler.value("ptrtoint ptr %slot to i64")
    page = handler.value("ptrtoint ptr %page to i64")
    offset = handler.op("lshr", handler.op("sub", slot, page), 3)
    place = handler.at(_code(handler), offset)
    low = _half(handler, place)
    is_wide = handler.compare("eq", handler.op("and", low, 3), 3)
    handler.branch(is_wide, "wide", "short")
    handler.label("wide")
    handler.branch(handler.compare("eq", offset, 4094), "straddling", "inside")
    handler.label("straddling")
    handler.store("ptr", "@straddle", "%slot")
    handler.store("i64", 0, handler.at("%page", layout.TAIL_WORD))
    handler.tail("@straddle")
    handler.label("inside")
    whole = handler.value(f"zext i32 {handler.load('i32', place)} to i64")
    handler.jump("decode")
    handler.label("short")
    handler.jump("decode")
    handler.label("decode")
    word = handler.value(f"phi i64 [ {whole}, %inside ], [ {low}, %short ]")
    handler.require(_decode_here(handler, word, offset), "illegal")
    handler.dispatch("%slot", "%left")
    handler.label("illegal")
    handler.tail("@slow")
    return handler.text()


def straddle() -> str:
    """`@straddle`: an instruction whose second half is on another page.

    That half is looked up and read on every execution: its mapping and its bytes may change
    without this page knowing.  Only the decoding is remembered.
    """
    handler = Handler("straddle")
    handler.require(handler.compare("sgt", "%left", 0), "spent")
    second = handler.op("add", handler.word(layout.PAGE_ADDRESS), 4096)
    offset = handler.value(f"call i64 @translate(ptr %st, i64 {second}, i64 {FETCH})")
    handler.require(handler.compare("sge", offset, 0), "slow")
    ram = handler.pointer(handler.word(layout.RAM_HOST))
    high = handler.op("shl", _half(handler, handler.at(ram, offset)), 16)
    word = handler.op("or", high, _half(handler, handler.at(_code(handler), 4094)))
    known = handler.load("i64", handler.at("%page", layout.TAIL_WORD))
    handler.branch(handler.compare("eq", known, word), "run", "decode")
    handler.label("decode")
    handler.store("i64", 0, handler.at("%page", layout.TAIL_WORD))
    found = _decode_here(handler, word, "4094")
    decoded = handler.load("ptr", "%slot")
    handler.store("ptr", decoded, handler.at("%page", layout.TAIL_HANDLER))
    handler.store("ptr", "@straddle", "%slot")
    handler.require(found, "slow")
    handler.store("i64", word, handler.at("%page", layout.TAIL_WORD))
    handler.jump("run")
    handler.label("run")
    handler.tail(handler.load("ptr", handler.at("%page", layout.TAIL_HANDLER)))
    handler.label("slow")
    handler.tail("@slow")
    handler.label("spent")
    handler.tail("@out_of_steps")
    return handler.text()


def fill_table() -> str:
    """`void @fill(table)`: write the addresses of all handlers."""
    function = Function("void @fill(ptr %table)")
    for index, name in enumerate(handler_table()):
        function.store("ptr", f"@{name}", function.at("%table", 8 * index))
    function.emit("ret void")
    return function.text()


def functions() -> list[str]:
    """Everything in this file."""
    return [Decoder().text(), undecoded(), straddle(), fill_table()]
