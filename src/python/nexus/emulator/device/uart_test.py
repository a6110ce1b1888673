import pytest

from nexus.emulator.device.uart import INPUT_BYTES_MAX, OUTPUT_BYTES_MAX, Uart


class Line:
    def __init__(self) -> None:
        self.level = False

    def __call__(self, level: bool) -> None:
        self.level = level


@pytest.fixture
def wired() -> tuple[Uart, Line]:
    line = Line()
    return Uart(line), line


def test_output_and_idle_status(wired: tuple[Uart, Line]) -> None:
    uart, line = wired
    for byte in b"hi":
        assert uart.read(5, 1) == 0x60
        uart.write(0, 1, byte)
    assert uart.take_output() == b"hi"
    assert uart.take_output() == b""
    assert not line.level


def test_input_raises_data_ready_and_its_interrupt(wired: tuple[Uart, Line]) -> None:
    uart, line = wired
    uart.write(1, 1, 1)
    uart.receive(b"ab")
    assert line.level
    assert uart.read(2, 1) & 0xF == 4
    assert uart.read(5, 1) & 1
    assert [uart.read(0, 1), uart.read(0, 1)] == [0x61, 0x62]
    assert not line.level
    assert uart.read(2, 1) & 0xF == 1


def test_transmit_interrupt_is_acknowledged_by_iir(wired: tuple[Uart, Line]) -> None:
    uart, line = wired
    uart.write(1, 1, 2)
    assert line.level
    assert uart.read(2, 1) & 0xF == 2
    assert not line.level
    uart.write(0, 1, 65)
    assert line.level


def test_divisor_latch_hides_data_registers(wired: tuple[Uart, Line]) -> None:
    uart, _ = wired
    uart.write(3, 1, 0x83)
    uart.write(0, 1, 1)
    uart.write(1, 1, 2)
    assert (uart.read(0, 1), uart.read(1, 1)) == (1, 2)
    uart.write(3, 1, 3)
    assert uart.read(1, 1) == 0
    assert uart.take_output() == b""


def test_queues_are_bounded(wired: tuple[Uart, Line]) -> None:
    uart, _ = wired
    assert uart.receive(bytes(INPUT_BYTES_MAX + 9)) == INPUT_BYTES_MAX
    uart._output.extend(bytes(OUTPUT_BYTES_MAX))
    uart.write(0, 1, 65)
    assert uart.dropped_bytes == 1


def test_what_was_typed_waits_behind_the_fifo_and_survives_its_reset(
    wired: tuple[Uart, Line],
) -> None:
    """The guest loses what was received, and not what is still on the way."""
    uart, _ = wired
    uart.receive(bytes(range(40)))
    uart.write(2, 1, 7)  # The holding register had the first.
    uart.write(2, 1, 3)  # The FIFO has the next sixteen.
    assert [uart.read(0, 1) for _ in range(23)] == list(range(17, 40))


def test_loopback_keeps_no_more_than_the_fifo_holds(wired: tuple[Uart, Line]) -> None:
    uart, _ = wired
    uart.write(2, 1, 1)
    uart.write(4, 1, 0x10)
    for _ in range(1000):
        uart.write(0, 1, 65)
    assert uart.receive(bytes(INPUT_BYTES_MAX)) == INPUT_BYTES_MAX - 16
    assert [uart.read(0, 1) for _ in range(17)] == [65] * 16 + [0]
    uart.write(4, 1, 0)
    assert uart.read(5, 1) & 1
