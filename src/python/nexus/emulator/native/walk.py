"""Generated code that translates addresses: Sv39 with hardware A and D updates.

The same rules as `reference/mmu.py`, minus everything that ends in a trap: whatever is not plainly
fine returns a negative number, and the reference does the access again and finds out why.
"""

from __future__ import annotations

from nexus.emulator.memory import RAM_BASE
from nexus.emulator.native import layout
from nexus.emulator.native.context import data_privilege
from nexus.emulator.native.ir import Function
from nexus.emulator.reference import state as s
from nexus.emulator.reference.mmu import (
    FETCH,
    LOAD,
    MARK_TABLE,
    PPN,
    PTE_HIGH,
    STORE,
    A,
    D,
    R,
    U,
    V,
    W,
    X,
)
from nexus.emulator.reference.trap import MSTATUS_MXR, MSTATUS_SUM


def translate() -> str:
    """`i64 @translate(st, address, access)`: offset into RAM.

    Or -1 if it is not that simple, and -2 if it is outside RAM; then PHYSICAL says where.
    """
    f = Function("i64 @translate(ptr %st, i64 %address, i64 %access)")
    is_fetch = f.compare("eq", "%access", FETCH)
    chosen = data_privilege(f)
    privilege = f.value(f"select i1 {is_fetch}, i64 {f.word(s.PRIVILEGE)}, i64 {chosen}")
    is_machine = f.compare("eq", privilege, 3)
    open_bit = f.value(f"select i1 {is_machine}, i64 1, i64 2")
    f.require(f.compare("ne", f.op("and", f.word(layout.PMP_OPEN), open_bit), 0), "refuse")
    satp = f.word(s.SATP)
    bare = f.compare("eq", f.op("lshr", satp, 60), 0)
    f.branch(f.op("or", is_machine, bare, "i1"), "direct", "walk")
    f.label("walk")
    high = f.value("ashr i64 %address, 38")
    f.require(f.compare("ule", f.op("add", high, 1), 1), "refuse")
    results = [("%address", "direct")]
    table = f.op("shl", f.op("and", satp, PPN), 12)
    for level in (2, 1, 0):
        table = _level(f, level, table, privilege, results)
    f.label("direct")
    f.jump("found")
    f.label("found")
    merged = ", ".join(f"[ {value}, %{label} ]" for value, label in results)
    offset = f.op("sub", f.value(f"phi i64 {merged}"), RAM_BASE)
    f.require(f.compare("ult", offset, f.word(layout.RAM_BYTES)), "outside")
    f.emit(f"ret i64 {offset}")
    f.label("outside")
    f.set_word(layout.PHYSICAL, f.op("add", offset, RAM_BASE))
    f.emit("ret i64 -2")
    f.label("refuse")
    f.emit("ret i64 -1")
    return f.text()


def _level(
    f: Function, level: int, table: str, privilege: str, results: list[tuple[str, str]]
) -> str:
    """One level of the walk: go on to `found` from a good leaf, or return the next table."""
    shift = 12 + 9 * level
    index = f.op("and", f.op("lshr", "%address", shift), 511)
    offset = f.op("sub", f.op("add", table, f.op("shl", index, 3)), RAM_BASE)
    f.require(f.compare("ult", offset, f.op("sub", f.word(layout.RAM_BYTES), 7)), "refuse")
    f.emit(f"call void @mark(ptr %st, i64 {f.op('lshr', offset, 12)}, i8 {MARK_TABLE})")
    place = f.at(f.pointer(f.word(layout.RAM_HOST)), offset)
    entry = f.load("i64", place)
    f.require(f.compare("eq", f.op("and", entry, V | _signed(PTE_HIGH)), V), "refuse")
    leaf, inner = f.name(), f.name()
    f.branch(f.compare("ne", f.op("and", entry, R | W | X), 0), leaf, inner)
    f.label(leaf)
    _check_leaf(f, entry, privilege)
    below = (1 << shift) - 1
    page = f.op("shl", f.op("and", f.op("lshr", entry, 10), PPN), 12)
    f.require(f.compare("eq", f.op("and", page, below), 0), "refuse")
    is_store = f.compare("eq", "%access", STORE)
    bits = f.value(f"select i1 {is_store}, i64 {A | D}, i64 {A}")
    f.store("i64", f.op("or", entry, bits), place)
    results.append((f.op("or", page, f.op("and", "%address", below)), end := f.name()))
    f.jump(end)
    f.label(end)
    f.jump("found")
    f.label(inner)
    if level == 0:
        f.jump("refuse")
        return ""
    f.require(f.compare("eq", f.op("and", entry, U | A | D), 0), "refuse")
    return f.op("shl", f.op("and", f.op("lshr", entry, 10), PPN), 12)


def _signed(value: int) -> int:
    """A 64-bit constant as LLVM writes it."""
    return (value & (1 << 64) - 1 ^ 1 << 63) - (1 << 63)


def _check_leaf(f: Function, entry: str, privilege: str) -> None:
    """Refuse unless a leaf permits the access: see `_permits` of the reference."""
    f.require(f.compare("ne", f.op("and", entry, R | W), W), "refuse")
    status = f.word(s.MSTATUS)
    is_fetch = f.compare("eq", "%access", FETCH)
    # User pages: for user mode, and under SUM for data of supervisor mode.  Others: not for user.
    is_user = f.compare("eq", privilege, 0)
    summed = f.compare("ne", f.op("and", status, MSTATUS_SUM), 0)
    not_fetch = f.op("xor", is_fetch, "true", "i1")
    for_user = f.op("or", is_user, f.op("and", summed, not_fetch, "i1"), "i1")
    not_user = f.op("xor", is_user, "true", "i1")
    has_u = f.compare("ne", f.op("and", entry, U), 0)
    f.require(f.value(f"select i1 {has_u}, i1 {for_user}, i1 {not_user}"), "refuse")
    mxr = f.compare("ne", f.op("and", status, MSTATUS_MXR), 0)
    readable = f.value(f"select i1 {mxr}, i64 {R | X}, i64 {R}")
    is_load = f.compare("eq", "%access", LOAD)
    wanted = f.value(f"select i1 {is_fetch}, i64 {X}, i64 {W}")
    wanted = f.value(f"select i1 {is_load}, i64 {readable}, i64 {wanted}")
    f.require(f.compare("ne", f.op("and", entry, wanted), 0), "refuse")
