"""Generated code for accesses that no window covers: faults, devices, two pages at a time."""

from __future__ import annotations

from typing import Final

from nexus.emulator.native.constants import CONSTANTS
from nexus.emulator.native.routine import handlers, routines

# A miss opens a window and executes the slot again, or does what cannot be done through a window.
_MISSES: Final = """
def load_miss():
    address = state[ACCESS]
    length = state[ACCESS_LAST] - address + 1
    if unlikely(state[WATCH_COUNT]) and watched(address, state[ACCESS_LAST], WATCH_READ):
        become(slow)
    if (address & 4095) + length > 4096:
        become(load_across)
    offset = translate(address, MMU_LOAD, length)
    if lts(offset, 0):
        if offset == OUTSIDE and not state[ACCESS_SHAPE] & SHAPE_ATOMIC:
            become(load_device)
        state[PC] = pc()
        cause = CAUSE_LOAD_PAGE if offset == REFUSED_PAGE else CAUSE_LOAD_ACCESS
        enter_trap(cause, address, left)
        become(after_trap)
    window = bank + (address >> 12 & TLB_ENTRIES - 1) * WINDOWS_BYTES
    host = state[RAM_HOST] + (offset & ~4095)
    if unlikely(state[WATCH_COUNT]):
        spare_watched(address, WATCH_READ)
    set_window(window, address & ~4095, host, state[LOW], state[HIGH])
    dispatch()

def store_miss():
    address = state[ACCESS]
    length = state[ACCESS_LAST] - address + 1
    # Atomics read through a store's window, so that it is closed to whatever is watched.
    if unlikely(state[WATCH_COUNT]) and watched(address, state[ACCESS_LAST], WATCH_ANY):
        become(slow)
    if (address & 4095) + length > 4096:
        become(store_across)
    offset = translate(address, MMU_STORE, length)
    if lts(offset, 0):
        if offset == OUTSIDE and not state[ACCESS_SHAPE] & SHAPE_ATOMIC:
            become(store_device)
        state[PC] = pc()
        cause = CAUSE_STORE_PAGE if offset == REFUSED_PAGE else CAUSE_STORE_ACCESS
        enter_trap(cause, address, left)
        become(after_trap)
    if unlikely(state[PMP_OPEN] != 3) and not readable(offset, length):
        become(store_once)
    first = offset & 4095
    here = slot - page >> 3
    if u64[record_of(offset)] == page and here < first + length:
        if here + (state[ACCESS_SHAPE] & SHAPE_LENGTH) > first:
            become(store_once)
    dropped = release(offset, length)
    if dropped == REFUSED_PAGE:
        become(store_over_region)
    if dropped:
        bank = switch_context()
    if unlikely(state[WATCH_COUNT]):
        spare_watched(address, WATCH_ANY)
    low = max(state[LOW], free_below(offset))
    high = min(state[HIGH], free_above(offset + length - 1))
    if unlikely(low > first or high < first + length):
        become(slow)
    window = bank + (address >> 12 & TLB_ENTRIES - 1) * WINDOWS_BYTES + STORE_WINDOW
    set_window(window, address & ~4095, state[RAM_HOST] + (offset & ~4095), low, high)
    note_window(offset, window)
    dispatch()

def store_once():
    # A store that opens no window: it changes its own instruction, or where loads are refused.
    if state[ACCESS_SHAPE] & SHAPE_ATOMIC:
        become(slow)
    address = state[ACCESS]
    length = state[ACCESS_LAST] - address + 1
    offset = translate(address, MMU_STORE, length)
    dropped = release(offset, length)
    if dropped == REFUSED_PAGE:
        become(store_over_region)
    if dropped:
        bank = switch_context()
    put(state[RAM_HOST] + offset, state[u8[slot + SLOT_RS2]], length)
    become(finish)

def store_over_region():
    # Python knows what belongs to the HIGH bytes from LOW on, of page FRESH_PAGE.
    state[PC] = pc()
    state[LEFT] = left
    state[WHY] = EXIT_REGION
    leave()
"""

# An access across the end of a page has two parts, each with its own translation and fault.
_ACROSS: Final = """
def load_across():
    address = state[ACCESS]
    length = state[ACCESS_LAST] - address + 1
    first = 4096 - (address & 4095)
    where = address
    low = translate(where, MMU_LOAD, first)
    high = 0
    if ges(low, 0):
        where = address + first
        high = translate(where, MMU_LOAD, length - first)
    if lts(low | high, 0):
        state[PC] = pc()
        is_page = low == REFUSED_PAGE if lts(low, 0) else high == REFUSED_PAGE
        enter_trap(CAUSE_LOAD_PAGE if is_page else CAUSE_LOAD_ACCESS, where, left)
        become(after_trap)
    value = get(state[RAM_HOST] + high, length - first) << 8 * first
    state[RESULT] = value | get(state[RAM_HOST] + low, first)
    become(finish_load)

def store_across():
    address = state[ACCESS]
    length = state[ACCESS_LAST] - address + 1
    first = 4096 - (address & 4095)
    where = address
    low = translate(where, MMU_STORE, first)
    high = 0
    if ges(low, 0):
        where = address + first
        high = translate(where, MMU_STORE, length - first)
    if lts(low | high, 0):
        state[PC] = pc()
        is_page = low == REFUSED_PAGE if lts(low, 0) else high == REFUSED_PAGE
        enter_trap(CAUSE_STORE_PAGE if is_page else CAUSE_STORE_ACCESS, where, left)
        become(after_trap)
    dropped = release(low, first)
    also = release(high, length - first)
    if lts(dropped | also, 0):
        become(store_over_region)
    if dropped | also:
        bank = switch_context()
    value = state[u8[slot + SLOT_RS2]]
    put(state[RAM_HOST] + low, value, first)
    put(state[RAM_HOST] + high, value >> 8 * first, length - first)
    become(finish)

def finish_load():
    shape = state[ACCESS_SHAPE]
    value = state[RESULT]
    if shape & SHAPE_SIGNED:
        unused = 63 - 8 * (state[ACCESS_LAST] - state[ACCESS])
        unused -= 7
        value = sra(value << unused, unused)
    if shape & SHAPE_BOXED:
        value = box(value)
    state[u8[slot + SLOT_RD]] = value
    left -= 1
    slot += 8 * (shape & SHAPE_LENGTH)
    dispatch()

def finish():
    left -= 1
    slot += 8 * (state[ACCESS_SHAPE] & SHAPE_LENGTH)
    dispatch()
"""

_BYTES: Final = """
def readable(offset, length):
    # Whether protection lets loads go where a store goes: translated loads use windows of stores.
    privilege = state[PRIVILEGE]
    if state[MSTATUS] & MSTATUS_MPRV:
        privilege = state[MSTATUS] >> 11 & 3
    return protected(RAM_BASE + offset, MMU_LOAD, length, privilege)

def get(place, length):
    value = 0
    while length:
        length -= 1
        value = value << 8 | u8[place + length]
    return value

def put(place, value, length):
    while length:
        u8[place] = value
        value = value >> 8
        place += 1
        length -= 1
    return 0
"""


def memory_handlers() -> dict[str, str]:
    """Name and text of every handler here."""
    return handlers(_MISSES + _ACROSS, CONSTANTS)


def functions() -> list[str]:
    """Everything about memory."""
    return [*memory_handlers().values(), *routines(_BYTES, CONSTANTS)]
