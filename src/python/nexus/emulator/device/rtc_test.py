"""The real-time clock: virtual time from an epoch on, one alarm."""

from nexus.emulator.board import RTC_BASE
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
