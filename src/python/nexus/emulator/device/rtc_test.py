"""The real-time clock: virtual time from an epoch on, one alarm."""

import pytest

from nexus.emulator.board import RTC_BASE
from nexus.emulator.device.rtc import Rtc
from nexus.emulator.machine import Stop
from nexus.emulator.program_support import EXIT, boot

EPOCH_S = 1_700_000_000
SOURCE = f"""
    li s0, {RTC_BASE}
    lwu s1, 0(s0)
    lwu s2, 4(s0)
    slli s2, s2, 32
    or s1, s1, s2
    li a0, 0
    {EXIT}"""

# Arms an alarm in 5 ms, sleeps, claims source 11 and ends with the ms since it began.
ALARM = f"""
    li s0, {RTC_BASE}
    li t0, 0x0c00002c
    li t1, 1
    sw t1, 0(t0)
    li t0, 0x0c002000
    li t1, 0x800
    sw t1, 0(t0)
    li t0, 0x800
    csrw mie, t0
    lwu s1, 0(s0)
    li t0, 5000000
    add t0, t0, s1
    lwu t1, 4(s0)
    sw t1, 12(s0)
    sw t0, 8(s0)
    li t1, 1
    sw t1, 16(s0)
    lw s3, 24(s0)
    wfi
    lw s4, 24(s0)
    li t0, 0x0c200004
    lw s5, 0(t0)
    lwu s6, 0(s0)
    sub s6, s6, s1
    sw zero, 28(s0)
    li t0, 0x0c001000
    lw s7, 0(t0)
    li a0, 0
    {EXIT}"""


def test_the_clock_shows_the_epoch_and_virtual_time() -> None:
    machine = boot(SOURCE, epoch_s=EPOCH_S)
    assert machine.run(1_000_000) is Stop.FINISHED
    assert 0 < machine.register(9) - EPOCH_S * 1_000_000_000 < 1_000


def test_an_alarm_wakes_a_sleeping_hart_to_the_tick() -> None:
    machine = boot(ALARM, epoch_s=EPOCH_S)
    while machine.exit_code is None and (event := machine.next_event_ns()) is not None:
        machine.run(max(event, machine.now_ns + 10))
    armed, fired, source, after_ns = (machine.register(number) for number in (19, 20, 21, 22))
    assert (armed, fired, source) == (1, 0, 11)
    assert 5_000_000 <= after_ns < 5_000_200


def test_slices_do_not_matter() -> None:
    whole, sliced = boot(ALARM), boot(ALARM)
    whole.run(8_000_000)
    for until in range(1_230, 8_000_000, 123_450):
        sliced.run(until)
    sliced.run(8_000_000)
    assert whole.exit_code == sliced.exit_code == 0
    assert whole.state_digest() == sliced.state_digest()


def test_the_guest_can_set_the_clock() -> None:
    source = f"""
    li s0, {RTC_BASE}
    li t0, 7
    sw t0, 4(s0)
    sw zero, 0(s0)
    lwu s1, 0(s0)
    lwu s2, 4(s0)
    li a0, 0
    {EXIT}"""
    machine = boot(source)
    machine.run(1_000_000)
    assert machine.register(18) == 7
    assert machine.register(9) < 1_000


