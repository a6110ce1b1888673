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
        become(ask_to_load)
    if physical == UART_BASE + UART_REGISTER_LSR and length == 1:
        state[RESULT] = state[UART_STATUS]
        if state[UART_STATUS] & UART_REGISTER_LSR_OE:
            become(ask_to_load)  # Reading it clears that.
        become(finish_load)
    if physical - CLINT_BASE < 0x10000:
        become(load_clint)
    if state[ALONE] and physical - PLIC_BASE < PLIC_BYTES and length == 4:
        state[RESULT] = plic_read(physical - PLIC_BASE)
        become(finish_load)
    if physical - FW_CFG_BASE < FW_CFG_SELECTOR:
        place = state[FILE_POSITION]
        if place == state[FILE_BYTES]:
            state[RESULT] = 0
            become(finish_load)
        if place + length > state[FILE_BYTES]:
            become(ask_to_load)
        state[FILE_POSITION] = place + length
        state[RESULT] = get(state[FILE_HOST] + place, length)
        become(finish_load)
    become(ask_to_load)

def store_device():
    # A store that goes to PHYSICAL.
    physical = state[PHYSICAL]
    length = state[ACCESS_LAST] - state[ACCESS] + 1
    if physical & (length - 1):
        become(ask_to_store)
    value = state[u8[slot + SLOT_RS2]]
    if physical == UART_BASE + UART_REGISTER_RBR_THR and length == 1:
        count = state[UART_COUNT]
        if count >= state[UART_ROOM]:
            become(ask_to_store)
        u8[state[UART_OUTPUT] + count] = value
        state[UART_COUNT] = count + 1
        become(finish)
    if physical - CLINT_BASE < 0x10000:
        become(store_clint)
    if state[ALONE] and physical - PLIC_BASE < PLIC_BYTES and length == 4:
        plic_write(physical - PLIC_BASE, value & 0xffffffff)
        state[PC] = pc() + (state[ACCESS_SHAPE] & SHAPE_LENGTH)
        left -= 1
        become(attend)
    become(ask_to_store)

def load_clint():
    offset = state[PHYSICAL] - CLINT_BASE
    length = state[ACCESS_LAST] - state[ACCESS] + 1
    if length < 4:
        become(ask_to_load)
    shift = (offset & 4) << 3
    if offset & ~7 == 0xbff8:
        state[RESULT] = cut(clock(left) >> shift, length)
        become(finish_load)
    if offset < 0x4000:
        words = hart_words(offset >> 2)
        if length != 4 or words == 0:
            become(ask_to_load)
        state[RESULT] = u64[words + 8 * MIP_LINE] >> 3 & 1
        become(finish_load)
    words = hart_words(offset - 0x4000 >> 3)
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
    if offset < 0x4000:
        words = hart_words(offset >> 2)
        if length != 4 or words == 0:
            become(ask_to_store)
        u64[words + 8 * MIP_LINE] = u64[words + 8 * MIP_LINE] & ~8 | (value & 1) << 3
        state[PC] = next_pc
        left -= 1
        become(attend)
    number = offset - 0x4000 >> 3
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
        left -= 1  # Whoever waits has no turn before the present one is over.
    state[PC] = next_pc
    become(attend)

def ask_to_load():
    # Python does the access, which it need not decode.
    state[RESULT] = u8[slot + SLOT_RD]
    state[PC] = pc()
    state[LEFT] = left
    state[WHY] = EXIT_LOAD
    leave()

def ask_to_store():
    state[RESULT] = state[u8[slot + SLOT_RS2]]
    state[PC] = pc()
    state[LEFT] = left
    state[WHY] = EXIT_STORE
    leave()
"""

_ROUTINES: Final = """
def hart_words(number):
    # Host address of the words of a hart; 0 if there is none of this number.
    turns = state[TURNS]
    if number == state[HART]:
        return state_address()
    if turns == 0 or number >= u64[turns + 8 * TURN_HARTS]:
        return 0
    return parked_words(turns, number)

def cut(value, length):
    return value & 0xffffffff if length == 4 else value
"""


# The state of `device/plic.py`, and its offsets, in the same words.
_PLIC: Final = """
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

def plic_update():
    lines = state[MIP_LINE] & ~0xa00
    if plic_best(0, state[PLIC + PLIC_THRESHOLDS]):
        lines |= 0x800
    if plic_best(1, state[PLIC + PLIC_THRESHOLDS + 1]):
        lines |= 0x200
    state[MIP_LINE] = lines
    return 0

def plic_read(offset):
    if offset < 0x1000:
        if offset >= 4 * PLIC_SOURCES:
            return 0
        return state[PLIC + PLIC_PRIORITIES + (offset >> 2)]
    if offset < 0x2000:
        if offset >= 0x1000 + 4 * PLIC_GROUPS:
            return 0
        return state[PLIC + PLIC_PENDING + (offset - 0x1000 >> 2)]
    if offset < 0x200000:
        context = offset - 0x2000 >> 7
        group = offset >> 2 & 31
        if context >= PLIC_CONTEXTS or group >= PLIC_GROUPS:
            return 0
        return state[PLIC + PLIC_ENABLED + PLIC_GROUPS * context + group]
    context = offset - 0x200000 >> 12
    if context >= PLIC_CONTEXTS:
        return 0
    if offset & 0xfff == 0:
        return state[PLIC + PLIC_THRESHOLDS + context]
    if offset & 0xfff != 4:
        return 0
    source = plic_best(context, 0)
    if source:
        bit = 1 << (source & 31)
        state[PLIC + PLIC_PENDING + (source >> 5)] &= ~bit
        state[PLIC + PLIC_CLAIMED + (source >> 5)] |= bit
        plic_update()
    return source

def plic_write(offset, value):
    if offset < 0x1000:
        if offset >= 4 and offset < 4 * PLIC_SOURCES:
            state[PLIC + PLIC_PRIORITIES + (offset >> 2)] = value & PLIC_PRIORITY_MAX
    elif offset < 0x200000:
        context = offset - 0x2000 >> 7
        group = offset >> 2 & 31
        if offset >= 0x2000 and context < PLIC_CONTEXTS and group < PLIC_GROUPS:
            enabled = value & ~1 if group == 0 else value
            state[PLIC + PLIC_ENABLED + PLIC_GROUPS * context + group] = enabled
    else:
        context = offset - 0x200000 >> 12
        if context < PLIC_CONTEXTS and offset & 0xfff == 0:
            state[PLIC + PLIC_THRESHOLDS + context] = value & PLIC_PRIORITY_MAX
        elif context < PLIC_CONTEXTS and offset & 0xfff == 4:
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


def register_handlers() -> dict[str, str]:
    """Name and text of every handler here."""
    return handlers(_HANDLERS, CONSTANTS)


def register_routines() -> list[str]:
    """Return the routines that handlers of device registers call."""
    return routines(_ROUTINES + _PLIC, CONSTANTS)
