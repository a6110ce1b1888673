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
    if physical - UART_BASE < 8:
        become(load_uart)
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
    if physical - VIRTIO_BASE < VIRTIO_SLOTS * VIRTIO_STRIDE and length == 4:
        words = VIRTIO + VIRTIO_WORDS * (physical - VIRTIO_BASE >> 12)
        if physical & 0xfff == VIRTIO_R_INTERRUPT:
            state[RESULT] = state[words + VIRTIO_INTERRUPT_WORD]
            become(finish_load)
        if physical & 0xfff == VIRTIO_R_STATUS:
            state[RESULT] = state[words + VIRTIO_STATUS_WORD]
            become(finish_load)
    if physical - RTC_BASE <= RTC_TIME_HIGH and length >= 4:
        state[RESULT] = rtc_read(physical - RTC_BASE, length, left)
        become(finish_load)
    if not answers(physical, length):
        state[PC] = pc()
        enter_trap(CAUSE_LOAD_ACCESS, state[ACCESS], left)
        become(after_trap)
    become(ask_to_load)

def store_device():
    # A store that goes to PHYSICAL.
    physical = state[PHYSICAL]
    length = state[ACCESS_LAST] - state[ACCESS] + 1
    if physical & (length - 1):
        become(ask_to_store)
    value = state[u8[slot + SLOT_RS2]]
    if physical - UART_BASE <= UART_REGISTER_IER:
        become(store_uart)
    if physical - CLINT_BASE < 0x10000:
        become(store_clint)
    if state[ALONE] and physical - PLIC_BASE < PLIC_BYTES and length == 4:
        plic_write(physical - PLIC_BASE, value & 0xffffffff)
        state[PC] = pc() + (state[ACCESS_SHAPE] & SHAPE_LENGTH)
        left -= 1
        become(attend)
    if physical - VIRTIO_BASE < VIRTIO_SLOTS * VIRTIO_STRIDE and length == 4:
        if physical & 0xfff == VIRTIO_R_ACKNOWLEDGE:
            become(acknowledge)
    if not answers(physical, length):
        state[PC] = pc()
        enter_trap(CAUSE_STORE_ACCESS, state[ACCESS], left)
        become(after_trap)
    become(ask_to_store)

def load_uart():
    # Python hands out received bytes.
    register = state[PHYSICAL] - UART_BASE
    has_input = state[UART + UART_REGISTER_RECEIVED] | state[UART + UART_REGISTER_OVERRUN]
    if state[UART + UART_REGISTER_LINE] & UART_REGISTER_LCR_DLAB and register < 2:
        become(ask_to_load)
    if register == UART_REGISTER_RBR_THR:
        if has_input:
            become(ask_to_load)
        has_fifo = state[UART + UART_REGISTER_FIFOS] & UART_REGISTER_FCR_ENABLE
        state[RESULT] = 0 if has_fifo else state[UART + UART_REGISTER_HOLDING]
    elif register == UART_REGISTER_IER:
        state[RESULT] = state[UART + UART_REGISTER_ENABLED]
    elif register == UART_REGISTER_IIR_FCR:
        if has_input or not uart_may_be(state[UART + UART_REGISTER_ENABLED], 0):
            become(ask_to_load)
        state[RESULT] = uart_identify()
    elif register == UART_REGISTER_LCR:
        state[RESULT] = state[UART + UART_REGISTER_LINE]
    elif register == UART_REGISTER_MCR:
        state[RESULT] = state[UART + UART_REGISTER_MODEM]
    elif register == UART_REGISTER_LSR:
        if state[UART + UART_REGISTER_OVERRUN]:
            become(ask_to_load)  # Reading it clears that.
        ready = UART_REGISTER_LSR_DR if state[UART + UART_REGISTER_RECEIVED] else 0
        state[RESULT] = UART_REGISTER_LSR_IDLE | ready
    elif register == UART_REGISTER_MSR:
        if state[UART + UART_REGISTER_MODEM] & UART_REGISTER_MCR_LOOP:
            become(ask_to_load)
        state[RESULT] = UART_REGISTER_MSR_CONNECTED
    else:
        state[RESULT] = state[UART + UART_REGISTER_SCRATCH]
    become(finish_load)

