"""Generated code that tells contexts apart: which bank of caches belongs to the present mode."""

from __future__ import annotations

from typing import Final

from nexus.emulator.native.constants import CONSTANTS
from nexus.emulator.native.routine import routines

_CONTEXT: Final = """
def switch_context():
    # The bank of the present mode, emptied if it was another's.
    privilege = state[PRIVILEGE]
    status = state[MSTATUS]
    data = status >> 11 & 3 if status & MSTATUS_MPRV else privilege
    satp = state[SATP]
    shown = status & (MSTATUS_SUM | MSTATUS_MXR)
    if privilege == MACHINE and data == MACHINE:
        satp = 0
        shown = 0
    mode = privilege | data << 2 | shown
    index = 0
    while index < BANK_COUNT:
        if state[KEYS + 2 * index] == mode and state[KEYS + 2 * index + 1] == satp:
            return state[BANKS] + index * BANK_BYTES
        index += 1
    index = state[VICTIM]
    state[VICTIM] = index + 1 & BANK_COUNT - 1
    state[KEYS + 2 * index] = mode
    state[KEYS + 2 * index + 1] = satp
    bank = state[BANKS] + index * BANK_BYTES
    window = bank
    entry = bank + FETCH_TLB
    while window < bank + FETCH_TLB:
        u64[window + WINDOW_BOUNDS] = 0
        u64[window + STORE_WINDOW + WINDOW_BOUNDS] = 0
        u64[entry] = NO_TAG
        window += WINDOWS_BYTES
        entry += FETCH_ENTRY_BYTES
    return bank
"""


def contexts() -> list[str]:
    """Everything in this file."""
    return routines(_CONTEXT, CONSTANTS)