def test_a_clock_has_32_bit_registers_at_these_places() -> None:
    now = [5 << 32 | 9]
    lines: list[bool] = []
    looked: list[None] = []
    clock = Rtc(lambda: now[0], lines.append, lambda: looked.append(None))
    assert [clock.read(at, 4) for at in range(0, 0x24, 4)] == [9, 5, 0, 0, 0, 0, 0, 0, 0]
    # The high half is the one of the last time that the low half was read.
    now[0] = 6 << 32 | 1
    assert (clock.read(4, 4), clock.read(0, 4), clock.read(4, 4)) == (5, 1, 6)
    clock.write(0x0C, 4, 7)
    assert clock.alarm_in_ns is None
    assert clock.read(0x18, 4) == 0
    clock.write(0x08, 4, 3)
    assert [clock.read(at, 4) for at in (0x08, 0x0C, 0x10, 0x18)] == [3, 7, 0, 1]
    assert clock.alarm_in_ns == (7 << 32 | 3) - now[0]
    assert len(looked) == 1
    clock.write(0x14, 4, 1)
    assert [clock.alarm_in_ns, clock.read(0x18, 4), len(looked)] == [None, 0, 2]
    clock.write(0x08, 4, 4)
    assert clock.alarm_in_ns == (7 << 32 | 4) - now[0], "the high half stays"
    now[0] = 7 << 32 | 3
    clock.update()
    assert clock.read(0x18, 4) == 1
    now[0] += 1
    clock.update()
    assert [clock.read(0x18, 4), clock.alarm_in_ns] == [0, None]
    assert lines == [False]
    for value, is_enabled in ((2, False), (3, True)):
        clock.write(0x10, 4, value)
        assert (clock.is_enabled, clock.read(0x10, 4)) == (is_enabled, int(is_enabled))
        assert lines[-1] is is_enabled
    clock.write(0x1C, 4, 1)
    assert lines[-1] is False
    clock.write(0x10, 4, 1)
    assert lines[-1] is False, "it was taken back"


def test_a_clock_that_is_set_counts_on_and_wraps_at_64_bits() -> None:
    now = [100]
    looked: list[None] = []
    clock = Rtc(lambda: now[0], lambda is_high: None, lambda: looked.append(None))
    clock.write(4, 4, 2)
    assert (clock.read(0, 4), clock.read(4, 4)) == (100, 2), "each half is set alone"
    clock.write(0, 4, 50)
    assert len(looked) == 2, "what waits for the alarm looks again"
    now[0] += 7
    assert (clock.read(0, 4), clock.read(4, 4)) == (57, 2)
    clock.write(4, 4, 0xFFFF_FFFF)
    clock.write(0, 4, 0xFFFF_FFFF)
    assert (clock.read(0, 4), clock.read(4, 4)) == (0xFFFF_FFFF, 0xFFFF_FFFF)
    now[0] += 1
    assert (clock.read(0, 4), clock.read(4, 4)) == (0, 0)
    clock.write(8, 4, 0)
    clock.update()
    assert clock.read(0x18, 4) == 0, "an alarm of this very moment goes off"


NOW = 0x1122_3344_5566_7788


@pytest.fixture
def clock() -> Rtc:
    return Rtc(lambda: NOW, lambda level: None, lambda: None)


@pytest.mark.parametrize(
    ("offset", "size", "value", "shown"),
    [
        (0, 4, 5, 0x1122_3344_0000_0005),
        (4, 4, 5, 0x0000_0005_5566_7788),
        (0, 8, 5, 5),
    ],
)
def test_either_half_of_the_time_is_set_alone(
    clock: Rtc, offset: int, size: int, value: int, shown: int
) -> None:
    clock.write(offset, size, value)
    assert clock.read(0, 8) == shown
    assert clock.read(0, 4) == shown & 0xFFFF_FFFF
    assert clock.read(4, 4) == shown >> 32


def test_the_upper_half_is_that_of_the_last_read_of_the_lower(clock: Rtc) -> None:
    assert clock.read(0, 4) == NOW & 0xFFFF_FFFF
    clock.write(4, 4, 7)
    assert clock.read(4, 4) == NOW >> 32
    clock.read(0, 4)
    assert clock.read(4, 4) == 7


def test_an_alarm_in_the_past_goes_off_at_the_write() -> None:
    lines: list[bool] = []
    clock = Rtc(lambda: NOW, lines.append, lambda: None)
    clock.write(0x10, 4, 1)
    clock.write(8, 4, 1)
    assert (lines[-1], clock.read(0x18, 4), clock.alarm_in_ns) == (True, 0, None)
