"""Handlers of csr accesses: one for each kind of register and way to access it.

The rules are those of `reference/csr.py`; what is not listed here is left to it.
"""

from __future__ import annotations

import textwrap
from typing import Final

from nexus.emulator.native.constants import CONSTANTS
from nexus.emulator.native.csr_kinds import KINDS, NEXT, Kind
from nexus.emulator.native.routine import handlers, routines

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
        "if state[PRIVILEGE] < u8[slot + SLOT_RS2]:\n    become(illegal)",
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
    lines.append(NEXT if access == "read" else kind.after)
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
    """Return the routines of the clocks, which system handlers call."""
    return routines(_CLOCKS, CONSTANTS)
