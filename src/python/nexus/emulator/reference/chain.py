"""Notices traps that lead nowhere: a handler that faults, a fault that comes back for ever.

A *chain* is a sequence of synchronous traps between which the guest gets nothing done: after a
trap no handler has returned, or it has returned to an instruction that traps at once.  Every
engine counts the chain in the same state words, by `note_trap` and `note_return`; only when it has
become long the reference looks at it, trap by trap, for stretches of `WINDOW` traps.

The hart is stuck, for good, if in a chain

- everything repeats: the registers, csrs and memory of two traps are the same, and nothing from
  outside (interrupt, device, clock, network) could have made a difference in between.  If only an
  interrupt could, the chain must be `PATIENT` traps long, and no system call: a kernel may repeat
  one until something happens; or
- everything repeats but the stack pointer, and what moves with it: a handler that faults while it
  saves registers, or after it did, calls itself until there is no memory left; or
- it is `ENDLESS` traps long, and the last one is not a system call.

All of it is a function of the guest's own steps, so every engine stops at the same one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from nexus.core.record import dataclass
from nexus.emulator.memory import Ram
from nexus.emulator.reference import state as s
from nexus.emulator.reference.trap import Cause

# Longer than what firmware does in a row to find out which registers there are.
LOOKS: Final = (s.CHAIN_LOOK_FIRST, 1 << 9, 1 << 12, 1 << 15)
# Longer than handlers of interrupts, which could change something, are kept waiting.
PATIENT: Final = LOOKS[2]
# More than the words that an exhaustive test of 16-bit instructions tries without returning.
ENDLESS: Final = 1 << 17
# How many traps are looked at in a row: loops over a few handlers show, and it is soon over.
WINDOW: Final = 64
# Handlers that take longer than this many ticks between two traps do something.
WINDOW_TICKS: Final = 1 << 16
# So often the same except for the stack pointer: no program does that on purpose.
NEAR_MAX: Final = 8
# CHAIN_LOOK of a hart that was stuck before others went on; a count that is never reached.
DOUBTED: Final = 1 << 62
# Hashing memory takes a while; a loop that writes something new each time is not worth more.
_TRIES_MAX: Final = 4

# How what comes next could change: bits of ANCHOR_OPEN.
_FROM_OUTSIDE: Final = 1
_BY_INTERRUPT: Final = 2

_M64: Final = (1 << 64) - 1
_SP: Final = 2
_COMPARED: Final = (*range(1, 32), s.MTVAL, s.STVAL, s.MSCRATCH, s.SSCRATCH)
_REST: Final = tuple(
    index
    for index in (
        s.PC,
        s.PRIVILEGE,
        *range(s.MSTATUS, s.VISIBLE_WORDS),
        *range(s.F0, s.F0 + s.FLOAT_WORDS),
    )
    if index not in _COMPARED
)
_PACKED: Final = struct.Struct(f"<{len(_REST)}Q")
_CALLS_FROM_BELOW: Final = (Cause.ECALL_FROM_USER, Cause.ECALL_FROM_USER + s.SUPERVISOR)


@dataclass(frozen=True, slots=True)
class Trap:
    """One synchronous trap."""

    pc: int
    cause: int
    value: int
    privilege: int  # The privilege of the code that trapped.


@dataclass(frozen=True, slots=True)
class TrapLoop:
    """The reason why a hart is stuck."""

    first: Trap
    last: Trap
    count: int


def note_return(state: s.State, now: int) -> None:
    """`mret` or `sret` was executed, at tick `now`."""
    state[s.CHAIN_RETURN_AT] = now


def note_trap(state: s.State, now: int) -> None:
    """A synchronous trap has been entered, by an instruction at tick `now`."""
    returned_at = state[s.CHAIN_RETURN_AT]
    if returned_at > state[s.CHAIN_TRAP_AT] and now != returned_at + 1:
        state[s.CHAIN_COUNT] = 0  # Something was executed after the handler had returned.
    state[s.CHAIN_COUNT] += 1
    state[s.CHAIN_TRAP_AT] = now
    if state[s.CHAIN_COUNT] == 1:
        state[s.CHAIN_LOOK] = s.CHAIN_LOOK_FIRST
        trap = last_trap(state)
        state[s.CHAIN_PC], state[s.CHAIN_CAUSE] = trap.pc, trap.cause
        state[s.CHAIN_VALUE], state[s.CHAIN_MODE] = trap.value, trap.privilege


def last_trap(state: s.State) -> Trap:
    """The trap whose handler has just been entered."""
    status = state[s.MSTATUS]
    if state[s.PRIVILEGE] == s.MACHINE:
        return Trap(state[s.MEPC], state[s.MCAUSE], state[s.MTVAL], status >> 11 & 3)
    return Trap(state[s.SEPC], state[s.SCAUSE], state[s.STVAL], status >> 8 & 1)


def is_long(state: s.State) -> bool:
    """Whether the chain is one to look at."""
    return state[s.CHAIN_COUNT] >= state[s.CHAIN_LOOK] > 0


def is_watched(state: s.State, now: int) -> bool:
    """Whether the reference has to execute the present stretch, so that it sees device reads."""
    return is_long(state) and now - state[s.ANCHOR_AT] <= WINDOW_TICKS


def look(state: s.State, ram: Ram, is_connected: Callable[[], bool]) -> None:
    """Look at the trap that was just noted; what is found is in CHAIN_LOOK.

    `is_connected` says whether a network could write to memory.
    """
    count, window = state[s.CHAIN_COUNT], state[s.CHAIN_LOOK]
    now = state[s.CHAIN_TRAP_AT]
    if count >= ENDLESS:
        is_call = last_trap(state).cause in _CALLS_FROM_BELOW
        state[s.CHAIN_LOOK] = count + 1 if is_call else 0
    elif count == window:
        _set_anchor(state, now)
    elif count >= window + WINDOW or now - state[s.ANCHOR_AT] > WINDOW_TICKS:
        state[s.CHAIN_LOOK] = next((following for following in LOOKS if following > count), ENDLESS)
    elif _is_repetition(state, ram, is_connected):
        state[s.CHAIN_LOOK] = 0


def disturbed(state: s.State) -> None:
    """Something was read that may change by itself, or an interrupt was let in."""
    state[s.ANCHOR_OPEN] |= _FROM_OUTSIDE


def loop_of(state: s.State) -> TrapLoop | None:
    """The loop in which the hart is stuck, or was when it was looked at last; None if in none."""
    if state[s.CHAIN_LOOK] not in (0, DOUBTED):
        return None
    first = Trap(*(state[s.CHAIN_PC + number] for number in range(4)))
    return TrapLoop(first, last_trap(state), state[s.CHAIN_COUNT])


def _set_anchor(state: s.State, now: int) -> None:
    state[s.ANCHOR_AT] = now
    state[s.ANCHOR_REST] = _hash_rest(state)
    for word in (s.ANCHOR_MEMORY, s.ANCHOR_TRIES, s.ANCHOR_NEAR, s.ANCHOR_OPEN):
        state[word] = 0
    for place, index in enumerate(_COMPARED, s.ANCHOR_WORDS):
        state[place] = state[index]


def _is_repetition(state: s.State, ram: Ram, is_connected: Callable[[], bool]) -> bool:
    """Whether the hart is again where it was at the anchor."""
    trap = last_trap(state)
    is_call = trap.cause in _CALLS_FROM_BELOW
    if is_call and is_connected():
        state[s.ANCHOR_OPEN] |= _FROM_OUTSIDE
    if _interrupts_before(state, trap.privilege):
        state[s.ANCHOR_OPEN] |= _BY_INTERRUPT
    if _hash_rest(state) != state[s.ANCHOR_REST]:
        return False
    moved = {
        state[index] - state[place] & _M64 for place, index in enumerate(_COMPARED, s.ANCHOR_WORDS)
    }
    if moved == {0}:
        may_change = _BY_INTERRUPT if state[s.CHAIN_COUNT] >= PATIENT and not is_call else 0
        return not state[s.ANCHOR_OPEN] & ~may_change and _is_memory_the_same(state, ram)
    stack = state[_SP] - state[s.ANCHOR_WORDS + _SP - 1] & _M64
    if stack and moved <= {0, stack}:
        state[s.ANCHOR_NEAR] += 1
    return state[s.ANCHOR_NEAR] >= NEAR_MAX


def _is_memory_the_same(state: s.State, ram: Ram) -> bool:
    if state[s.ANCHOR_TRIES] >= _TRIES_MAX:
        return False
    state[s.ANCHOR_TRIES] += 1
    from hashlib import blake2b  # Loads OpenSSL: 2 ms.

    digest = blake2b(ram.buffer, digest_size=8).digest()
    found, before = int.from_bytes(digest, "little"), state[s.ANCHOR_MEMORY]
    state[s.ANCHOR_MEMORY] = found
    return found == before


def _interrupts_before(state: s.State, privilege: int) -> int:
    """The interrupts that could have been taken where the trapped instruction was."""
    status, enabled, delegated = state[s.MSTATUS], state[s.MIE], state[s.MIDELEG]
    is_machine = state[s.PRIVILEGE] == s.MACHINE
    machine = privilege < s.MACHINE or status >> 7 & 1  # MPIE: what MIE was.
    sie = status >> (1 if is_machine else 5) & 1
    supervisor = privilege < s.SUPERVISOR or (privilege == s.SUPERVISOR and sie)
    return (enabled & ~delegated if machine else 0) | (enabled & delegated if supervisor else 0)


def _hash_rest(state: s.State) -> int:
    packed = _PACKED.pack(*(state[index] for index in _REST))
    from hashlib import blake2b  # Loads OpenSSL: 2 ms.

    return int.from_bytes(blake2b(packed, digest_size=8).digest(), "little")
