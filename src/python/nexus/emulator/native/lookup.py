"""Code that many handlers contain: looking an address up in the caches of the present context,
reading what is there, and the check before floating-point registers are touched.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.isa.statement import Extend
from nexus.emulator.native import layout
from nexus.emulator.native.expression import FUNCTIONS
from nexus.emulator.native.ir import LIKELY, Function, Handler
from nexus.emulator.reference import state as s
from nexus.emulator.reference.trap import MSTATUS_FS


def go_to(handler: Handler, pc: str, left: str = "", bank: str = "%bank") -> None:
    """Continue at a virtual address: look it up, or leave that to `@fetch`."""
    left = left or handler.after
    number = handler.op("lshr", pc, 12)
    index = handler.op("and", number, layout.TLB_ENTRIES - 1)
    offset = handler.op("mul", index, layout.FETCH_ENTRY_BYTES)
    entry = handler.at(handler.at(bank, layout.FETCH_TLB), offset)
    known = handler.compare("eq", handler.load("i64", entry), number)
    hit, miss = handler.name(), handler.name()
    handler.branch(known, hit, miss, LIKELY)
    handler.label(miss)
    handler.set_word(s.PC, pc)
    handler.tail("@fetch", left=left, bank=bank)
    handler.label(hit)
    page = handler.load("ptr", handler.at(entry, 8))
    handler.set_word(layout.PAGE_ADDRESS, handler.op("and", pc, -4096))
    slot = handler.at(page, handler.op("shl", handler.op("and", pc, 4095), 3))
    handler.dispatch(slot, left, page, bank)


_BOUND_OF: Final = {1: 0, 2: 2, 4: 4, 8: 6}


def window(
    f: Function, address: str, size: int, *, is_store: bool, bank: str = "%bank"
) -> tuple[str, str]:
    """The host address of an access of any length, and whether its window covers it."""
    first, bound, addend = window_bounds(f, address, size, is_store=is_store, bank=bank)
    known = f.compare("ult", f.op("sub", address, first), bound)
    return f.pointer(f.op("add", address, addend)), known


def window_bounds(
    f: Function, address: str, size: int, *, is_store: bool, bank: str = "%bank"
) -> tuple[str, str, str]:
    """Load the window of an address: an access at first + n is allowed if n < bound.

    The third is what makes a host address of an address.
    """
    shift = 12 - (layout.WINDOWS_BYTES.bit_length() - 1)
    mask = (layout.TLB_ENTRIES - 1) * layout.WINDOWS_BYTES
    index = f.op("and", f.op("lshr", address, shift), mask)
    entry = f.at(bank, index)
    base = layout.STORE_WINDOW if is_store else 0
    first = f.load("i64", f.at(entry, base))
    at = base + layout.WINDOW_BOUNDS + _BOUND_OF.get(size, 0)
    bound = f.value(f"zext i16 {f.load('i16', f.at(entry, at))} to i64")
    if size not in _BOUND_OF:
        # The bound is one byte's; no access of this length is allowed if that is too short.
        less = f.op("sub", bound, size - 1)
        is_long = f.compare("sgt", less, 0)
        bound = f.value(f"select i1 {is_long}, i64 {less}, i64 0")
    return first, bound, f.load("i64", f.at(entry, base + layout.WINDOW_ADDEND))


def loaded(function: Function, place: str, size: int, extend: Extend) -> str:
    """The word made of the `size` bytes at a host address."""
    value = function.load(f"i{8 * size}", place)
    if size == 8:
        return value
    if extend is Extend.SIGN:
        return function.value(f"sext i{8 * size} {value} to i64")
    value = function.value(f"zext i{8 * size} {value} to i64")
    return FUNCTIONS["box"](function, value) if extend is Extend.BOX else value


def may_use_float(function: Function, *, is_changing: bool) -> str:
    """Whether mstatus lets an instruction use floating-point registers as it is.

    They must be on, and dirty already for what changes them: `float_clean`, or the reference,
    turns them so.
    """
    found = function.op("and", function.word(s.MSTATUS), MSTATUS_FS)
    if is_changing:
        return function.compare("eq", found, MSTATUS_FS)
    return function.compare("ne", found, 0)
