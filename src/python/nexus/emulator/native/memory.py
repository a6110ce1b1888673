"""Generated code for what the caches do not hold: the miss paths, page changes, and the way out."""

from __future__ import annotations

from nexus.emulator.board import UART_BASE
from nexus.emulator.device.uart import LSR, LSR_OE, RBR_THR
from nexus.emulator.native import layout
from nexus.emulator.native.context import mark, switch_context
from nexus.emulator.native.handlers import go_to, operand, set_rd
from nexus.emulator.native.ir import LIKELY, Function, Handler
from nexus.emulator.native.walk import translate
from nexus.emulator.reference import state as s
from nexus.emulator.reference.mmu import FETCH, LOAD, MARK_CODE, STORE


def miss(name: str, access: int) -> str:
    """`@load_miss`, `@store_miss`: fill the cache for ACCESS and execute the slot again."""
    f = Handler(name)
    address = f.word(layout.ACCESS)
    number = f.op("lshr", address, 12)
    f.require(f.compare("eq", f.op("lshr", f.word(layout.ACCESS_LAST), 12), number), "slow")
    offset = f.value(f"call i64 @translate(ptr %st, i64 {address}, i64 {access})")
    f.require(f.compare("sge", offset, 0), "outside")
    index = f.op("and", number, layout.TLB_ENTRIES - 1)
    entry = f.at("%bank", f.op("mul", index, layout.TLB_ENTRY_BYTES))
    if access == STORE:
        marks = f.pointer(f.word(layout.MARKS))
        marked = f.load("i8", f.at(marks, f.op("lshr", offset, 12)))
        f.require(f.compare("eq", marked, 0, "i8"), "slow")
        store_tag = number
    else:
        kept = f.load("i64", f.at(entry, 8))
        same = f.compare("eq", kept, number)
        store_tag = f.value(f"select i1 {same}, i64 {kept}, i64 -1")
    host = f.op("add", f.word(layout.RAM_HOST), offset)
    # What a load may read, a store may not have been able to: stores of write-only pages do not
    # exist, so the load tag is right for both.
    f.store("i64", number, entry)
    f.store("i64", store_tag, f.at(entry, 8))
    f.store("i64", f.op("sub", host, address), f.at(entry, 16))
    f.dispatch("%slot", "%left")
    f.label("outside")
    f.require(f.compare("eq", offset, -2), "slow")
    f.require(f.compare("eq", address, f.word(layout.ACCESS_LAST)), "slow")
    (_uart_store if access == STORE else _uart_load)(f)
    f.label("slow")
    f.tail("@slow")
    return f.text()


def _uart_load(f: Handler) -> None:
    """A byte of the line status register; other devices are slow."""
    is_status = f.compare("eq", f.word(layout.PHYSICAL), UART_BASE + LSR)
    f.require(is_status, "slow")
    status = f.word(layout.UART_STATUS)
    f.require(f.compare("eq", f.op("and", status, LSR_OE), 0), "slow")  # Reading it clears that.
    set_rd(f, status)
    _after_byte(f)


def _uart_store(f: Handler) -> None:
    """A byte to transmit, while nothing but the console can notice."""
    f.require(f.compare("eq", f.word(layout.PHYSICAL), UART_BASE + RBR_THR), "slow")
    count = f.word(layout.UART_COUNT)
    f.require(f.compare("ult", count, f.word(layout.UART_ROOM)), "slow")
    value = f.value(f"trunc i64 {f.word(operand(f, layout.SLOT_RS2))} to i8")
    f.store("i8", value, f.at(f.pointer(f.word(layout.UART_OUTPUT)), count))
    f.set_word(layout.UART_COUNT, f.op("add", count, 1))
    _after_byte(f)


def _after_byte(f: Handler) -> None:
    """Go on: accesses to a byte have no compressed form."""
    f.dispatch(f.at("%slot", 8 * 4), f.op("sub", "%left", 1))


