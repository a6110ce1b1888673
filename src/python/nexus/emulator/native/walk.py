"""Generated code that translates addresses (Sv39, Sv48), sets A and D bits, and asks protection.

The same rules as `reference/mmu.py` and `reference/pmp.py`.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.native.constants import CONSTANTS
from nexus.emulator.native.routine import routines

# `protect` finds what the entries say of one address, and for which part of its page they say so:
# an access that begins there is permitted if it ends before HIGH.
_PROTECTION: Final = """
def protect(physical, access, privilege):
    page = physical & ~4095
    low = page
    high = page + 4096
    entry = state[PMP_ENTRIES]
    end = entry + 24 * state[PMP_COUNT]
    permitted = privilege == MACHINE
    while entry < end:
        first = u64[entry]
        last = u64[entry + 8]
        if physical >= last:
            low = max(low, last)
        elif physical < first:
            high = min(high, first)
        else:
            low = max(low, first)
            high = min(high, last)
            config = u64[entry + 16]
            if privilege != MACHINE or config & PMP_LOCKED:
                permitted = (config & access) == access
            else:
                permitted = 1
            break
        entry += 24
    state[LOW] = low - page
    state[HIGH] = high - page
    return permitted

def protected(physical, access, length, privilege):
    if state[PMP_OPEN] >> (privilege != MACHINE) & 1:
        state[LOW] = 0
        state[HIGH] = 4096
        return 1
    if not protect(physical, access, privilege):
        return 0
    return (physical & 4095) + length <= state[HIGH]
"""

_WALK: Final = """
def translate(address, access, length):
    # Offset into RAM, or why there is none; LOW and HIGH say for what part of the page.
    privilege = state[PRIVILEGE]
    status = state[MSTATUS]
    if access != MMU_FETCH and status & MSTATUS_MPRV:
        privilege = status >> 11 & 3
    physical = address
    if privilege != MACHINE and state[SATP] >> 60:
        physical = walk(address, access, privilege)
        if lts(physical, 0):
            return physical
    if not protected(physical, access, length, privilege):
        return REFUSED_ACCESS
    offset = physical - RAM_BASE
    if offset >= state[RAM_BYTES]:
        state[PHYSICAL] = physical
        return OUTSIDE
    return offset

def walk(address, access, privilege):
    shift = 39 if state[SATP] >> 60 == SATP_SV48 else 30
    if sra(address, shift + 8) + 1 > 1:
        return REFUSED_PAGE
    table = (state[SATP] & MMU_PPN) << 12
    while 1:
        slot = table + ((address >> shift & 511) << 3)
        offset = slot - RAM_BASE
        if offset >= state[RAM_BYTES] - 7:
            return REFUSED_ACCESS
        if not protected(slot, MMU_LOAD, 8, SUPERVISOR):
            return REFUSED_ACCESS
        mark_table(offset)
        place = state[RAM_HOST] + offset
        entry = u64[place]
        if entry & (PTE_V | MMU_PTE_HIGH) != PTE_V:
            return REFUSED_PAGE
        if entry & (PTE_R | PTE_W | PTE_X):
            break
        if shift == 12 or entry & (PTE_U | PTE_A | PTE_D):
            return REFUSED_PAGE
        table = (entry >> 10 & MMU_PPN) << 12
        shift -= 9
    if not permits(entry, access, privilege):
        return REFUSED_PAGE
    below = (1 << shift) - 1
    page = (entry >> 10 & MMU_PPN) << 12
    if page & below:
        return REFUSED_PAGE
    updated = entry | PTE_A | (PTE_D if access == MMU_STORE else 0)
    if updated != entry:
        if not protected(slot, MMU_STORE, 8, SUPERVISOR):
            return REFUSED_ACCESS
        u64[place] = updated
    return page | address & below

def permits(entry, access, privilege):
    status = state[MSTATUS]
    if entry & (PTE_R | PTE_W) == PTE_W:
        return 0
    if entry & PTE_U:
        if privilege != USER and (access == MMU_FETCH or not status & MSTATUS_SUM):
            return 0
    elif privilege == USER:
        return 0
    if access == MMU_LOAD:
        return (entry & (PTE_R | (PTE_X if status & MSTATUS_MXR else 0))) != 0
    return (entry & (PTE_W if access == MMU_STORE else PTE_X)) != 0
"""


def walks() -> list[str]:
    """Everything in this file."""
    return routines(_PROTECTION + _WALK, CONSTANTS)
