"""Generated code that keeps what was derived from memory true: decoded code and walked tables.

A store window never covers anything remembered.  So a store that could change something misses,
comes here, and is let through when nothing depends on the bytes any more.  What is forgotten is
exactly what was derived from them: a decoded instruction, all translations of addresses, or (by
Python) the translated regions of a line.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.native.constants import CONSTANTS
from nexus.emulator.native.routine import routines

_WINDOWS: Final = """
def set_window(window, first, host, low, high):
    # Open offsets low to high of a page, whose first bytes are at these addresses.
    span = high - low
    u64[window] = first + low
    u64[window + WINDOW_ADDEND] = host - first
    u16[window + WINDOW_BOUNDS] = span
    u16[window + WINDOW_BOUNDS + 2] = span - 1 if span > 1 else 0
    u16[window + WINDOW_BOUNDS + 4] = span - 3 if span > 3 else 0
    u16[window + WINDOW_BOUNDS + 6] = span - 7 if span > 7 else 0
    return 0

def record_of(offset):
    return state[RECORDS] + (offset >> 12) * RECORD_BYTES

def revoke(offset):
    # Close every store window of a page of RAM.
    record = record_of(offset)
    only = u64[record + RECORD_STORE]
    if only == 0:
        return 0
    u64[record + RECORD_STORE] = 0
    if only != 1:
        u64[only + WINDOW_BOUNDS] = 0
        return 0
    page = state[RAM_HOST] + offset >> 12
    bank = state[BANKS]
    end = bank + BANK_COUNT * BANK_BYTES
    while bank < end:
        window = bank + STORE_WINDOW
        last = window + FETCH_TLB
        while window < last:
            if u64[window] + u64[window + WINDOW_ADDEND] >> 12 == page:
                u64[window + WINDOW_BOUNDS] = 0
            window += WINDOWS_BYTES
        bank += BANK_BYTES
    return 0

def note_window(offset, window):
    # Remember where the store windows of a page are.
    place = record_of(offset) + RECORD_STORE
    known = u64[place]
    if known != window:
        u64[place] = window if known == 0 else 1
    return 0

def mark_table(offset):
    # An entry of a page table was read.
    place = record_of(offset) + RECORD_TABLES
    known = u64[place]
    line = 1 << (offset >> LINE_SHIFT & 63)
    if not known & line:
        u64[place] = known | line
        u8[state[MARKS] + (offset >> 12)] |= MMU_MARK_TABLE
        revoke(offset)
    return 0

def mark_code(offset, length):
    # An instruction was decoded.
    place = record_of(offset) + RECORD_CODE
    known = u64[place]
    last = min((offset & 4095) + length - 1, 4095)
    lines = 1 << (offset >> LINE_SHIFT & 63) | 1 << (last >> LINE_SHIFT)
    u64[place] = known | lines
    u8[state[MARKS] + (offset >> 12)] |= MMU_MARK_CODE
    revoke(offset)
    return 0

def drop_banks():
    # Take every bank from its context.
    key = 0
    while key < 2 * BANK_COUNT:
        state[KEYS + key] = NO_CONTEXT
        key += 2
    return 0
"""

_STORES: Final = """
def covers(decoded, code, slot):
    # Bytes of the instruction that was decoded at an offset; 0 if none was.
    if u64[decoded + slot * 8] == symbol(undecoded):
        return 2 * (u8[decoded + slot * 8 + SLOT_COVERED] & COVERED)
    return 4 if (u16[code + slot] & 3) == 3 else 2

def release(offset, length):
    # Forget what depends on some bytes of one page.
    #
    # Returns 0; 1 if all banks were dropped; REFUSED_PAGE if translated regions are in the way.
    record = record_of(offset)
    first = offset & 4095
    last = first + length - 1
    lines = 1 << (first >> LINE_SHIFT) | 1 << (last >> LINE_SHIFT)
    decoded = u64[record]
    if u64[record + RECORD_REGIONS] & lines and decoded:
        slot = first & ~1
        while slot <= last:
            if u8[decoded + slot * 8 + SLOT_COVERED] & COVERED:
                state[FRESH_PAGE] = offset >> 12
                state[LOW] = first
                state[HIGH] = length
                return REFUSED_PAGE
            slot += 2
    if u64[record + RECORD_CODE] & lines and decoded:
        code = state[RAM_HOST] + (offset & ~4095)
        slot = (first & ~1) - 2 if first > 1 else 0
        while slot <= last:
            if slot + covers(decoded, code, slot) > first:
                part(decoded, slot)
                u64[decoded + slot * 8] = symbol(undecoded)
            slot += 2
    if u64[record + RECORD_TABLES] & lines:
        u64[record + RECORD_TABLES] = 0
        drop_banks()
        return 1
    return 0

def free_below(offset):
    # The lowest offset from which on nothing is remembered up to this one.
    record = record_of(offset)
    lines = u64[record + RECORD_CODE] | u64[record + RECORD_TABLES] | u64[record + RECORD_REGIONS]
    if likely(lines == 0):
        return 0
    decoded = u64[record]
    code = state[RAM_HOST] + (offset & ~4095)
    low = offset & 4095
    if lines >> (low >> LINE_SHIFT) & 1 and decoded:
        low = low & ~1
        start = low & ~63
        while low > start:
            length = covers(decoded, code, low - 2)
            if length:
                return low - 2 + length
            low -= 2
        if low > 0 and covers(decoded, code, low - 2) == 4:
            return low + 2
    else:
        low = low & ~63
    while low > 0 and not lines >> (low - 1 >> LINE_SHIFT) & 1:
        low -= 64
    return low

def free_above(offset):
    # The highest offset up to which nothing is remembered from this one on.
    record = record_of(offset)
    lines = u64[record + RECORD_CODE] | u64[record + RECORD_TABLES] | u64[record + RECORD_REGIONS]
    if likely(lines == 0):
        return 4096
    decoded = u64[record]
    code = state[RAM_HOST] + (offset & ~4095)
    high = offset & 4095
    if lines >> (high >> LINE_SHIFT) & 1 and decoded:
        end = (high | 63) + 1
        high = (high & ~1) + 2
        while high < end:
            if covers(decoded, code, high):
                return high
            high += 2
    else:
        high = (high | 63) + 1
    while high < 4096 and not lines >> (high >> LINE_SHIFT) & 1:
        high += 64
    return high
"""


def coherence() -> list[str]:
    """Everything in this file."""
    return routines(_WINDOWS + _STORES, CONSTANTS)
