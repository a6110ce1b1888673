"""The interrupt controller in generated code, for a machine with one hart.

The state is that of `device/plic.py`, with its offsets, in the same words: bit sets of 32 sources,
then thresholds and priorities.  With several harts, Python drives the lines and nothing here runs.

The texts are in the language of `routine.py`; `registers.py` compiles them.
"""

from __future__ import annotations

from typing import Final

ROUTINES: Final = """
def plic_best(context, above):
    best = 0
    group = 0
    while group < PLIC_GROUPS:
        enabled = state[PLIC + PLIC_ENABLED + PLIC_GROUPS * context + group]
        waiting = state[PLIC + PLIC_PENDING + group] & enabled
        while waiting:
            source = 32 * group + ctz(waiting)
            priority = state[PLIC + PLIC_PRIORITIES + source]
            if priority > above:
                best = source
                above = priority
            waiting = waiting & waiting - 1
        group += 1
    return best

def plic_line(source, level):
    # Drive the input of a source.
    group = source >> 5
    bit = 1 << (source & 31)
    if level:
        state[PLIC + PLIC_LEVELS + group] |= bit
        state[PLIC + PLIC_PENDING + group] |= bit & ~state[PLIC + PLIC_CLAIMED + group]
    else:
        state[PLIC + PLIC_LEVELS + group] &= ~bit
        state[PLIC + PLIC_PENDING + group] &= ~bit
    plic_update()
    return 0

def plic_update():
    lines = state[MIP_LINE] & ~0xa00
    if plic_best(0, state[PLIC + PLIC_THRESHOLDS]):
        lines |= 0x800
    if plic_best(1, state[PLIC + PLIC_THRESHOLDS + 1]):
        lines |= 0x200
    state[MIP_LINE] = lines
    return 0

def plic_read(offset):
    if offset < PLIC_PENDING_OFFSET:
        if offset >= 4 * PLIC_SOURCES:
            return 0
        return state[PLIC + PLIC_PRIORITIES + (offset >> 2)]
    if offset < PLIC_ENABLED_OFFSET:
        if offset >= PLIC_PENDING_OFFSET + 4 * PLIC_GROUPS:
            return 0
        return state[PLIC + PLIC_PENDING + (offset - PLIC_PENDING_OFFSET >> 2)]
    if offset < PLIC_CONTEXT_OFFSET:
        context = offset - PLIC_ENABLED_OFFSET >> PLIC_ENABLED_SHIFT
        group = offset >> 2 & 31
        if context >= PLIC_CONTEXTS or group >= PLIC_GROUPS:
            return 0
        return state[PLIC + PLIC_ENABLED + PLIC_GROUPS * context + group]
    context = offset - PLIC_CONTEXT_OFFSET >> PLIC_CONTEXT_SHIFT
    if context >= PLIC_CONTEXTS:
        return 0
    if offset & 0xfff == 0:
        return state[PLIC + PLIC_THRESHOLDS + context]
    if offset & 0xfff != PLIC_CLAIM_OFFSET:
        return 0
    source = plic_best(context, 0)
    if source:
        bit = 1 << (source & 31)
        state[PLIC + PLIC_PENDING + (source >> 5)] &= ~bit
        state[PLIC + PLIC_CLAIMED + (source >> 5)] |= bit
        plic_update()
    return source

def plic_write(offset, value):
    if offset < PLIC_PENDING_OFFSET:
        if offset >= 4 and offset < 4 * PLIC_SOURCES:
            state[PLIC + PLIC_PRIORITIES + (offset >> 2)] = value & PLIC_PRIORITY_MAX
    elif offset < PLIC_CONTEXT_OFFSET:
        context = offset - PLIC_ENABLED_OFFSET >> PLIC_ENABLED_SHIFT
        group = offset >> 2 & 31
        if offset >= PLIC_ENABLED_OFFSET and context < PLIC_CONTEXTS and group < PLIC_GROUPS:
            enabled = value & ~1 if group == 0 else value
            state[PLIC + PLIC_ENABLED + PLIC_GROUPS * context + group] = enabled
    else:
        context = offset - PLIC_CONTEXT_OFFSET >> PLIC_CONTEXT_SHIFT
        if context < PLIC_CONTEXTS and offset & 0xfff == 0:
            state[PLIC + PLIC_THRESHOLDS + context] = value & PLIC_PRIORITY_MAX
        elif context < PLIC_CONTEXTS and offset & 0xfff == PLIC_CLAIM_OFFSET:
            plic_complete(context, value)
    plic_update()
    return 0

def plic_complete(context, source):
    if source == 0 or source >= PLIC_SOURCES:
        return 0
    group = source >> 5
    bit = 1 << (source & 31)
    if state[PLIC + PLIC_ENABLED + PLIC_GROUPS * context + group] & bit:
        state[PLIC + PLIC_CLAIMED + group] &= ~bit
        state[PLIC + PLIC_PENDING + group] |= state[PLIC + PLIC_LEVELS + group] & bit
    return 0
"""