def fetch() -> str:
    """`@fetch`: continue at the state's pc, whose page is not in the fetch cache."""
    f = Handler("fetch")
    # Without steps nothing may be walked: an interrupt could come first.
    f.require(f.compare("sgt", "%left", 0), "spent")
    pc = f.word(s.PC)
    offset = f.value(f"call i64 @translate(ptr %st, i64 {pc}, i64 {FETCH})")
    f.require(f.compare("sge", offset, 0), "slow")
    ram_page = f.op("lshr", offset, 12)
    place = f.at(f.pointer(f.word(layout.PAGES)), f.op("shl", ram_page, 3))
    known = f.load("i64", place)
    f.branch(f.compare("ne", known, 0), "old", "new", LIKELY)
    f.label("new")
    fresh = f.word(layout.POOL_NEXT)
    f.require(f.compare("ult", fresh, f.word(layout.POOL_END)), "full")
    f.set_word(layout.POOL_NEXT, f.op("add", fresh, layout.DECODED_PAGE_BYTES))
    f.store("i64", fresh, place)
    f.emit(f"call void @mark(ptr %st, i64 {ram_page}, i8 {MARK_CODE})")
    host = f.op("add", f.word(layout.RAM_HOST), f.op("and", offset, -4096))
    f.emit(f"call void @reset_page(ptr {f.pointer(fresh)}, i64 {host})")
    f.set_word(layout.FRESH_PAGE, ram_page)
    f.require(f.compare("eq", f.word(layout.FRESH), 0), "fresh")
    end = f.name()
    f.jump(end)
    f.label(end)
    f.jump("enter")
    f.label("old")
    f.jump("enter")
    f.label("enter")
    page = f.pointer(f.value(f"phi i64 [ {known}, %old ], [ {fresh}, %{end} ]"))
    number = f.op("lshr", pc, 12)
    index = f.op("and", number, layout.TLB_ENTRIES - 1)
    entry = f.at(f.at("%bank", layout.FETCH_TLB), f.op("mul", index, layout.FETCH_ENTRY_BYTES))
    f.store("i64", number, entry)
    f.store("ptr", page, f.at(entry, 8))
    f.set_word(layout.PAGE_ADDRESS, f.op("and", pc, -4096))
    slot = f.at(page, f.op("shl", f.op("and", pc, 4095), 3))
    f.dispatch(slot, "%left", page)
    for label, reason in (("spent", layout.Exit.BUDGET), ("slow", layout.Exit.SLOW)):
        f.label(label)
        leave(f, reason)
    for label, reason in (("full", layout.Exit.POOL), ("fresh", layout.Exit.PAGE)):
        f.label(label)
        leave(f, reason)
    return f.text()


def leave(f: Function, reason: layout.Exit) -> None:
    """Return to Python; pc is in the state already."""
    f.set_word(layout.LEFT, "%left")
    f.set_word(layout.WHY, int(reason))
    f.emit("ret void")


def leaving(name: str, reason: layout.Exit) -> str:
    """`@slow`, `@out_of_steps`: return to Python before the instruction in the slot."""
    f = Handler(name)
    f.set_word(s.PC, f.pc())
    leave(f, reason)
    return f.text()


def reset_page() -> str:
    """`void @reset_page(page, host)`: make every slot of a decoded page undecoded."""
    f = Function("void @reset_page(ptr %page, i64 %host)")
    f.jump("loop")
    f.label("loop")
    f.emit("%i = phi i64 [ 0, %entry ], [ %next, %loop ]")
    slot = f.at("%page", f.op("mul", "%i", layout.SLOT_BYTES))
    f.store("ptr", "@undecoded", slot)
    f.emit("%next = add i64 %i, 1")
    f.branch(f.compare("ult", "%next", layout.PAGE_SLOTS), "loop", "done")
    f.label("done")
    for extra in range(2):
        f.store("ptr", "@cross", f.at("%page", (layout.PAGE_SLOTS + extra) * layout.SLOT_BYTES))
    f.store("i64", "%host", f.at("%page", layout.TAIL_RAM))
    f.store("i64", 0, f.at("%page", layout.TAIL_WORD))
    f.emit("ret void")
    return f.text()


def cross() -> str:
    """`@cross`: sequential execution leaves the page."""
    f = Handler("cross")
    go_to(f, f.pc(), left="%left")
    return f.text()


def enter() -> str:
    """`void @enter(st, left)`: the way in, at the state's pc."""
    f = Function("void @enter(ptr %st, i64 %left)")
    bank = f.value("call ptr @switch_context(ptr %st)")
    f.emit(f"call preserve_nonecc void @fetch(ptr %st, ptr {bank}, ptr null, i64 %left, ptr null)")
    f.emit("ret void")
    return f.text()


def functions() -> list[str]:
    """Everything about memory."""
    return [
        switch_context(),
        mark(),
        translate(),
        miss("load_miss", LOAD),
        miss("store_miss", STORE),
        fetch(),
        leaving("slow", layout.Exit.SLOW),
        leaving("out_of_steps", layout.Exit.BUDGET),
        reset_page(),
        cross(),
        enter(),
    ]
