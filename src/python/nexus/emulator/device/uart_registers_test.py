"""The console's registers: the bits they have, loopback, the FIFO and its interrupts."""

from __future__ import annotations

import pytest

from nexus.emulator.device.uart import FIFO_BYTES, OUTPUT_BYTES_MAX, Uart

RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR = range(8)


class Line:
    """The interrupt line of a device."""

    is_high = False

    def __call__(self, is_high: bool) -> None:
        self.is_high = is_high


def uart_of(*writes: tuple[int, int]) -> tuple[Uart, Line]:
    line = Line()
    uart = Uart(line)
    for offset, value in writes:
        uart.write(offset, 1, value)
    return uart, line


def test_registers_keep_the_bits_that_they_have() -> None:
    uart, _ = uart_of((IER, 0xFF), (MCR, 0xFF), (SCR, 0xA5), (LCR, 0x7F))
    assert [uart.read(at, 1) for at in (IER, MCR, SCR, LCR)] == [0xF, 0x1F, 0xA5, 0x7F]
    fresh, line = uart_of()
    assert [fresh.read(at, 1) for at in (RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR)] == [
        0,
        0,
        1,
        0,
        8,
        0x60,
        0xB0,
        0,
    ]
    fresh.write(LCR, 1, 0x80)
    assert (fresh.read(0, 1), fresh.read(1, 1)) == (12, 0)
    assert not line.is_high


@pytest.mark.parametrize("control", range(0x10, 0x20))
def test_loopback_turns_the_outputs_into_the_inputs(control: int) -> None:
    uart, _ = uart_of((MCR, control))
    dtr, rts, out1, out2 = (control >> bit & 1 for bit in range(4))
    assert uart.read(MSR, 1) == rts << 4 | dtr << 5 | out1 << 6 | out2 << 7


@pytest.mark.parametrize(("bits", "trigger"), [(0, 1), (1, 4), (2, 8), (3, 14)])
def test_a_fifo_interrupts_as_full_from_its_trigger_on_and_as_late_below(
    bits: int, trigger: int
) -> None:
    uart, line = uart_of((IIR_FCR, bits << 6 | 1), (IER, 1))
    for count in range(1, FIFO_BYTES + 1):
        uart.receive(b"x")
        assert line.is_high
        assert uart.read(IIR_FCR, 1) == (0xC4 if count >= trigger else 0xCC), count


def test_what_waits_beyond_the_fifo_comes_when_there_is_room() -> None:
    uart, _ = uart_of((IIR_FCR, 1))
    uart.receive(bytes(range(FIFO_BYTES + 2)))
    assert [uart.read(RBR_THR, 1) for _ in range(FIFO_BYTES + 3)] == [*range(FIFO_BYTES + 2), 0]


def test_without_a_fifo_the_last_byte_stays_and_one_is_held() -> None:
    uart, line = uart_of((IER, 1))
    uart.receive(b"ab")
    assert uart.read(IIR_FCR, 1) == 4
    assert [uart.read(RBR_THR, 1) for _ in range(3)] == [ord("a"), ord("b"), ord("b")]
    assert not line.is_high


def test_an_overrun_is_told_once_and_before_anything_else() -> None:
    uart, line = uart_of((MCR, 0x10), (IER, 7))
    uart.write(RBR_THR, 1, ord("a"))
    uart.write(RBR_THR, 1, ord("b"))
    assert uart.read(IIR_FCR, 1) == 6
    assert uart.read(LSR, 1) == 0x63
    assert uart.read(LSR, 1) == 0x61
    assert uart.read(IIR_FCR, 1) == 4
    assert uart.read(RBR_THR, 1) == ord("b"), "without a FIFO the newer one stays"
    assert uart.read(IIR_FCR, 1) == 2
    assert uart.read(IIR_FCR, 1) == 1
    assert not line.is_high


def test_a_full_fifo_keeps_the_older_bytes() -> None:
    uart, _ = uart_of((IIR_FCR, 1), (MCR, 0x10))
    for value in range(FIFO_BYTES + 1):
        uart.write(RBR_THR, 1, value)
    assert uart.read(LSR, 1) == 0x63
    assert [uart.read(RBR_THR, 1) for _ in range(FIFO_BYTES)] == list(range(FIFO_BYTES))


def test_turning_the_fifo_on_or_off_empties_it_and_doing_neither_does_not() -> None:
    uart, _ = uart_of((MCR, 0x10), (IIR_FCR, 1))
    for control, is_kept in ((1, True), (0xC1, True), (3, False), (1, True), (0, False)):
        uart.write(RBR_THR, 1, 7)
        uart.write(IIR_FCR, 1, control)
        assert bool(uart.read(LSR, 1) & 1) is is_kept, control
        uart.write(IIR_FCR, 1, 1)
        uart.write(IIR_FCR, 1, 3)


def test_the_transmitter_interrupts_when_it_is_asked_to_and_after_each_byte() -> None:
    uart, line = uart_of((RBR_THR, 65))
    assert not line.is_high
    assert uart.read(IIR_FCR, 1) == 1
    uart.write(IER, 1, 2)
    assert uart.read(IIR_FCR, 1) == 2
    assert not line.is_high
    uart.write(IER, 1, 2)
    assert not line.is_high, "it was asked already"
    uart.write(IIR_FCR, 1, 4)
    assert line.is_high, "an emptied transmitter"


def test_how_much_can_be_written_to_the_console() -> None:
    uart, _ = uart_of()
    assert uart.quiet_room == OUTPUT_BYTES_MAX
    uart.transmitted(b"abc")
    assert uart.quiet_room == OUTPUT_BYTES_MAX - 3
    assert uart.take_output() == b"abc"
    for noticed in ((LCR, 0x80), (MCR, 0x10)):
        assert uart_of(noticed)[0].quiet_room == 0
    assert uart_of((IER, 7))[0].quiet_room == OUTPUT_BYTES_MAX
