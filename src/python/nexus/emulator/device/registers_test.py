"""Registers of the small devices, bit for bit: what is read after a write, and which line moves."""

from __future__ import annotations

import pytest

from nexus.emulator.device.clint import SoftwareInterrupt, Timer
from nexus.emulator.device.finisher import Finisher
from nexus.emulator.device.plic import WORDS, Plic
from nexus.emulator.device.rom import Rom
from nexus.emulator.device.uart import FIFO_BYTES, OUTPUT_BYTES_MAX, Uart
from nexus.emulator.program_support import boot
from nexus.emulator.reference.state import MIP_LINE, MTIMECMP

RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR = range(8)


class Harts:
    """Two harts that are nothing but their words."""

    def __init__(self) -> None:
        self.count = 2
        self.mtime = 0x1122_3344_5566_7788
        self.words: list[dict[int, int]] = [{MIP_LINE: 0, MTIMECMP: 0} for _ in range(2)]

    def set_line(self, number: int, bit: int, is_high: bool) -> None:
        lines = self.words[number][MIP_LINE]
        self.words[number][MIP_LINE] = lines | 1 << bit if is_high else lines & ~(1 << bit)

    def read(self, number: int, index: int) -> int:
        return self.words[number][index]

    def set_comparator(self, number: int, value: int) -> None:
        self.words[number][MTIMECMP] = value

    def set_mtime(self, value: int) -> None:
        self.mtime = value


def test_msip_is_one_bit_of_one_hart() -> None:
    harts = Harts()
    device = SoftwareInterrupt(harts)
    device.write(4, 4, 0xFFFF_FFFF)
    assert [hart[MIP_LINE] for hart in harts.words] == [0, 8]
    assert [device.read(offset, 4) for offset in (0, 4, 8, 1, 5)] == [0, 1, 0, 0, 0]
    device.write(4, 4, 0xFFFF_FFFE)
    device.write(0, 4, 1)
    assert [hart[MIP_LINE] for hart in harts.words] == [8, 0]
    for offset in (8, 1, 2, 0x3FFC):
        device.write(offset, 4, 1)
    assert [hart[MIP_LINE] for hart in harts.words] == [8, 0]
    # The other lines of a hart are not msip.
    harts.words[1][MIP_LINE] = 0xF7
    assert device.read(4, 4) == 0


def test_a_comparator_is_written_whole_or_by_halves_of_its_own_hart() -> None:
    harts = Harts()
    device = Timer(harts, harts)
    device.write(8, 8, 0xAABB_CCDD_EEFF_0011)
    device.write(0, 4, 5)
    device.write(4, 4, 6)
    assert [hart[MTIMECMP] for hart in harts.words] == [6 << 32 | 5, 0xAABB_CCDD_EEFF_0011]
    assert device.read(8, 8) == 0xAABB_CCDD_EEFF_0011
    assert (device.read(8, 4), device.read(12, 4)) == (0xEEFF_0011, 0xAABB_CCDD)
    device.write(12, 4, 1)
    assert harts.words[1][MTIMECMP] == 1 << 32 | 0xEEFF_0011
    for offset in (16, 0x7FF0):
        device.write(offset, 8, 7)
        assert device.read(offset, 8) == 0
    assert harts.mtime == 0x1122_3344_5566_7788


def test_mtime_is_one_for_all_harts_and_its_other_half_stays() -> None:
    harts = Harts()
    device = Timer(harts, harts)
    assert device.read(0x7FF8, 8) == 0x1122_3344_5566_7788
    assert (device.read(0x7FF8, 4), device.read(0x7FFC, 4)) == (0x5566_7788, 0x1122_3344)
    device.write(0x7FFC, 4, 9)
    assert harts.mtime == 9 << 32 | 0x5566_7788
    device.write(0x7FF8, 4, 8)
    assert harts.mtime == 9 << 32 | 8
    device.write(0x7FF8, 8, 3)
    assert harts.mtime == 3
    assert [hart[MTIMECMP] for hart in harts.words] == [0, 0]


@pytest.mark.parametrize(
    ("offset", "value", "exit_code", "is_reset", "stops"),
    [
        (0, 0x5555, 0, False, 1),
        (0, 7 << 16 | 0x5555, 0, False, 1),
        (0, 0x3333, 0, False, 1),
        (0, 0xFFFF << 16 | 0x3333, 0xFFFF, False, 1),
        (0, 0x7777, None, True, 1),
        (0, 0x5554, None, False, 0),
        (0, 0, None, False, 0),
        (4, 0x5555, None, False, 0),
    ],
)
def test_the_finisher_knows_three_commands(
    offset: int, value: int, exit_code: int | None, is_reset: bool, stops: int
) -> None:
    stopped: list[None] = []
    device = Finisher(lambda: stopped.append(None))
    device.write(offset, 4, value)
    assert (device.exit_code, device.is_reset, len(stopped)) == (exit_code, is_reset, stops)
    assert device.read(0, 4) == 0


def test_read_only_memory_ends_in_zeros() -> None:
    rom = Rom(b"\x01\x02\x03")
    rom.write(0, 1, 9)
    assert [rom.read(0, 4), rom.read(1, 2), rom.read(2, 8), rom.read(3, 1)] == [
        0x030201,
        0x0302,
        3,
        0,
    ]


