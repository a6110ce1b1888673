"""Generated code that finds and fills decoded pages, and the ways in and out of generated code."""

from __future__ import annotations

from typing import Final

from nexus.emulator.native.constants import CONSTANTS
from nexus.emulator.native.routine import handlers, routines

_CODE: Final = """
def fetch():
    # Continue at the state's pc, whose page is not in the fetch cache.
    if lts(left, 1):
        become(slice_over)
    address = state[PC]
    marked = 0
    if unlikely(state[STOP_PAGE_COUNT]):
        marked = stop_page(address)
        if marked and holds(state[STOPS], state[STOP_COUNT], address):
            become(unseen)
    offset = translate(address, MMU_FETCH, 2)
    if lts(offset, 0):
        is_page = offset == REFUSED_PAGE
        enter_trap(CAUSE_INSTRUCTION_PAGE if is_page else CAUSE_INSTRUCTION_ACCESS, address, left)
        become(after_trap)
    if unlikely(marked):
        if u64[marked + 8] != offset >> 12:
            state[FRESH_PAGE] = offset >> 12
            state[LEFT] = left
            state[WHY] = EXIT_STOPS
            leave()
    guard = 0
    if state[LOW] != 0 or state[HIGH] != 4096:
        guard = state[PMP_EPOCH] << 2 | state[PRIVILEGE]
    record = record_of(offset)
    decoded = u64[record]
    if decoded == 0:
        decoded = new_page(offset, guard)
        if decoded == 0:
            state[LEFT] = left
            state[WHY] = EXIT_POOL
            leave()
        if state[FRESH] > (guard != 0):
            become(announce)
    elif u64[decoded + TAIL_GUARD] != guard:
        if state[FRESH] == FRESH_ALWAYS:
            become(announce)
        reset_page(decoded, offset, guard)
    if guard == 0:
        entry = bank + FETCH_TLB + (address >> 12 & TLB_ENTRIES - 1) * FETCH_ENTRY_BYTES
        u64[entry] = address >> 12
        u64[entry + 8] = decoded
    state[PAGE_ADDRESS] = address & ~4095
    page = decoded
    slot = decoded + ((address & 4095) << 3)
    dispatch()

def announce():
    # A page is about to be executed for the first time, or decoded anew.
    address = state[PC]
    state[FRESH_PAGE] = translate(address, MMU_FETCH, 2) >> 12
    state[LEFT] = left
    state[WHY] = EXIT_PAGE
    leave()

def undecoded():
    # A slot that has not been executed yet.
    if lts(left, 1):
        become(out_of_steps)
    place = slot - page >> 3
    code = u64[page + TAIL_RAM]
    offset = code - state[RAM_HOST] + place
    if unlikely(state[STOP_PLACE_COUNT]):
        if holds(state[STOP_PLACES], state[STOP_PLACE_COUNT], offset):
            become(slow)
    if u64[page + TAIL_GUARD]:
        if not protected(RAM_BASE + offset, MMU_FETCH, 2, state[PRIVILEGE]):
            state[PC] = pc()
            enter_trap(CAUSE_INSTRUCTION_ACCESS, state[PC], left)
            become(after_trap)
    word = u16[code + place]
    length = 2
    if word & 3 == 3:
        if place == 4094:
            u64[slot] = symbol(straddle)
            u64[page + TAIL_WORD] = 0
            mark_code(offset, 2)
            become(straddle)
        word = u32[code + place]
        length = 4
    if not decode(slot, word, place):
        state[PC] = pc()
        enter_trap(CAUSE_ILLEGAL_INSTRUCTION, word, left)
        become(after_trap)
    mark_code(offset, length)
    if state[FRESH] != FRESH_ALWAYS:
        join_around(page, place, length)
    dispatch()

def straddle():
    # An instruction whose second half is on another page.
    #
    # That half is looked up and read on every execution: its mapping and its bytes may change
    # without this page knowing.  Only the decoding is remembered.
    if lts(left, 1):
        become(out_of_steps)
    second = state[PAGE_ADDRESS] + 4096
    offset = translate(second, MMU_FETCH, 2)
    if lts(offset, 0):
        state[PC] = pc()
        is_page = offset == REFUSED_PAGE
        enter_trap(CAUSE_INSTRUCTION_PAGE if is_page else CAUSE_INSTRUCTION_ACCESS, second, left)
        become(after_trap)
    word = u16[u64[page + TAIL_RAM] + 4094] | u16[state[RAM_HOST] + offset] << 16
    if u64[page + TAIL_WORD] != word:
        u64[page + TAIL_WORD] = 0
        found = decode(slot, word, 4094)
        u64[page + TAIL_HANDLER] = u64[slot]
        u64[slot] = symbol(straddle)
        forget_kind(slot)
        if not found:
            state[PC] = pc()
            enter_trap(CAUSE_ILLEGAL_INSTRUCTION, word, left)
            become(after_trap)
        u64[page + TAIL_WORD] = word
    jump_to(u64[page + TAIL_HANDLER])

def cross():
    # Sequential execution leaves the page.
    go(pc())

def after_trap():
    # The reference looks at long chains of traps, and reports traps to an observer: with one, the
    # trap has not been entered, and the reference executes the instruction.
    if unlikely(state[REPORTS]):
        become(unseen)
    left -= 1
    if unlikely(state[CHAIN_COUNT] >= state[CHAIN_LOOK]) and state[CHAIN_LOOK]:
        state[LEFT] = left
        state[WHY] = EXIT_TRAP
        leave()
    bank = switch_context()
    go(state[PC])

def slow():
    # Return to Python before the instruction in the slot.
    state[PC] = pc()
    state[LEFT] = left
    state[WHY] = EXIT_SLOW
    leave()

def unseen():
    # The same before the instruction at the state's pc, whose slot is not known.
    state[LEFT] = left
    state[WHY] = EXIT_SLOW
    leave()

def out_of_steps():
    state[PC] = pc()
    state[CURRENT] = u64[page + TAIL_RAM]
    become(slice_over)
"""

_PAGES: Final = """
def new_page(offset, guard):
    # A decoded page for a page of RAM; 0 if there is no memory left for it.
    decoded = state[POOL_FREE]
    if decoded:
        state[POOL_FREE] = u64[decoded]
    else:
        decoded = state[POOL_NEXT]
        if decoded >= state[POOL_END]:
            return 0
        state[POOL_NEXT] = decoded + DECODED_PAGE_BYTES
    u64[record_of(offset)] = decoded
    reset_page(decoded, offset, guard)
    return decoded

def reset_page(decoded, offset, guard):
    # Make every slot undecoded.
    slot = decoded
    end = decoded + PAGE_SLOTS * SLOT_BYTES
    fresh = symbol(undecoded)
    while slot < end:
        u64[slot] = fresh
        u64[slot + 8] = 0
        slot += SLOT_BYTES
    u64[end] = symbol(cross)
    u64[end + SLOT_BYTES] = symbol(cross)
    record = record_of(offset)
    u64[record + RECORD_CODE] = 0
    u64[record + RECORD_REGIONS] = 0
    u64[decoded + TAIL_RAM] = state[RAM_HOST] + (offset & ~4095)
    u64[decoded + TAIL_WORD] = 0
    u64[decoded + TAIL_RECORD] = record
    u64[decoded + TAIL_GUARD] = guard
    return 0
"""


def page_handlers() -> dict[str, str]:
    """Name and text of every handler here."""
    return handlers(_CODE, CONSTANTS)


def page_routines() -> list[str]:
    """Return the routines that translated pages call."""
    return list(routines(_PAGES, CONSTANTS))
