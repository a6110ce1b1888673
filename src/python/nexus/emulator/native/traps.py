"""Generated code for traps, interrupts and returns: the rules of `reference/trap.py`."""

from __future__ import annotations

from typing import Final

from nexus.emulator.native.constants import CONSTANTS
from nexus.emulator.native.routine import handlers, routines

_ENTRY: Final = """
def enter_trap(cause, value, left):
    # A synchronous trap, of the step that begins with so many left.
    if unlikely(state[REPORTS]):
        return 0
    enter_handler(cause, value, state[MEDELEG] >> cause & 1)
    note_trap(state[TICKS_END] - left)
    return 0

def note_trap(now):
    # See `reference/chain.py`.
    returned = state[CHAIN_RETURN_AT]
    if returned > state[CHAIN_TRAP_AT] and now != returned + 1:
        state[CHAIN_COUNT] = 0
    state[CHAIN_COUNT] += 1
    state[CHAIN_TRAP_AT] = now
    if state[CHAIN_COUNT] == 1:
        state[CHAIN_LOOK] = CHAIN_LOOK_FIRST
        is_machine = state[PRIVILEGE] == MACHINE
        state[CHAIN_PC] = state[MEPC if is_machine else SEPC]
        state[CHAIN_CAUSE] = state[MCAUSE if is_machine else SCAUSE]
        state[CHAIN_VALUE] = state[MTVAL if is_machine else STVAL]
        status = state[MSTATUS]
        state[CHAIN_MODE] = status >> 11 & 3 if is_machine else status >> 8 & 1
    return 0

def enter_handler(cause, value, delegated):
    privilege = state[PRIVILEGE]
    status = state[MSTATUS]
    if delegated and privilege <= SUPERVISOR:
        state[SCAUSE] = cause
        state[SEPC] = state[PC]
        state[STVAL] = value
        status = status & ~(MSTATUS_SPP | MSTATUS_SPIE) | privilege << 8
        status |= (status & MSTATUS_SIE) << 4
        state[MSTATUS] = status & ~MSTATUS_SIE
        state[PRIVILEGE] = SUPERVISOR
        vector = state[STVEC]
    else:
        state[MCAUSE] = cause
        state[MEPC] = state[PC]
        state[MTVAL] = value
        status = status & ~(MSTATUS_MPP | MSTATUS_MPIE) | privilege << 11
        status |= (status & MSTATUS_MIE) << 4
        state[MSTATUS] = status & ~MSTATUS_MIE
        state[PRIVILEGE] = MACHINE
        vector = state[MTVEC]
    start = vector & ~3
    if vector & 1 and cause >= INTERRUPT:
        start += 4 * (cause & 63)
    state[PC] = start
    return 0

def pending():
    # Interrupts that could be due, whatever the mode.
    return (state[MIP_SOFT] | state[MIP_LINE]) & state[MIE]

def interrupt(waiting):
    # Take the interrupt of these that is due, if one is.
    privilege = state[PRIVILEGE]
    status = state[MSTATUS]
    delegated = state[MIDELEG]
    chosen = 0
    if privilege < MACHINE or status & MSTATUS_MIE:
        chosen = waiting & ~delegated
    if not chosen:
        if privilege < SUPERVISOR or (privilege == SUPERVISOR and status & MSTATUS_SIE):
            chosen = waiting & delegated
    if chosen:
        code = first_of(chosen)
        enter_handler(INTERRUPT | code, 0, delegated >> code & 1)
    return 0

def first_of(chosen):
    # The code that comes first in the order of INTERRUPT_PRIORITY.
    if chosen >> 11 & 1:
        return 11
    if chosen >> 3 & 1:
        return 3
    if chosen >> 7 & 1:
        return 7
    if chosen >> 9 & 1:
        return 9
    return 1 if chosen >> 1 & 1 else 5
"""

