"""Generated code that finds out whether an observer wants to stop here, or to see an access.

Code: a virtual page with a stop is looked up in the usual way only after Python has seen which page
of RAM it is, and has noted the stop's place there.  The instruction at such a place is never
decoded, so that it is left to Python on every execution; all others of the page are as quick as
ever.  Data: no window covers anything watched, so that such an access misses, and is left to Python
too.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.native.constants import CONSTANTS
from nexus.emulator.native.routine import routines

_STOPS: Final = """
def stop_page(address):
    # Where this address's page is among those with stops; 0 if it is not.
    page = address >> 12
    entry = state[STOP_PAGES]
    end = entry + 16 * state[STOP_PAGE_COUNT]
    while entry < end:
        if u64[entry] == page:
            return entry
        entry += 16
    return 0

def holds(entry, count, wanted):
    # Whether a word is among these.
    end = entry + 8 * count
    while entry < end:
        if u64[entry] == wanted:
            return 1
        entry += 8
    return 0
"""

_WATCHES: Final = """
def watched(address, last, access):
    # Whether Python has to see an access; one around the end of all addresses it always does.
    if last < address:
        return 1
    entry = state[WATCHES]
    end = entry + 24 * state[WATCH_COUNT]
    while entry < end:
        if u64[entry + 16] & access and address <= u64[entry + 8] and u64[entry] <= last:
            return 1
        entry += 24
    return 0

def spare_watched(address, access):
    # Narrow LOW and HIGH around an address that is not watched, so that nothing in them is.
    page = address & ~4095
    entry = state[WATCHES]
    end = entry + 24 * state[WATCH_COUNT]
    while entry < end:
        if u64[entry + 16] & access:
            first = u64[entry]
            last = u64[entry + 8]
            if last < address:
                if last >= page:
                    state[LOW] = max(state[LOW], last - page + 1)
            elif first - page < 4096:
                state[HIGH] = min(state[HIGH], first - page)
        entry += 24
    return 0
"""


def stops() -> list[str]:
    """Everything in this file."""
    return routines(_STOPS + _WATCHES, CONSTANTS)
