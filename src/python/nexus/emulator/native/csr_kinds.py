"""The kinds of registers as generated code accesses them: how each is read, written and checked."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Final

from nexus.emulator.reference import state as s
from nexus.emulator.reference.csr import (
    CSRS,
    ENVIRONMENT,
    INTERRUPTS,
    MEDELEG_WRITABLE,
    SUPERVISOR_INTERRUPTS,
)

# How to go on after a write.
NEXT: Final = """
slot += 32
dispatch()
"""
# An interrupt may be due.
_ATTEND: Final = """
if unlikely(pending()):
    state[PC] = pc() + 4
    become(attend)
slot += 32
dispatch()
"""
# Another bank may be the right one.
_SWITCH: Final = """
state[PC] = pc() + 4
become(attend)
"""
_STATUS: Final = """
changed = (before ^ state[MSTATUS]) & (MSTATUS_MPRV | MSTATUS_MPP | MSTATUS_SUM | MSTATUS_MXR)
if changed or pending():
    state[PC] = pc() + 4
    become(attend)
slot += 32
dispatch()
"""
# Banks belong to no mode if protection has changed.
_PROTECT: Final = """
if changed:
    state[PC] = pc() + 4
    become(attend)
slot += 32
dispatch()
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """Registers that are accessed alike.

    `read` is an expression; `write` are statements that store `new`, empty if the reference does
    it; `kept` is the value that csrrs and csrrc change; the access must pass `check` first.
    """

    read: str
    write: str = ""
    after: str = NEXT
    check: str = ""
    kept: str = "old"


_INDEX: Final = "u32[slot + SLOT_IMM] & 255"
_WORD: Final = f"state[{_INDEX}]"


def _counter(bit: int) -> str:
    return f"if not counts({bit}):\n    become(illegal)\n"


_NEAR_THE_END: Final = """
if clock(left) >= TIMER_NEVER - CLOCK_NEAR:
    become(slow)
"""

_FLOAT: Final = """
if state[MSTATUS] & MSTATUS_FS == 0:
    become(illegal)
"""
_DIRTY: Final = "state[MSTATUS] |= MSTATUS_FS | MSTATUS_SD"

KINDS: Final = {
    "plain": Kind(_WORD, f"{_WORD} = new"),
    "stored": Kind(_WORD),
    "pmpcfg": Kind(_WORD, f"changed = write_pmpcfg({_INDEX}, new)", _PROTECT),
    "pmpaddr": Kind(_WORD, f"changed = write_pmpaddr({_INDEX}, new)", _PROTECT),
    "epc": Kind(_WORD, f"{_WORD} = new & ~1"),
    "enables": Kind(_WORD, f"{_WORD} = new & COUNTERS"),
    "vector": Kind(_WORD, f"if (new & 3) < 2:\n    {_WORD} = new"),
    # The writable bits are beside the index.
    "masked": Kind(_WORD, f"{_WORD} = new & u32[slot + SLOT_IMM] >> 8", _ATTEND),
    "sie": Kind(
        "state[MIE] & state[MIDELEG]",
        "state[MIE] = state[MIE] & ~state[MIDELEG] | new & state[MIDELEG]",
        _ATTEND,
    ),
    "mip": Kind(
        "state[MIP_SOFT] | state[MIP_LINE]",
        """
        owned = STIP if state[MENVCFG] & MENVCFG_STCE else 0
        state[MIP_SOFT] = new & SUPERVISOR_INTERRUPTS & ~owned
        """,
        _ATTEND,
        kept="state[MIP_SOFT]",
    ),
    "sip": Kind(
        "(state[MIP_SOFT] | state[MIP_LINE]) & state[MIDELEG]",
        """
        writable = state[MIDELEG] & 2
        state[MIP_SOFT] = state[MIP_SOFT] & ~writable | new & writable
        """,
        _ATTEND,
    ),
    "sstatus": Kind(
        "state[MSTATUS] & SSTATUS_VISIBLE",
        """
        before = state[MSTATUS]
        write_status(new, SSTATUS_WRITABLE)
        """,
        _STATUS,
    ),
    "mstatus": Kind(
        "state[MSTATUS]",
        """
        before = state[MSTATUS]
        if (new >> 11 & 3) == 2:
            new = new & ~MSTATUS_MPP | before & MSTATUS_MPP
        write_status(new, MSTATUS_WRITABLE)
        """,
        _STATUS,
    ),
    "satp": Kind(
        "state[SATP]",
        """
        wanted = new >> 60
        if wanted == SATP_SV48 and not state[EXTENSIONS] & HAS_SV48:
            wanted = 15
        if wanted == 0 or wanted == SATP_SV39 or wanted == SATP_SV48:
            state[SATP] = new
        """,
        _SWITCH,
        """
        if state[PRIVILEGE] == SUPERVISOR and state[MSTATUS] & MSTATUS_TVM:
            become(illegal)
        """,
    ),
    "stimecmp": Kind(
        "state[STIMECMP]",
        "state[STIMECMP] = new\nleft = timers(left) + 1",
        _ATTEND,
        """
        if state[PRIVILEGE] != MACHINE:
            if not (state[MENVCFG] & MENVCFG_STCE and state[MCOUNTEREN] & 2):
                become(illegal)
        """
        + textwrap.indent(_NEAR_THE_END, "        "),
    ),
    "cycle": Kind("state[TICKS_END] - left + state[CYCLE_OFFSET]", check=_counter(0)),
    "time": Kind("clock(left)", check=_counter(1)),
    "instret": Kind(
        "state[TICKS_END] - state[IDLE] - left + state[INSTRET_OFFSET]", check=_counter(2)
    ),
    "mcycle": Kind("state[TICKS_END] - left + state[CYCLE_OFFSET]"),
    "minstret": Kind("state[TICKS_END] - state[IDLE] - left + state[INSTRET_OFFSET]"),
    "zero": Kind("0"),
    "misa": Kind("state[MISA]"),
    "hart": Kind("state[HART]"),
    "fflags": Kind(
        "state[FCSR] & 31", "state[FCSR] = state[FCSR] & ~31 | new & 31\n" + _DIRTY, check=_FLOAT
    ),
    "frm": Kind(
        "state[FCSR] >> 5",
        "state[FCSR] = state[FCSR] & 31 | (new & 7) << 5\n" + _DIRTY,
        check=_FLOAT,
    ),
    "fcsr": Kind("state[FCSR]", "state[FCSR] = new & 255\n" + _DIRTY, check=_FLOAT),
}

