"""The 16550 UART of the board, as far as software can tell it from QEMU's.

Transmission takes no time: the transmitter is always empty again at the next instruction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

# Unread output beyond this is dropped and counted: a chatty guest must not grow the host.
OUTPUT_BYTES_MAX: Final = 1 << 24
# Typed input that the guest has not read; more is refused.
INPUT_BYTES_MAX: Final = 4096

RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR = range(8)

IER_RDI: Final = 1
IER_THRI: Final = 2
LCR_DLAB: Final = 0x80
FCR_ENABLE: Final = 1
FCR_CLEAR_RX: Final = 2
MCR_LOOP: Final = 0x10
LSR_DR: Final = 1
LSR_IDLE: Final = 0x60  # Transmitter and holding register empty.
MSR_CONNECTED: Final = 0xB0  # DCD, DSR and CTS, as with a console attached.

IIR_NONE: Final = 1
IIR_THRI: Final = 2
IIR_RDI: Final = 4
IIR_FIFO: Final = 0xC0


class Uart:
    """Eight byte registers and two byte queues."""

    SAVED: ClassVar[tuple[str, ...]] = (
        *("dropped_bytes", "_output", "_input", "_transmit_pending", "_interrupt_enable"),
        *("_fifo_control", "_line_control", "_modem_control", "_scratch", "_divisor"),
    )

    def __init__(self, set_irq: Callable[[bool], None]) -> None:
        self.dropped_bytes = 0
        self._set_irq = set_irq
        self._output = bytearray()
        self._input = bytearray()
        self._transmit_pending = False
        self._interrupt_enable = 0
        self._fifo_control = 0
        self._line_control = 0
        self._modem_control = 8
        self._scratch = 0
        self._divisor = 12

    def restored(self) -> None:
        """The interrupt line is part of what the PLIC restores."""

    def take_output(self) -> bytes:
        """What the guest wrote since the last call."""
        data = bytes(self._output)
        self._output.clear()
        return data

    def receive(self, data: bytes) -> int:
        """Queue input; return how many bytes were accepted."""
        accepted = data[: INPUT_BYTES_MAX - len(self._input)]
        self._input.extend(accepted)
        self._update()
        return len(accepted)

    @property
    def line_status(self) -> int:
        """What LSR reads."""
        return LSR_IDLE | (LSR_DR if self._input else 0)

    @property
    def quiet_room(self) -> int:
        """How many bytes can be transmitted without anything but the console noticing."""
        is_special = self._line_control & LCR_DLAB or self._modem_control & MCR_LOOP
        if is_special or self._interrupt_enable & IER_THRI:
            return 0
        return OUTPUT_BYTES_MAX - len(self._output)

    def transmitted(self, data: bytes) -> None:
        """What was transmitted while there was `quiet_room` for it."""
        self._transmit_pending = True
        self._output += data

    def read(self, offset: int, size: int) -> int:
        """Read a register; any access size reads one register."""
        if self._line_control & LCR_DLAB and offset < 2:
            return self._divisor >> 8 * offset & 0xFF
        if offset == RBR_THR:
            value = self._input.pop(0) if self._input else 0
            self._update()
            return value
        if offset == IIR_FCR:
            return self._identify()
        return {
            IER: self._interrupt_enable,
            LCR: self._line_control,
            MCR: self._modem_control,
            LSR: self.line_status,
            MSR: MSR_CONNECTED,
            SCR: self._scratch,
        }[offset]

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a register."""
        value &= 0xFF
        if self._line_control & LCR_DLAB and offset < 2:
            shift = 8 * offset
            self._divisor = self._divisor & ~(0xFF << shift) | value << shift
        elif offset == RBR_THR:
            self._transmit(value)
        elif offset == IER:
            if value & IER_THRI & ~self._interrupt_enable:
                self._transmit_pending = True
            self._interrupt_enable = value & 0xF
        elif offset == IIR_FCR:
            if value & FCR_CLEAR_RX:
                self._input.clear()
            self._fifo_control = value & 0xC9
        elif offset == LCR:
            self._line_control = value
        elif offset == MCR:
            self._modem_control = value & 0x1F
        elif offset == SCR:
            self._scratch = value
        self._update()

    def _transmit(self, value: int) -> None:
        self._transmit_pending = True
        if self._modem_control & MCR_LOOP:
            self._input.append(value)
        elif len(self._output) < OUTPUT_BYTES_MAX:
            self._output.append(value)
        else:
            self.dropped_bytes += 1

    def _identify(self) -> int:
        """Read IIR, which acknowledges a transmit interrupt."""
        code = self._interrupt_code()
        if code == IIR_THRI:
            self._transmit_pending = False
            self._update()
        return code | (IIR_FIFO if self._fifo_control & FCR_ENABLE else 0)

    def _interrupt_code(self) -> int:
        if self._interrupt_enable & IER_RDI and self._input:
            return IIR_RDI
        if self._interrupt_enable & IER_THRI and self._transmit_pending:
            return IIR_THRI
        return IIR_NONE

    def _update(self) -> None:
        self._set_irq(self._interrupt_code() != IIR_NONE)
