"""Handlers of the system rows worth having: what a microkernel does on every trap.

Each checks that it applies, else the reference does the instruction.  The checks and effects are
those of `reference/csr.py` and `reference/trap.py`; no interrupt can become due in any of them,
except by `sret`, which therefore stands back while one is pending.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.native import layout
from nexus.emulator.native.handlers import begin, go_to, immediate, operand, set_rd
from nexus.emulator.native.ir import UNLIKELY, Function, Handler
from nexus.emulator.reference import state as s
from nexus.emulator.reference.hart import TICKS_PER_MTIME
from nexus.emulator.reference.trap import (
    MSTATUS_MIE,
    MSTATUS_MPIE,
    MSTATUS_MPP,
    MSTATUS_MPRV,
    MSTATUS_SIE,
    MSTATUS_SPIE,
    MSTATUS_SPP,
    MSTATUS_TSR,
    MSTATUS_TVM,
    Cause,
)

# Registers that are plain storage for reads and whole-word writes, besides their privilege:
# number -> (state word, bits that stay zero).
PLAIN: Final = {
    0x140: (s.SSCRATCH, 0),
    0x141: (s.SEPC, 1),
    0x142: (s.SCAUSE, 0),
    0x143: (s.STVAL, 0),
    0x340: (s.MSCRATCH, 0),
    0x341: (s.MEPC, 1),
    0x342: (s.MCAUSE, 0),
    0x343: (s.MTVAL, 0),
}
TIME: Final = 0xC01
SATP: Final = 0x180

_SV39_OR_BARE: Final = (0, 8)
_TIME_BIT: Final = 2


def _start(name: str) -> Handler:
    handler = Handler(name)
    begin(handler)
    return handler


def _finish(handler: Handler) -> str:
    """Add the way out for what does not apply."""
    handler.label("slow")
    handler.tail("@slow")
    return handler.text()


def _next(handler: Handler) -> None:
    handler.dispatch(handler.at("%slot", 8 * 4), "%after")


def _require_privilege(handler: Handler) -> None:
    """The lowest privilege that may access a csr is in the rs2 field of its slot."""
    needed = operand(handler, layout.SLOT_RS2)
    handler.require(handler.compare("uge", handler.word(s.PRIVILEGE), needed), "slow")


def _csr_read() -> str:
    handler = _start("do_csr_read")
    _require_privilege(handler)
    set_rd(handler, handler.word(immediate(handler)))
    _next(handler)
    return _finish(handler)


def _csr_swap(name: str, cleared: int) -> str:
    """csrrw; `cleared` are the bits that cannot be set."""
    handler = _start(name)
    _require_privilege(handler)
    index = immediate(handler)
    value = handler.word(operand(handler, layout.SLOT_RS1))
    old = handler.word(index)
    handler.set_word(index, handler.op("and", value, ~cleared))
    set_rd(handler, old)
    _next(handler)
    return _finish(handler)


def _csr_time() -> str:
    """rdtime where the counter is enabled."""
    handler = _start("do_csr_time")
    privilege = handler.word(s.PRIVILEGE)
    supervisor = handler.word(s.MCOUNTEREN)
    user = handler.op("and", supervisor, handler.word(s.SCOUNTEREN))
    is_user = handler.compare("eq", privilege, s.USER)
    enabled = handler.value(f"select i1 {is_user}, i64 {user}, i64 {supervisor}")
    is_machine = handler.compare("eq", privilege, s.MACHINE)
    enabled = handler.value(f"select i1 {is_machine}, i64 {_TIME_BIT}, i64 {enabled}")
    handler.require(handler.compare("ne", handler.op("and", enabled, _TIME_BIT), 0), "slow")
    ticks = handler.op("sub", handler.word(layout.TICKS_END), "%left")
    clock = handler.op("udiv", ticks, TICKS_PER_MTIME)
    set_rd(handler, handler.op("add", clock, handler.word(s.MTIME_OFFSET)))
    _next(handler)
    return _finish(handler)


def _csr_swap_satp() -> str:
    handler = _start("do_csr_swap_satp")
    privilege = handler.word(s.PRIVILEGE)
    handler.require(handler.compare("ne", privilege, s.USER), "slow")
    trapped = handler.op("and", handler.word(s.MSTATUS), MSTATUS_TVM)
    handler.require(handler.compare("eq", trapped, 0), "slow")
    value = handler.word(operand(handler, layout.SLOT_RS1))
    mode = handler.op("lshr", value, 60)
    bare, sv39 = (handler.compare("eq", mode, known) for known in _SV39_OR_BARE)
    handler.require(handler.op("or", bare, sv39, "i1"), "slow")
    old = handler.word(s.SATP)
    handler.set_word(s.SATP, value)
    set_rd(handler, old)
    _enter_context(handler, handler.op("add", handler.pc(), 4))
    return _finish(handler)


def _enter_context(handler: Handler, pc: str) -> None:
    """Continue at pc after a change of mode or address space."""
    bank = handler.value("call ptr @switch_context(ptr %st)")
    go_to(handler, pc, bank=bank)


def _ecall() -> str:
    """A trap into supervisor or machine mode."""
    handler = _start("do_ecall")
    # The reference looks at long chains of traps.
    count = handler.op("add", handler.word(s.CHAIN_COUNT), 1)
    handler.require(handler.compare("ult", count, handler.word(s.CHAIN_LOOK)), "slow")
    privilege = handler.word(s.PRIVILEGE)
    cause = handler.op("add", privilege, int(Cause.ECALL_FROM_USER))
    delegated = handler.op("and", handler.op("lshr", handler.word(s.MEDELEG), cause), 1)
    below = handler.compare("ule", privilege, s.SUPERVISOR)
    is_delegated = handler.op("and", handler.compare("ne", delegated, 0), below, "i1")
    handler.branch(is_delegated, "supervisor", "machine")
    for label, words, bits, shift in (
        (
            "supervisor",
            (s.SCAUSE, s.SEPC, s.STVAL, s.STVEC, s.SUPERVISOR),
            (MSTATUS_SPP, MSTATUS_SPIE, MSTATUS_SIE),
            8,
        ),
        (
            "machine",
            (s.MCAUSE, s.MEPC, s.MTVAL, s.MTVEC, s.MACHINE),
            (MSTATUS_MPP, MSTATUS_MPIE, MSTATUS_MIE),
            11,
        ),
    ):
        handler.label(label)
        cause_word, epc, tval, tvec, entered = words
        previous, saved, enabled = bits
        handler.set_word(cause_word, cause)
        handler.set_word(epc, handler.pc())
        handler.set_word(tval, 0)
        status = handler.word(s.MSTATUS)
        moved = handler.op("shl", handler.op("and", status, enabled), 4)
        kept = handler.op("and", status, ~(previous | saved | enabled))
        kept = handler.op("or", kept, handler.op("shl", privilege, shift))
        handler.set_word(s.MSTATUS, handler.op("or", kept, moved))
        handler.set_word(s.PRIVILEGE, entered)
        handler.emit(f"call void @note_trap(ptr %st, i64 {_now(handler)})")
        _enter_context(handler, handler.op("and", handler.word(tvec), -4))
    return _finish(handler)


def _now(handler: Handler) -> str:
    """The tick of the instruction in the slot."""
    return handler.op("sub", handler.word(layout.TICKS_END), "%left")


def note_trap() -> str:
    """`void @note_trap(st, now)`: see `reference/chain.py`."""
    f = Function("void @note_trap(ptr %st, i64 %now)")
    returned = f.word(s.CHAIN_RETURN_AT)
    has_returned = f.compare("ugt", returned, f.word(s.CHAIN_TRAP_AT))
    went_on = f.compare("ne", f.op("add", returned, 1), "%now")
    is_over = f.op("and", has_returned, went_on, "i1")
    count = f.value(f"select i1 {is_over}, i64 0, i64 {f.word(s.CHAIN_COUNT)}")
    count = f.op("add", count, 1)
    f.set_word(s.CHAIN_COUNT, count)
    f.set_word(s.CHAIN_TRAP_AT, "%now")
    f.branch(f.compare("eq", count, 1), "first", "done")
    f.label("first")
    f.set_word(s.CHAIN_LOOK, s.CHAIN_LOOK_FIRST)
    is_machine = f.compare("eq", f.word(s.PRIVILEGE), s.MACHINE)
    status = f.word(s.MSTATUS)
    modes = [f.op("and", f.op("lshr", status, 11), 3), f.op("and", f.op("lshr", status, 8), 1)]
    pairs = [
        [f.word(index) for index in (s.MEPC, s.SEPC)],
        [f.word(index) for index in (s.MCAUSE, s.SCAUSE)],
        [f.word(index) for index in (s.MTVAL, s.STVAL)],
        modes,
    ]
    for place, (machine, supervisor) in enumerate(pairs, s.CHAIN_PC):
        f.set_word(place, f.value(f"select i1 {is_machine}, i64 {machine}, i64 {supervisor}"))
    f.jump("done")
    f.label("done")
    f.emit("ret void")
    return f.text()


def _sret() -> str:
    handler = _start("do_sret")
    status = handler.word(s.MSTATUS)
    is_supervisor = handler.compare("eq", handler.word(s.PRIVILEGE), s.SUPERVISOR)
    handler.require(is_supervisor, "slow")
    trapped = handler.op("and", status, MSTATUS_TSR)
    handler.require(handler.compare("eq", trapped, 0), "slow")
    lines = handler.op("or", handler.word(s.MIP_SOFT), handler.word(s.MIP_LINE))
    pending = handler.op("and", lines, handler.word(s.MIE))
    handler.require(handler.compare("eq", pending, 0), "slow", UNLIKELY)
    restored = handler.op("lshr", handler.op("and", status, MSTATUS_SPIE), 4)
    kept = handler.op("and", status, ~(MSTATUS_MPRV | MSTATUS_SIE | MSTATUS_SPP))
    kept = handler.op("or", handler.op("or", kept, restored), MSTATUS_SPIE)
    handler.set_word(s.MSTATUS, kept)
    previous = handler.op("and", handler.op("lshr", status, 8), 1)
    handler.set_word(s.PRIVILEGE, previous)
    handler.set_word(s.CHAIN_RETURN_AT, _now(handler))
    _enter_context(handler, handler.word(s.SEPC))
    return _finish(handler)


def _sfence() -> str:
    """Nothing to do but the check: caches follow memory by themselves."""
    handler = _start("do_sfence_vma")
    handler.require(handler.compare("ne", handler.word(s.PRIVILEGE), s.USER), "slow")
    trapped = handler.op("and", handler.word(s.MSTATUS), MSTATUS_TVM)
    handler.require(handler.compare("eq", trapped, 0), "slow")
    _next(handler)
    return _finish(handler)


def system_handlers() -> dict[str, str]:
    """Name and text of every handler here."""
    return {
        "do_csr_read": _csr_read(),
        "do_csr_swap": _csr_swap("do_csr_swap", 0),
        "do_csr_swap_epc": _csr_swap("do_csr_swap_epc", 1),
        "do_csr_time": _csr_time(),
        "do_csr_swap_satp": _csr_swap_satp(),
        "do_ecall": _ecall(),
        "do_sret": _sret(),
        "do_sfence_vma": _sfence(),
    }
