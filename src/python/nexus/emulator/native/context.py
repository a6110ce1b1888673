"""Generated code that tells contexts apart: which bank of caches belongs to the present mode."""

from __future__ import annotations

from typing import Final

from nexus.emulator.native import layout
from nexus.emulator.native.ir import UNLIKELY, Function
from nexus.emulator.reference import state as s
from nexus.emulator.reference.trap import MSTATUS_MPRV, MSTATUS_MXR, MSTATUS_SUM

_SHOWN: Final = MSTATUS_SUM | MSTATUS_MXR


def data_privilege(f: Function) -> str:
    """The privilege that loads and stores have: MPRV substitutes MPP."""
    privilege = f.word(s.PRIVILEGE)
    status = f.word(s.MSTATUS)
    previous = f.op("and", f.op("lshr", status, 11), 3)
    modified = f.compare("ne", f.op("and", status, MSTATUS_MPRV), 0)
    return f.value(f"select i1 {modified}, i64 {previous}, i64 {privilege}")


def switch_context() -> str:
    """`ptr @switch_context(st)`: the bank of the present mode, emptied if it was another's."""
    f = Function("ptr @switch_context(ptr %st)")
    privilege = f.word(s.PRIVILEGE)
    data = data_privilege(f)
    both = f.op("and", f.compare("eq", privilege, 3), f.compare("eq", data, 3), "i1")
    satp = f.value(f"select i1 {both}, i64 0, i64 {f.word(s.SATP)}")
    shown = f.op("and", f.word(s.MSTATUS), _SHOWN)
    shown = f.value(f"select i1 {both}, i64 0, i64 {shown}")
    mode = f.op("or", privilege, f.op("or", f.op("shl", data, 2), shown))
    banks = f.pointer(f.word(layout.BANKS))
    for index in range(layout.BANK_COUNT):
        same = f.compare("eq", f.word(layout.KEYS + 2 * index), mode)
        same_satp = f.compare("eq", f.word(layout.KEYS + 2 * index + 1), satp)
        found, other = f.name(), f.name()
        f.branch(f.op("and", same, same_satp, "i1"), found, other)
        f.label(found)
        f.emit(f"ret ptr {f.at(banks, index * layout.BANK_BYTES)}")
        f.label(other)
    victim = f.word(layout.VICTIM)
    f.set_word(layout.VICTIM, f.op("and", f.op("add", victim, 1), layout.BANK_COUNT - 1))
    key = f.op("add", f.op("shl", victim, 1), layout.KEYS)
    f.set_word(key, mode)
    f.set_word(f.op("add", key, 1), satp)
    bank = f.at(banks, f.op("mul", victim, layout.BANK_BYTES))
    before = f.name()
    f.jump(before)
    f.label(before)
    f.jump("loop")
    f.label("loop")
    f.emit(f"%i = phi i64 [ 0, %{before} ], [ %next, %loop ]")
    entry = f.at(bank, f.op("mul", "%i", layout.TLB_ENTRY_BYTES))
    f.store("i64", -1, entry)
    f.store("i64", -1, f.at(entry, 8))
    fetch_tags = f.at(bank, layout.FETCH_TLB)
    f.store("i64", -1, f.at(fetch_tags, f.op("mul", "%i", layout.FETCH_ENTRY_BYTES)))
    f.emit("%next = add i64 %i, 1")
    f.branch(f.compare("ult", "%next", layout.TLB_ENTRIES), "loop", "done")
    f.label("done")
    f.emit(f"ret ptr {bank}")
    return f.text()


def mark() -> str:
    """`void @mark(st, page, bit)`: mark a RAM page; a new mark revokes all cached stores."""
    f = Function("void @mark(ptr %st, i64 %number, i8 %bit)")
    place = f.at(f.pointer(f.word(layout.MARKS)), "%number")
    old = f.load("i8", place)
    f.branch(f.compare("eq", f.op("and", old, "%bit", "i8"), 0, "i8"), "new", "done", UNLIKELY)
    f.label("new")
    f.store("i8", f.op("or", old, "%bit", "i8"), place)
    banks = f.pointer(f.word(layout.BANKS))
    f.jump("loop")
    f.label("loop")
    entries = layout.BANK_COUNT * layout.TLB_ENTRIES
    f.emit("%i = phi i64 [ 0, %new ], [ %next, %loop ]")
    bank = f.op("mul", f.op("lshr", "%i", 8), layout.BANK_BYTES)
    entry = f.op("mul", f.op("and", "%i", layout.TLB_ENTRIES - 1), layout.TLB_ENTRY_BYTES)
    f.store("i64", -1, f.at(banks, f.op("add", f.op("add", bank, entry), 8)))
    f.emit("%next = add i64 %i, 1")
    f.branch(f.compare("ult", "%next", entries), "loop", "done")
    f.label("done")
    f.emit("ret void")
    return f.text()
