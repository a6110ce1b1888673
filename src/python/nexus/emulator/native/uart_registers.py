"""The UART in generated code: its registers as `device/uart.py` has them, without received bytes.

A guest prints byte by byte and polls the line status between two bytes; a way through Python at
each would cost more than the rest of its output.  Transmitted bytes wait in a buffer.  Python keeps
what depends on received bytes (the FIFO, its trigger level, an overrun), and the changes of the
interrupt line where several harts could get it.

The texts are in the language of `routine.py`; `registers.py` compiles them.
"""

from __future__ import annotations

from typing import Final

HANDLERS: Final = """
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
"""

ROUTINES: Final = """
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
    # Whether generated code may do that: with several harts, Python drives the lines.
    return 1 if state[ALONE] else 1 - uart_changes(enabled, emptied)

def uart_become(enabled, emptied):
    # Set both; returns whether that has changed the line.
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
"""
