"""Generated code for registers of devices that guests access often.

An access that does not go to RAM comes to `load_device` or `store_device`, which find the device by
its place on the board.  Generated code serves only registers whose words it shares with the Python
device, by the rules of that device.  UART, CLINT and interrupt controller have a module each;
fw_cfg, virtio and the clock need a few lines, which are here.  `ask_to_load` and `ask_to_store`
leave everything else to Python, with the access decoded.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.native import clint_registers, plic_registers, uart_registers
from nexus.emulator.native.constants import CONSTANTS
from nexus.emulator.native.routine import handlers, routines

_ENTRIES: Final = """
def load_device():
    # A load that went to PHYSICAL.
    physical = state[PHYSICAL]
    length = state[ACCESS_LAST] - state[ACCESS] + 1
    if physical & (length - 1):
        become(ask_to_load)
    if physical - UART_BASE < 8:
        become(load_uart)
    if physical - CLINT_BASE < CLINT_BYTES:
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
    if physical - CLINT_BASE < CLINT_BYTES:
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
"""

_VIRTIO: Final = """
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
"""

_WAYS_OUT: Final = """
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

_DEVICES: Final = """
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
"""

_WIDTH: Final = """
def cut(value, length):
    return value & 0xffffffff if length == 4 else value
"""


def register_handlers() -> dict[str, str]:
    """Name and text of every handler of device registers."""
    texts = (
        _ENTRIES,
        uart_registers.HANDLERS,
        _VIRTIO,
        clint_registers.HANDLERS,
        _WAYS_OUT,
    )
    return handlers("".join(texts), CONSTANTS)


def register_routines() -> list[str]:
    """Return the routines that handlers of device registers call."""
    texts = (
        clint_registers.ROUTINES,
        _DEVICES,
        uart_registers.ROUTINES,
        _WIDTH,
        plic_registers.ROUTINES,
    )
    return routines("".join(texts), CONSTANTS)
