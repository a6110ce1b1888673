"""Generated code that writes the registers of memory protection (PMP) and takes them over.

The rules are those of `reference/csr.py` and `reference/pmp.py`.  What is known of memory is
forgotten only if the entries say something else than before: kernels that protect tasks from each
other write these registers at each change of a task, many with what was there.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.native.constants import CONSTANTS
from nexus.emulator.native.routine import routines

_REGISTERS: Final = """
def configuration(index):
    # The pmpcfg byte of an entry.
    return state[PMPCFG0 if index < 8 else PMPCFG2] >> 8 * (index & 7) & 255

def write_pmpcfg(word, new):
    # The bytes of locked entries stay.  Returns 1 if the entries have changed.
    old = state[word]
    kept = (old >> 7 & 0x0101010101010101) * 255
    state[word] = old & kept | new & 0x9f9f9f9f9f9f9f9f & ~kept
    return take_over()

def write_pmpaddr(word, new):
    # A locked entry stays, and what a locked one above begins with.
    index = word - PMPADDR0
    if configuration(index) & PMP_LOCKED:
        return 0
    if index + 1 < PMPADDR_COUNT and configuration(index + 1) & (PMP_LOCKED | 0x18) == 0x88:
        return 0
    state[word] = new & (1 << 54) - 1
    return take_over()
"""

_ENTRIES: Final = """
def take_over():
    # Decode the registers.  Returns 1 if the entries have changed: no bank belongs to a mode then.
    place = state[PMP_ENTRIES]
    count = 0
    changed = 0
    machine = 1
    everyone = 0
    index = 0
    while index < PMPADDR_COUNT:
        config = configuration(index)
        mode = config >> 3 & 3
        if mode:
            address = state[PMPADDR0 + index]
            first = address << 2
            last = first + 4
            if mode == PMP_TOR:
                last = first
                first = state[PMPADDR0 + index - 1] << 2 if index else 0
                if first >= last:
                    first = 0
                    last = 0
            elif mode == 3:
                ones = (address ^ address + 1) + 1 >> 1
                first = (address & ~(ones - 1)) << 2
                last = first + (ones << 3)
            if u64[place] != first or u64[place + 8] != last or u64[place + 16] != config:
                changed = 1
                u64[place] = first
                u64[place + 8] = last
                u64[place + 16] = config
            if config & PMP_LOCKED or (first | last) & 4095:
                machine = 0
            if count == 0 and first == 0 and last >= 1 << PMP_ADDRESS_BITS and config & 7 == 7:
                everyone = 2
            place += 24
            count += 1
        index += 1
    if not changed and count == state[PMP_COUNT]:
        return 0
    state[PMP_COUNT] = count
    state[PMP_OPEN] = machine | everyone
    state[PMP_EPOCH] += 1
    drop_banks()
    return 1
"""


def protection() -> list[str]:
    """Everything in this file."""
    return routines(_REGISTERS + _ENTRIES, CONSTANTS)
