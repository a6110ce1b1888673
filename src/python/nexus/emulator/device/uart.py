"""The 16550 UART of the board, as far as software can tell it from QEMU's.

A character takes no time: the transmitter is always empty again at the next instruction, and a
FIFO that holds less than its trigger level has timed out already.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from nexus.emulator.device.words import FlagAt, WordAt, Words

# Unread output beyond this is dropped and counted: a chatty guest must not grow the host.
OUTPUT_BYTES_MAX: Final = 1 << 24
# Typed input that the guest has not read; more is refused.
INPUT_BYTES_MAX: Final = 4096

RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR = range(8)

IER_RDI: Final = 1
IER_THRI: Final = 2
IER_RLSI: Final = 4
LCR_DLAB: Final = 0x80
FCR_ENABLE: Final = 1
FCR_CLEAR_RX: Final = 2
FCR_CLEAR_TX: Final = 4
MCR_LOOP: Final = 0x10
LSR_DR: Final = 1
LSR_OE: Final = 2
LSR_IDLE: Final = 0x60  # Transmitter and holding register empty.
MSR_CONNECTED: Final = 0xB0  # DCD, DSR and CTS, as with a console attached.

IIR_NONE: Final = 1
IIR_THRI: Final = 2
IIR_RDI: Final = 4
IIR_RLSI: Final = 6
IIR_CTI: Final = 0xC
IIR_FIFO: Final = 0xC0

FIFO_BYTES: Final = 16
# The state as words, so that an engine can serve registers itself: IER, whether the transmitter has
# emptied since IIR said so, FCR, LCR, MCR, SCR, what the receiver reads without a FIFO, whether
# there was an overrun, and how many bytes were received and not read.
(ENABLED, EMPTIED, FIFOS, LINE, MODEM, SCRATCH, HOLDING, OVERRUN, RECEIVED) = range(9)
WORDS: Final = RECEIVED + 1

# How many received bytes interrupt, by the two upper bits of FCR.
_TRIGGERS: Final = (1, 4, 8, 14)


class Uart:
    """Eight byte registers, the receiver's FIFO, and what waits on either side of the line."""

    SAVED: ClassVar[tuple[str, ...]] = (
        "dropped_bytes",
        "_output",
        "_input",
        "_transmit_pending",
        "_interrupt_enable",
        "_fifo_control",
        "_line_control",
        "_modem_control",
        "_scratch",
        "_divisor",
        "_received",
        "_holding",
        "_is_overrun",
    )

    def __init__(self, set_irq: Callable[[bool], None]) -> None:
        self.dropped_bytes = 0
        self._set_irq = set_irq
        self._output = bytearray()
        self._input = bytearray()  # Typed, and not received yet.
        self._received = bytearray()
        self._words: Words = [0] * WORDS
        self._modem_control = 8
        self._divisor = 12

    _interrupt_enable = WordAt(ENABLED)
    _transmit_pending = FlagAt(EMPTIED)
    _fifo_control = WordAt(FIFOS)
    _line_control = WordAt(LINE)
    _modem_control = WordAt(MODEM)
    _scratch = WordAt(SCRATCH)
    _holding = WordAt(HOLDING)  # The receiver's buffer register while there is no FIFO.
    _is_overrun = FlagAt(OVERRUN)

    def share(self, words: Words) -> None:
        """Keep the state here from now on."""
        for index in range(WORDS):
            words[index] = self._words[index]
        self._words = words

    def restored(self) -> None:
        """The interrupt line is part of what the PLIC restores."""
        self._words[RECEIVED] = len(self._received)

    def take_output(self) -> bytes:
        """The bytes that the guest wrote since the last call."""
        data = bytes(self._output)
        self._output.clear()
        return data

    def receive(self, data: bytes) -> int:
        """Queue input; return how many bytes were accepted."""
        accepted = data[: INPUT_BYTES_MAX - len(self._input) - len(self._received)]
        self._input.extend(accepted)
        self._update()
        return len(accepted)

    @property
    def _line_status(self) -> int:
        """Read LSR; reading it clears an overrun."""
        overrun = LSR_OE if self._is_overrun else 0
        return LSR_IDLE | overrun | (LSR_DR if self._received else 0)

    @property
    def quiet_room(self) -> int:
        """The number of bytes that would go to the console, written to THR."""
        is_special = self._line_control & LCR_DLAB or self._modem_control & MCR_LOOP
        return 0 if is_special else OUTPUT_BYTES_MAX - len(self._output)

    def transmitted(self, data: bytes) -> None:
        """Take bytes that an engine transmitted while there was `quiet_room` for them."""
        self._output += data

    def read(self, offset: int, size: int) -> int:
        """Read a register; any access size reads one register."""
        if self._line_control & LCR_DLAB and offset < 2:
            return self._divisor >> 8 * offset & 0xFF
        if offset == RBR_THR:
            return self._take()
        if offset == IIR_FCR:
            return self._identify()
        if offset == LSR:
            status, self._is_overrun = self._line_status, False
            self._update()
            return status
        return {
            IER: self._interrupt_enable,
            LCR: self._line_control,
            MCR: self._modem_control,
            MSR: self._modem_status,
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
            self._control_fifos(value)
        elif offset == LCR:
            self._line_control = value
        elif offset == MCR:
            self._modem_control = value & 0x1F
        elif offset == SCR:
            self._scratch = value
        self._update()

    @property
    def _has_fifo(self) -> bool:
        return bool(self._fifo_control & FCR_ENABLE)

    @property
    def _modem_status(self) -> int:
        """Read MSR: in loopback the outputs DTR, RTS, OUT1 and OUT2 are the inputs."""
        control = self._modem_control
        if not control & MCR_LOOP:
            return MSR_CONNECTED
        return (control & 1) << 5 | (control & 2) << 3 | (control & 0xC) << 4

    def _control_fifos(self, value: int) -> None:
        """Write FCR; switching the FIFOs on or off empties them."""
        if (value ^ self._fifo_control) & FCR_ENABLE:
            value |= FCR_CLEAR_RX | FCR_CLEAR_TX
        if value & FCR_CLEAR_RX:
            self._received.clear()
        if value & FCR_CLEAR_TX:
            self._transmit_pending = True
        self._fifo_control = value & 0xC9

    def _take(self) -> int:
        """Read RBR; without a FIFO it keeps the last byte."""
        empty = 0 if self._has_fifo else self._holding
        value = self._received.pop(0) if self._received else empty
        self._update()
        return value

    def _arrive(self, value: int) -> None:
        """Receive one byte: what there is no room for is an overrun."""
        depth = FIFO_BYTES if self._has_fifo else 1
        has_room = len(self._received) < depth
        self._is_overrun |= not has_room
        if not self._has_fifo:
            self._holding = value
            self._received.clear()
            has_room = True
        if has_room:
            self._received.append(value)

    def _transmit(self, value: int) -> None:
        self._transmit_pending = True
        if self._modem_control & MCR_LOOP:
            self._arrive(value)
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
        return code | (IIR_FIFO if self._has_fifo else 0)

    def _interrupt_code(self) -> int:
        if self._interrupt_enable & IER_RLSI and self._is_overrun:
            return IIR_RLSI
        if self._interrupt_enable & IER_RDI and self._received:
            is_enough = len(self._received) >= _TRIGGERS[self._fifo_control >> 6 & 3]
            return IIR_RDI if is_enough or not self._has_fifo else IIR_CTI
        if self._interrupt_enable & IER_THRI and self._transmit_pending:
            return IIR_THRI
        return IIR_NONE

    def _update(self) -> None:
        """Receive what waits, unless loopback has cut the line, and drive the interrupt."""
        depth = FIFO_BYTES if self._has_fifo else 1
        while self._input and len(self._received) < depth and not self._modem_control & MCR_LOOP:
            self._arrive(self._input.pop(0))
        self._words[RECEIVED] = len(self._received)
        self._set_irq(self._interrupt_code() != IIR_NONE)
