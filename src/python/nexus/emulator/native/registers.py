"""Generated code for registers of devices that guests access often.

The devices are the Python ones: what is here reads and writes the words that they share with
generated code, by the same rules.  Everything else of them is left to Python.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.native.constants import CONSTANTS
from nexus.emulator.native.routine import handlers, routines

_HANDLERS: Final = """
def load_device():
    # A load that went to PHYSICAL.
    physical = state[PHYSICAL]
    length = state[ACCESS_LAST] - state[ACCESS] + 1
    if physical & (length - 1):
        become(slow)
    if physical == UART_BASE + UART_REGISTER_LSR and length == 1:
        state[RESULT] = state[UART_STATUS]
        if state[UART_STATUS] & UART_REGISTER_LSR_OE:
            become(slow)  # Reading it clears that.
        become(finish_load)
    if physical - CLINT_BASE < 0x10000:
        become(load_clint)
    become(slow)

def store_device():
    # A store that goes to PHYSICAL.
    physical = state[PHYSICAL]
    length = state[ACCESS_LAST] - state[ACCESS] + 1
    if physical & (length - 1):
        become(slow)
    value = state[u8[slot + SLOT_RS2]]
    if physical == UART_BASE + UART_REGISTER_RBR_THR and length == 1:
        count = state[UART_COUNT]
        if count >= state[UART_ROOM]:
            become(slow)
        u8[state[UART_OUTPUT] + count] = value
        state[UART_COUNT] = count + 1
        become(finish)
    if physical - CLINT_BASE < 0x10000:
        become(store_clint)
    become(slow)

def load_clint():
    offset = state[PHYSICAL] - CLINT_BASE
    length = state[ACCESS_LAST] - state[ACCESS] + 1
    if length < 4:
        become(slow)
    if offset == 0 and length == 4:
        state[RESULT] = state[MIP_LINE] >> 3 & 1
        become(finish_load)
    shift = (offset & 4) << 3
    if offset & ~7 == 0x4000:
        state[RESULT] = cut(state[MTIMECMP] >> shift, length)
        become(finish_load)
    if offset & ~7 == 0xbff8:
        state[RESULT] = cut(clock(left) >> shift, length)
        become(finish_load)
    become(slow)

def store_clint():
    offset = state[PHYSICAL] - CLINT_BASE
    length = state[ACCESS_LAST] - state[ACCESS] + 1
    value = state[u8[slot + SLOT_RS2]]
    if length < 4:
        become(slow)
    next_pc = pc() + (state[ACCESS_SHAPE] & SHAPE_LENGTH)
    if offset == 0 and length == 4:
        state[MIP_LINE] = state[MIP_LINE] & ~8 | (value & 1) << 3
        state[PC] = next_pc
        left -= 1
        become(attend)
    if offset & ~7 == 0x4000 and clock(left) < TIMER_NEVER - CLOCK_NEAR:
        if length == 4:
            shift = (offset & 4) << 3
            value = state[MTIMECMP] & ~(0xffffffff << shift) | cut(value, 4) << shift
        state[MTIMECMP] = value
        left = timers(left)
        state[PC] = next_pc
        become(attend)
    become(slow)
"""

_ROUTINES: Final = """
def cut(value, length):
    return value & 0xffffffff if length == 4 else value
"""


def register_handlers() -> dict[str, str]:
    """Name and text of every handler here."""
    return handlers(_HANDLERS, CONSTANTS)


def register_routines() -> list[str]:
    """What they call."""
    return routines(_ROUTINES, CONSTANTS)