def plic_of(harts: int = 1) -> tuple[Plic, list[bool]]:
    lines = [False] * (2 * harts)

    def set_line(context: int, is_high: bool) -> None:
        lines[context] = is_high

    return Plic(set_line, harts), lines


def test_a_threshold_hides_its_own_priority_and_shows_the_next() -> None:
    plic, lines = plic_of()
    plic.write(4 * 5, 4, 3)
    plic.write(0x2080, 4, 1 << 5)
    plic.set_source(5, True)
    for threshold, is_high in ((2, True), (3, False), (4, False), (0xFA, True), (7, False)):
        plic.write(0x20_1000, 4, threshold)
        assert lines == [False, is_high], threshold
    assert plic.read(0x20_1000, 4) == 7
    assert plic.read(0x20_0000, 4) == 0
    assert [plic.read(0x2080 + offset, 4) for offset in (0, 4, 8)] == [1 << 5, 0, 0]


def test_source_zero_does_not_exist_and_the_last_is_95() -> None:
    plic, lines = plic_of()
    for source in (0, 95, 96):
        plic.write(4 * source, 4, 7)
    assert [plic.read(4 * source, 4) for source in (0, 95, 96)] == [0, 7, 0]
    plic.write(0x2000, 4, 0xFFFF_FFFF)
    assert plic.read(0x2000, 4) == 0xFFFF_FFFE
    plic.write(0x2008, 4, 1 << 31)
    plic.set_source(95, True)
    assert lines[0]
    assert plic.read(0x1008, 4) == 1 << 31
    assert plic.read(0x1000, 4) == 0
    assert plic.read(0x20_0004, 4) == 95
    for nothing in (0, 96):
        plic.write(0x20_0004, 4, nothing)
    assert not lines[0], "still being served"
    plic.write(0x20_0004, 4, 95)
    assert lines[0]


def test_a_source_that_is_served_does_not_become_pending_and_one_whose_line_fell_is_not_again() -> (
    None
):
    plic, lines = plic_of()
    plic.write(4 * 5, 4, 1)
    plic.write(0x2000, 4, 1 << 5)
    plic.set_source(5, True)
    assert plic.read(0x20_0004, 4) == 5
    plic.set_source(5, False)
    plic.set_source(5, True)
    assert plic.read(0x1000, 4) == 0
    plic.set_source(5, False)
    plic.write(0x20_0004, 4, 5)
    assert plic.read(0x1000, 4) == 0
    assert not lines[0]


def test_two_sources_at_once_are_claimed_one_after_the_other() -> None:
    plic, lines = plic_of()
    plic.write(0x2000, 4, 1 << 5 | 1 << 6)
    for source in (5, 6):
        plic.write(4 * source, 4, 2)
        plic.set_source(source, True)
    assert plic.read(0x20_0004, 4) == 5
    assert lines[0], "the other one still waits"
    assert plic.read(0x20_0004, 4) == 6
    assert not lines[0]
    plic.write(0x20_0004, 4, 6)
    assert lines[0]
    assert plic.read(0x20_0004, 4) == 6, "five is still being served"


def test_contexts_of_two_harts_are_apart_and_there_is_no_fifth() -> None:
    plic, lines = plic_of(harts=2)
    plic.write(4 * 5, 4, 1)
    plic.set_source(5, True)
    for context in range(4):
        plic.write(0x2000 + 0x80 * context, 4, 1 << 5)
        assert lines == [at == context for at in range(4)]
        plic.write(0x20_0000 + 0x1000 * context, 4, 2)
        assert plic.read(0x20_0000 + 0x1000 * context, 4) == 2
        assert not any(lines)
        plic.write(0x2000 + 0x80 * context, 4, 0)
    for offset in (0x2200, 0x20_4000, 0x20_4004):
        plic.write(offset, 4, 0xFFFF_FFFF)
        assert plic.read(offset, 4) == 0
    assert plic.read(0x20_0008, 4) == 0


def test_what_an_engine_takes_over_is_what_was_there() -> None:
    plic, lines = plic_of()
    plic.write(4 * 5, 4, 3)
    plic.write(0x2000, 4, 1 << 5)
    plic.set_source(5, True)
    words = [7] * WORDS
    plic.share(words)
    assert plic.words is words
    assert (plic.read(4 * 5, 4), plic.read(0x2000, 4), plic.read(0x1000, 4)) == (3, 32, 32)
    assert plic.read(4 * 6, 4) == 0
    assert plic.read(0x20_0004, 4) == 5
    assert not lines[0]


def test_a_controller_that_is_restored_is_the_one_that_was_saved() -> None:
    plic, _ = plic_of(harts=2)
    for context in range(4):
        plic.write(0x2000 + 0x80 * context, 4, 2 << context)
        plic.write(0x20_0000 + 0x1000 * context, 4, context + 1)
    plic.write(4 * 3, 4, 6)
    plic.set_source(3, True)
    again, _ = plic_of(harts=2)
    for name in Plic.SAVED:
        setattr(again, name, getattr(plic, name))
    assert list(again.words) == list(plic.words)  # type: ignore[call-overload]  # They are lists.
    assert again.read(0x2180, 4) == 16
    assert again.read(0x20_3000, 4) == 4


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


def test_a_machine_that_has_not_run_is_at_time_zero() -> None:
    machine = boot("loop: j loop")
    assert machine.now_ns == 0
    machine.run(20)
    assert machine.now_ns == 20