def store_uart():
    # A byte to transmit, or the choice of interrupts; Python does all else.
    value = state[u8[slot + SLOT_RS2]]
    enabled = state[UART + UART_REGISTER_ENABLED]
    emptied = 1
    if state[UART + UART_REGISTER_LINE] & UART_REGISTER_LCR_DLAB:
        become(ask_to_store)
    if state[PHYSICAL] == UART_BASE + UART_REGISTER_IER:
        if not value & ~enabled & UART_REGISTER_IER_THRI:
            emptied = state[UART + UART_REGISTER_EMPTIED]
        enabled = value & 15
        if not uart_may_be(enabled, emptied):
            become(ask_to_store)
    else:
        count = state[UART_COUNT]
        if count >= state[UART_ROOM] or not uart_may_be(enabled, 1):
            become(ask_to_store)
        u8[state[UART_OUTPUT] + count] = value
        state[UART_COUNT] = count + 1
    if not uart_become(enabled, emptied):
        become(finish)
    state[PC] = pc() + (state[ACCESS_SHAPE] & SHAPE_LENGTH)
    left -= 1
    become(attend)

def acknowledge():
    # Interrupts of a virtio device.
    slot_number = state[PHYSICAL] - VIRTIO_BASE >> 12
    place = VIRTIO + VIRTIO_WORDS * slot_number + VIRTIO_INTERRUPT_WORD
    before = state[place]
    after = before & ~state[u8[slot + SLOT_RS2]]
    if before and not after:
        if not state[ALONE]:
            become(ask_to_store)
        plic_line(VIRTIO_IRQ + slot_number, 0)
    state[place] = after
    become(finish)

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

def answers(physical, length):
    # Whether a device takes accesses of this length, which are aligned.
    region = state[REGIONS]
    end = region + 24 * state[REGION_COUNT]
    while region < end:
        if physical - u64[region] < u64[region + 8]:
            return u64[region + 16] & length
        region += 24
    return 0

def rtc_read(offset, length, left):
    # The time, whose upper half is kept when the lower one is read.
    if offset:
        return state[RTC + RTC_HIGH]
    now = (state[TICKS_END] - left) * NS_PER_TICK + state[RTC_EPOCH] + state[RTC + RTC_OFFSET]
    state[RTC + RTC_HIGH] = now >> 32
    return cut(now, length)

def uart_level(enabled, emptied):
    # Whether the UART interrupts, if these interrupts are enabled and the transmitter has emptied.
    if enabled & UART_REGISTER_IER_RLSI and state[UART + UART_REGISTER_OVERRUN]:
        return 1
    if enabled & UART_REGISTER_IER_RDI and state[UART + UART_REGISTER_RECEIVED]:
        return 1
    if enabled & UART_REGISTER_IER_THRI and emptied:
        return 1
    return 0

def uart_changes(enabled, emptied):
    # Whether the interrupt line becomes another with these.
    before = uart_level(state[UART + UART_REGISTER_ENABLED], state[UART + UART_REGISTER_EMPTIED])
    return before ^ uart_level(enabled, emptied)

def uart_may_be(enabled, emptied):
    # Whether that is ours to do: of several harts Python drives the lines.
    return 1 if state[ALONE] else 1 - uart_changes(enabled, emptied)

def uart_become(enabled, emptied):
    # Returns whether that has changed the line.
    changes = uart_changes(enabled, emptied)
    state[UART + UART_REGISTER_ENABLED] = enabled
    state[UART + UART_REGISTER_EMPTIED] = emptied
    if changes:
        plic_line(UART_IRQ, uart_level(enabled, emptied))
    return changes

def uart_identify():
    # Read IIR while the receiver has nothing; that acknowledges the transmitter's interrupt.
    fifo = UART_REGISTER_IIR_FIFO
    if not state[UART + UART_REGISTER_FIFOS] & UART_REGISTER_FCR_ENABLE:
        fifo = 0
    enabled = state[UART + UART_REGISTER_ENABLED]
    if not uart_level(enabled, state[UART + UART_REGISTER_EMPTIED]):
        return fifo | UART_REGISTER_IIR_NONE
    uart_become(enabled, 0)
    return fifo | UART_REGISTER_IIR_THRI

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

def plic_line(source, level):
    # Drive an input.
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
