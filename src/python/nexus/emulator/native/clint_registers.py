"""The CLINT in generated code: msip, mtimecmp and mtime of every hart, as in `device/clint.py`.

A hart that does not have the turn keeps its words elsewhere; `hart_words` finds them.  Python does
the rest: accesses narrower than four bytes, harts that do not exist, and comparators that are set
when the clock is about to wrap.

The texts are in the language of `routine.py`; `registers.py` compiles them.
"""

from __future__ import annotations

from typing import Final

HANDLERS: Final = """
def load_clint():
    offset = state[PHYSICAL] - CLINT_BASE
    length = state[ACCESS_LAST] - state[ACCESS] + 1
    if length < 4:
        become(ask_to_load)
    shift = (offset & 4) << 3
    if offset & ~7 == CLINT_MTIME_OFFSET:
        state[RESULT] = cut(clock(left) >> shift, length)
        become(finish_load)
    if offset < CLINT_TIMER_OFFSET:
        words = hart_words(offset >> 2)
        if length != 4 or words == 0:
            become(ask_to_load)
        state[RESULT] = u64[words + 8 * MIP_LINE] >> 3 & 1
        become(finish_load)
    words = hart_words(offset - CLINT_TIMER_OFFSET >> 3)
    if words == 0:
        become(ask_to_load)
    state[RESULT] = cut(u64[words + 8 * MTIMECMP] >> shift, length)
    become(finish_load)

def store_clint():
    offset = state[PHYSICAL] - CLINT_BASE
    length = state[ACCESS_LAST] - state[ACCESS] + 1
    value = state[u8[slot + SLOT_RS2]]
    if length < 4:
        become(ask_to_store)
    next_pc = pc() + (state[ACCESS_SHAPE] & SHAPE_LENGTH)
    if offset < CLINT_TIMER_OFFSET:
        words = hart_words(offset >> 2)
        if length != 4 or words == 0:
            become(ask_to_store)
        u64[words + 8 * MIP_LINE] = u64[words + 8 * MIP_LINE] & ~8 | (value & 1) << 3
        state[PC] = next_pc
        left -= 1
        become(attend)
    number = offset - CLINT_TIMER_OFFSET >> 3
    words = hart_words(number)
    if words == 0 or clock(left) >= TIMER_NEVER - CLOCK_NEAR:
        become(ask_to_store)
    if length == 4:
        shift = (offset & 4) << 3
        value = u64[words + 8 * MTIMECMP] & ~(0xffffffff << shift) | cut(value, 4) << shift
    u64[words + 8 * MTIMECMP] = value
    if number == state[HART]:
        left = timers(left)
    else:
        left -= 1  # A hart that waits has no turn before the present one is over.
    state[PC] = next_pc
    become(attend)
"""

ROUTINES: Final = """
def hart_words(number):
    # Host address of the words of a hart; 0 if no hart has this number.
    turns = state[TURNS]
    if number == state[HART]:
        return state_address()
    if turns == 0 or number >= u64[turns + 8 * TURN_HARTS]:
        return 0
    return parked_words(turns, number)
"""