# Register -> its kind, and what its slots hold as an immediate.
REGISTERS: Final[dict[int, tuple[str, int]]] = {
    0x001: ("fflags", 0),
    0x002: ("frm", 0),
    0x003: ("fcsr", 0),
    0x100: ("sstatus", 0),
    0x104: ("sie", 0),
    0x105: ("vector", s.STVEC),
    0x106: ("enables", s.SCOUNTEREN),
    0x10A: ("masked", ENVIRONMENT << 8 | s.SENVCFG),
    0x140: ("plain", s.SSCRATCH),
    0x141: ("epc", s.SEPC),
    0x142: ("plain", s.SCAUSE),
    0x143: ("plain", s.STVAL),
    0x144: ("sip", 0),
    0x14D: ("stimecmp", 0),
    0x180: ("satp", 0),
    0x300: ("mstatus", 0),
    0x301: ("misa", 0),
    0x302: ("masked", MEDELEG_WRITABLE << 8 | s.MEDELEG),
    0x303: ("masked", SUPERVISOR_INTERRUPTS << 8 | s.MIDELEG),
    0x304: ("masked", INTERRUPTS << 8 | s.MIE),
    0x305: ("vector", s.MTVEC),
    0x306: ("enables", s.MCOUNTEREN),
    0x30A: ("stored", s.MENVCFG),
    0x340: ("plain", s.MSCRATCH),
    0x341: ("epc", s.MEPC),
    0x342: ("plain", s.MCAUSE),
    0x343: ("plain", s.MTVAL),
    0x344: ("mip", 0),
    0x3A0: ("pmpcfg", s.PMPCFG0),
    0x3A2: ("pmpcfg", s.PMPCFG2),
    **{0x3B0 + i: ("pmpaddr", s.PMPADDR0 + i) for i in range(s.PMPADDR_COUNT)},
    0xB00: ("mcycle", 0),
    0xB02: ("minstret", 0),
    0xC00: ("cycle", 0),
    0xC01: ("time", 0),
    0xC02: ("instret", 0),
    **dict.fromkeys((0xF11, 0xF12, 0xF13, 0xF15), ("zero", 0)),
    0xF14: ("hart", 0),
}
assert REGISTERS.keys() <= CSRS.keys()