# `left` has been counted down and pc written when `attend` begins.
_HANDLERS: Final = """
def attend():
    # Mode, enable bits or pending bits may have changed: go on as they say.
    waiting = pending()
    if waiting:
        if unlikely(state[REPORTS]):
            state[LEFT] = left
            state[WHY] = EXIT_ATTEND
            leave()
        interrupt(waiting)
    bank = switch_context()
    go(state[PC])

def misaligned_load():
    state[PC] = pc()
    enter_trap(CAUSE_LOAD_MISALIGNED, state[ACCESS], left)
    become(after_trap)

def misaligned_store():
    state[PC] = pc()
    enter_trap(CAUSE_STORE_MISALIGNED, state[ACCESS], left)
    become(after_trap)

def illegal():
    # The instruction in the slot is not permitted as things are.
    if lts(left, 1):
        become(out_of_steps)
    place = slot - page >> 3
    word = u16[u64[page + TAIL_RAM] + place]
    if word & 3 == 3:
        if place == 4094:
            become(slow)
        word = u32[u64[page + TAIL_RAM] + place]
    state[PC] = pc()
    enter_trap(CAUSE_ILLEGAL_INSTRUCTION, word, left)
    become(after_trap)

def float_off():
    # Floating-point registers are off; or they are clean, and the reference executes what may
    # leave them so.
    if state[MSTATUS] & MSTATUS_FS == 0:
        become(illegal)
    become(slow)

def float_clean():
    # The same for a computation that writes one: they become dirty, unless it could still trap.
    if state[MSTATUS] & MSTATUS_FS == 0:
        become(illegal)
    place = slot - page >> 3
    if place == 4094:
        become(slow)
    mode = u32[u64[page + TAIL_RAM] + place] >> 12 & 7
    if mode == 7:
        mode = state[FCSR] >> 5
    if mode > 4:
        become(slow)
    state[MSTATUS] |= MSTATUS_FS | MSTATUS_SD
    dispatch()

def do_ecall():
    if lts(left, 1):
        become(out_of_steps)
    state[PC] = pc()
    enter_trap(CAUSE_ECALL_FROM_USER + state[PRIVILEGE], 0, left)
    become(after_trap)

def do_ebreak_4():
    if lts(left, 1):
        become(out_of_steps)
    state[PC] = pc()
    enter_trap(CAUSE_BREAKPOINT, 0, left)
    become(after_trap)

def do_ebreak_2():
    become(do_ebreak_4)

def do_sret():
    if lts(left, 1):
        become(out_of_steps)
    status = state[MSTATUS]
    privilege = state[PRIVILEGE]
    if privilege == USER or (privilege == SUPERVISOR and status & MSTATUS_TSR):
        become(illegal)
    kept = status & ~(MSTATUS_MPRV | MSTATUS_SIE | MSTATUS_SPP)
    state[MSTATUS] = kept | (status & MSTATUS_SPIE) >> 4 | MSTATUS_SPIE
    state[PRIVILEGE] = status >> 8 & 1
    state[PC] = state[SEPC]
    state[CHAIN_RETURN_AT] = state[TICKS_END] - left
    left -= 1
    become(attend)

def do_mret():
    if lts(left, 1):
        become(out_of_steps)
    status = state[MSTATUS]
    previous = status >> 11 & 3
    if state[PRIVILEGE] != MACHINE or (previous != MACHINE and state[PMP_COUNT] == 0):
        become(illegal)
    if previous != MACHINE:
        status = status & ~MSTATUS_MPRV
    kept = status & ~(MSTATUS_MIE | MSTATUS_MPP)
    state[MSTATUS] = kept | (status & MSTATUS_MPIE) >> 4 | MSTATUS_MPIE
    state[PRIVILEGE] = previous
    state[PC] = state[MEPC]
    state[CHAIN_RETURN_AT] = state[TICKS_END] - left
    left -= 1
    become(attend)

def do_sfence_vma():
    # Nothing to do but the check: caches follow memory by themselves.
    if lts(left, 1):
        become(out_of_steps)
    privilege = state[PRIVILEGE]
    if privilege == USER or (privilege == SUPERVISOR and state[MSTATUS] & MSTATUS_TVM):
        become(illegal)
    left -= 1
    slot += 32
    dispatch()
"""


def trap_handlers() -> dict[str, str]:
    """Name and text of every handler here."""
    return handlers(_HANDLERS, CONSTANTS)


def trap_routines() -> list[str]:
    """Return the routines that handlers of traps call."""
    return routines(_ENTRY, CONSTANTS)
