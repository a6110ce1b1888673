"""Handlers of csr accesses: one for each kind of register and way to access it.

The rules are those of `reference/csr.py`; what is not listed here, or not permitted, is left to it.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Final

from nexus.emulator.native.constants import CONSTANTS
from nexus.emulator.native.routine import handlers, routines
from nexus.emulator.reference import state as s
from nexus.emulator.reference.csr import (
    CSRS,
    ENVIRONMENT,
    INTERRUPTS,
    MEDELEG_WRITABLE,
    SUPERVISOR_INTERRUPTS,
)

# How to go on after a write.
_NEXT: Final = """
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


@dataclass(frozen=True, slots=True)
class Kind:
    """Registers that are accessed alike.

    `read` is an expression; `write` are statements that store `new`, empty if the reference does
    it; `kept` is the value that csrrs and csrrc change; the access must pass `check` first.
    """

    read: str
    write: str = ""
    after: str = _NEXT
    check: str = ""
    kept: str = "old"


_WORD: Final = "state[u32[slot + SLOT_IMM] & 255]"


def _counter(bit: int) -> str:
    return f"if not counts({bit}):\n    become(slow)\n"


_NEAR_THE_END: Final = """
if clock(left) >= TIMER_NEVER - CLOCK_NEAR:
    become(slow)
"""

_FLOAT: Final = """
if state[MSTATUS] & MSTATUS_FS == 0:
    become(slow)
"""
_DIRTY: Final = "state[MSTATUS] |= MSTATUS_FS | MSTATUS_SD"

KINDS: Final = {
    "plain": Kind(_WORD, f"{_WORD} = new"),
    "stored": Kind(_WORD),
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
        "if new >> 60 == 0 or new >> 60 == SATP_SV39:\n    state[SATP] = new",
        _SWITCH,
        """
        if state[PRIVILEGE] == SUPERVISOR and state[MSTATUS] & MSTATUS_TVM:
            become(slow)
        """,
    ),
    "stimecmp": Kind(
        "state[STIMECMP]",
        "state[STIMECMP] = new\nleft = timers(left) + 1",
        _ATTEND,
        """
        if state[PRIVILEGE] != MACHINE:
            if not (state[MENVCFG] & MENVCFG_STCE and state[MCOUNTEREN] & 2):
                become(slow)
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
    0x3A0: ("stored", s.PMPCFG0),
    0x3A2: ("stored", s.PMPCFG2),
    **{0x3B0 + i: ("stored", s.PMPADDR0 + i) for i in range(s.PMPADDR_COUNT)},
    0xB00: ("mcycle", 0),
    0xB02: ("minstret", 0),
    0xC00: ("cycle", 0),
    0xC01: ("time", 0),
    0xC02: ("instret", 0),
    **dict.fromkeys(range(0xF11, 0xF16), ("zero", 0)),
}
assert REGISTERS.keys() <= CSRS.keys()

_OPERANDS: Final = {"": "state[u8[slot + SLOT_RS1]]", "i": "u8[slot + SLOT_RS1]"}
_COMBINED: Final = {"w": "{operand}", "s": "{kept} | {operand}", "c": "{kept} & ~{operand}"}

_CLOCKS: Final = """
def counts(bit):
    # Whether the present mode may read a counter.
    privilege = state[PRIVILEGE]
    if privilege < MACHINE and not state[MCOUNTEREN] >> bit & 1:
        return 0
    return 1 if privilege != USER else state[SCOUNTEREN] >> bit & 1

def write_status(new, writable):
    # As `_write_status` of `reference/csr.py`.
    if state[EXTENSIONS] & HAS_F:
        writable |= MSTATUS_FS
    status = (state[MSTATUS] & ~writable | new & writable) & ~MSTATUS_SD
    if status & MSTATUS_FS == MSTATUS_FS:
        status |= MSTATUS_SD
    state[MSTATUS] = status
    return 0

def clock(left):
    return (state[TICKS_END] - left) // TICKS_PER_MTIME + state[MTIME_OFFSET]

def timers(left):
    # A comparator was written by the step that begins with so many left.
    #
    # Sets the lines, and shortens the budget if one goes up before its end; returns what is left
    # after the step.
    ticks = state[TICKS_END] - left
    now = clock(left)
    has_supervisor = state[MENVCFG] & MENVCFG_STCE
    machine = state[MTIMECMP]
    supervisor = state[STIMECMP]
    lines = state[MIP_LINE] & ~(MTIP | STIP)
    wait = TIMER_NEVER
    if now >= machine:
        lines |= MTIP
    elif machine != TIMER_NEVER:
        wait = machine - now
    if has_supervisor:
        if now >= supervisor:
            lines |= STIP
        elif supervisor != TIMER_NEVER:
            wait = min(wait, supervisor - now)
    state[MIP_LINE] = lines
    left -= 1
    if wait < CLOCK_NEAR:
        allowed = (ticks // TICKS_PER_MTIME + wait) * TICKS_PER_MTIME - ticks - 1
        if allowed < left:
            state[TICKS_END] -= left - allowed
            state[CUT] += left - allowed
            left = allowed
    return left
"""


def csr_handler(kind: str, access: str) -> str:
    """The symbol of a handler; `access` is `read`, or one of w s c, with i for an immediate."""
    return f"do_csr_{kind}_{access}"


def _handler(name: str, kind: Kind, access: str) -> str:
    """The text of one handler."""
    lines = [
        "if lts(left, 1):\n    become(out_of_steps)",
        # The lowest privilege that may access the register.
        "if state[PRIVILEGE] < u8[slot + SLOT_RS2]:\n    become(slow)",
        kind.check,
        f"old = {kind.read}",
    ]
    if access != "read":
        operand = _OPERANDS[access[1:]]
        lines += [
            "new = " + _COMBINED[access[0]].format(operand=operand, kept=kind.kept),
            kind.write,
        ]
    lines += ["state[u8[slot + SLOT_RD]] = old", "left -= 1"]
    lines.append(_NEXT if access == "read" else kind.after)
    body = "\n".join(textwrap.dedent(line) for line in lines)
    return f"def {csr_handler(name, access)}():\n{textwrap.indent(body, '    ')}\n"


def csr_handlers() -> dict[str, str]:
    """Name and text of every handler here."""
    accesses = [op + suffix for op in _COMBINED for suffix in _OPERANDS]
    text = "".join(
        _handler(name, kind, access)
        for name, kind in KINDS.items()
        for access in ("read", *(accesses if kind.write else ()))
    )
    return handlers(text, CONSTANTS)


def clock_routines() -> list[str]:
    """What they call."""
    return routines(_CLOCKS, CONSTANTS)
