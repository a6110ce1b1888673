"""Registers of clocks, finisher and ROM, bit for bit: what a read gives, and which line moves."""

from __future__ import annotations

import pytest

from nexus.emulator.device.clint import SoftwareInterrupt, Timer
from nexus.emulator.device.finisher import Finisher
from nexus.emulator.device.rom import Rom
from nexus.emulator.program_support import boot
from nexus.emulator.reference.state import MIP_LINE, MTIMECMP


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


def test_a_machine_that_has_not_run_is_at_time_zero() -> None:
    machine = boot("loop: j loop")
    assert machine.now_ns == 0
    machine.run(20)
    assert machine.now_ns == 20
