"""The registers that exist, and the modes that may read or write each: every number."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from nexus.emulator.isa.cpu import parse_cpu
from nexus.emulator.reference import state as s
from nexus.emulator.reference.core import Core
from nexus.emulator.reference.csr import CSRS, Csr, IllegalCsrError, access

ONES = (1 << 64) - 1
SUPERVISOR_ONLY = {0x100, 0x104, 0x105, 0x106, 0x10A, *range(0x140, 0x145), 0x14D, 0x180}
FLOAT = {0x001, 0x002, 0x003}
COUNTERS = {0xC00, 0xC01, 0xC02, *range(0xC03, 0xC13)}
MACHINE = {
    0x300,
    0x301,
    0x302,
    0x303,
    0x304,
    0x305,
    0x306,
    0x30A,
    0x320,
    *range(0x323, 0x340),
    0x340,
    0x341,
    0x342,
    0x343,
    0x344,
    0x3A0,
    0x3A2,
    *range(0x3B0, 0x3C0),
    0x7A0,
    0xB00,
    0xB02,
    *range(0xB03, 0xB13),
    *range(0xF11, 0xF16),
}
READ_ONLY = {*COUNTERS, *range(0xF11, 0xF16)}


class Hart:
    """The parts of a hart that a register needs: its words, its counters, and a list of notices."""

    def __init__(self, privilege: int = 3, **words: int) -> None:
        self.state: s.State = [0] * s.STATE_WORDS
        self.state[s.PRIVILEGE] = privilege
        for name, value in words.items():
            self.state[getattr(s, name)] = value
        self.ticks, self.steps, self.mtime = 1000, 900, 100
        self.heard: list[str] = []
        self.mmu = SimpleNamespace(pmp_changed=lambda: self.heard.append("pmp"))

    def timers_changed(self) -> None:
        self.heard.append("timers")

    def heard_from_outside(self) -> None:
        self.heard.append("outside")

    def wrote_float(self) -> None:
        self.heard.append("float")

    def find(self, number: int, *, is_write: bool = False) -> Csr:
        return access(cast("Core", self), number, is_write)

    def may(self, number: int, *, is_write: bool = False) -> bool:
        try:
            self.find(number, is_write=is_write)
        except IllegalCsrError:
            return False
        return True

    def read(self, number: int) -> int:
        return self.find(number).read(cast("Core", self))

    def write(self, number: int, value: int) -> int:
        """Write, and return what is read then."""
        self.find(number, is_write=True).write(cast("Core", self), value)
        return self.read(number)


ALL_OPEN = {
    "MSTATUS": 3 << 13,
    "MCOUNTEREN": ONES,
    "SCOUNTEREN": ONES,
    "MENVCFG": 1 << 63,
}


def test_these_registers_exist_and_no_others() -> None:
    assert set(CSRS) == SUPERVISOR_ONLY | FLOAT | COUNTERS | MACHINE


@pytest.mark.parametrize(
    ("privilege", "readable"),
    [
        (0, FLOAT | COUNTERS),
        (1, FLOAT | COUNTERS | SUPERVISOR_ONLY),
        (3, FLOAT | COUNTERS | SUPERVISOR_ONLY | MACHINE),
    ],
)
def test_a_mode_has_its_registers_and_those_below(privilege: int, readable: set[int]) -> None:
    hart = Hart(privilege, **ALL_OPEN)
    assert {number for number in range(4096) if hart.may(number)} == readable
    writable = {number for number in range(4096) if hart.may(number, is_write=True)}
    assert writable == readable - READ_ONLY


@pytest.mark.parametrize(
    ("privilege", "machine", "supervisor", "is_open"),
    [
        (3, False, False, True),
        (1, False, True, False),
        (1, True, False, True),
        (0, True, False, False),
        (0, False, True, False),
        (0, True, True, True),
    ],
)
@pytest.mark.parametrize("bit", [0, 1, 2, 3, 18])
def test_each_counter_is_opened_by_its_own_bit(
    bit: int, privilege: int, machine: bool, supervisor: bool, is_open: bool
) -> None:
    one = 1 << bit
    for enabled, expected in ((one, is_open), (ONES & ~one, privilege == 3)):
        hart = Hart(privilege, MCOUNTEREN=enabled * machine, SCOUNTEREN=enabled * supervisor)
        assert hart.may(0xC00 + bit) is expected


@pytest.mark.parametrize("fs", [0, 1, 2, 3])
def test_floating_point_registers_are_there_unless_they_are_off(fs: int) -> None:
    hart = Hart(3, MSTATUS=fs << 13)
    assert [hart.may(number) for number in (1, 2, 3)] == [fs != 0] * 3


@pytest.mark.parametrize(
    ("privilege", "menvcfg", "mcounteren", "is_open"),
    [
        (3, 0, 0, True),
        (1, 1 << 63, 2, True),
        (1, 1 << 63, ONES & ~2, False),
        (1, 0, 2, False),
        (1, ONES >> 1, 2, False),
        (0, 1 << 63, 2, False),
    ],
)
def test_the_supervisors_comparator_needs_two_bits(
    privilege: int, menvcfg: int, mcounteren: int, is_open: bool
) -> None:
    assert Hart(privilege, MENVCFG=menvcfg, MCOUNTEREN=mcounteren).may(0x14D) is is_open


@pytest.mark.parametrize(
    ("privilege", "tvm", "is_open"), [(1, 0, True), (1, 1, False), (3, 1, True)]
)
def test_address_translation_may_be_kept_from_a_supervisor(
    privilege: int, tvm: int, is_open: bool
) -> None:
    hart = Hart(privilege, MSTATUS=tvm << 20)
    assert hart.may(0x180) is is_open
    assert hart.may(0x180, is_write=True) is is_open
    assert hart.may(0x141) is True


def test_fcsr_is_its_flags_and_its_rounding_mode() -> None:
    hart = Hart(3, MSTATUS=3 << 13)
    assert hart.write(0x003, ONES) == 0xFF
    assert (hart.read(0x001), hart.read(0x002)) == (0x1F, 7)
    assert hart.write(0x001, 0x25) == 5
    assert hart.read(0x003) == 0xE5
    assert hart.write(0x002, 10) == 2
    assert hart.read(0x003) == 0x45
    assert hart.heard == ["float"] * 3


@pytest.mark.parametrize(
    ("cpu", "status", "read"),
    [
        ("rv64imac", 0, 0),
        ("rv64imac", 3 << 13, 0),
        ("rv64gc", 0, 0),
        ("rv64gc", 1 << 13, 1 << 13),
        ("rv64gc", 2 << 13, 2 << 13),
        ("rv64gc", 3 << 13, 1 << 63 | 3 << 13),
    ],
)
def test_the_state_of_floating_point_is_there_where_it_is_and_sums_up_as_dirty(
    cpu: str, status: int, read: int
) -> None:
    for number in (0x100, 0x300):
        hart = Hart(3, EXTENSIONS=parse_cpu(cpu).mask)
        assert hart.write(number, status) == read
        assert hart.write(number, 0) == 0


def test_counters_count_from_what_was_written() -> None:
    hart = Hart()
    assert (hart.read(0xB00), hart.read(0xC00), hart.read(0xB02), hart.read(0xC02)) == (
        1000,
        1000,
        900,
        900,
    )
    assert hart.read(0xC01) == 100
    assert hart.write(0xB00, 50) == 49, "the write itself is a step"
    assert hart.write(0xB02, 7) == 6
    hart.ticks, hart.steps = 1001, 901
    assert [hart.read(number) for number in (0xB00, 0xC00, 0xB02, 0xC02)] == [50, 50, 7, 7]


def test_triggers_can_be_selected_and_hold_nothing() -> None:
    hart = Hart()
    assert [hart.write(0x7A0, value) for value in (1, 2, 0, 3, ONES)] == [1, 1, 0, 0, 0]


def test_constants_stay() -> None:
    hart = Hart(HART=3, MISA=5)
    for number in (0x320, *range(0x323, 0x340), *range(0xB03, 0xB13)):
        assert hart.write(number, ONES) == 0
    for number in (0xF11, 0xF12, 0xF13, 0xF15, *range(0xC03, 0xC13)):
        assert hart.read(number) == 0
    assert hart.read(0xF14) == 3
    assert hart.write(0x301, 0) == 5


@pytest.mark.parametrize(
    ("cpu", "written", "read"),
    [
        ("rv64imac", 8 << 60 | 5, 8 << 60 | 5),
        ("rv64imac", 9 << 60 | 5, 7),
        ("rv64imac", 5, 5),
        ("rv64imac", 1 << 60 | 5, 7),
        ("rv64imac", 10 << 60 | 5, 7),
    ],
)
def test_only_modes_that_exist_are_taken(cpu: str, written: int, read: int) -> None:
    hart = Hart(EXTENSIONS=parse_cpu(cpu).mask, SATP=7)
    assert hart.write(0x180, written) == read


def test_the_comparator_takes_the_supervisors_timer_bit_from_software() -> None:
    hart = Hart(MIP_SOFT=0x222)
    assert hart.write(0x30A, ONES) == 1 << 63 | 0xF1
    assert hart.state[s.MIP_SOFT] == 0x202
    assert hart.write(0x344, ONES) == 0x202
    assert hart.write(0x30A, 0) == 0
    assert hart.write(0x344, ONES) == 0x222
    assert hart.write(0x14D, 9) == 9
    assert hart.heard == ["timers"] * 3


def test_a_supervisor_writes_its_software_bit_alone_where_it_is_delegated() -> None:
    hart = Hart(1, MIDELEG=0x222, MIP_SOFT=0x220)
    assert hart.write(0x144, 2) == 0x222
    assert hart.write(0x144, 0) == 0x220
    hart = Hart(1, MIDELEG=0x220, MIP_SOFT=0)
    assert hart.write(0x144, ONES) == 0
    assert Hart(1, MIDELEG=0x20, MIP_LINE=0x222).read(0x144) == 0x20


def test_a_line_that_is_up_is_shown_and_not_kept_as_written() -> None:
    hart = Hart(MIP_SOFT=2, MIP_LINE=0x280)
    csr = hart.find(0x344)
    assert csr.kept is not None
    assert (csr.read(cast("Core", hart)), csr.kept(cast("Core", hart))) == (0x282, 2)
    others = [number for number in CSRS if CSRS[number].kept is not None]
    assert others == [0x344]


@pytest.mark.parametrize(("number", "first"), [(0x3A0, 0), (0x3A2, 8)])
def test_each_byte_of_pmpcfg_is_locked_by_itself(number: int, first: int) -> None:
    hart = Hart()
    assert hart.write(number, ONES) == 0x9F9F_9F9F_9F9F_9F9F
    assert hart.write(number, 0) == 0x9F9F_9F9F_9F9F_9F9F
    hart = Hart()
    hart.write(number, 0x88 << 24 | 0x1F << 32)
    assert hart.write(number, 0x0102_0304_0506_0708) == 0x0102_0304_8806_0708
    # The locked range of entry 3 begins at the address of entry 2.
    before = [hart.read(0x3B0 + entry) for entry in range(16)]
    assert before == [0] * 16
    kept = {first + 2, first + 3}
    for entry in range(16):
        assert hart.write(0x3B0 + entry, ONES) == (0 if entry in kept else (1 << 54) - 1)
    assert hart.heard == ["pmp"] * (2 + 14)


def test_which_registers_change_by_themselves() -> None:
    changing = {0x144, 0x344, 0xB00, 0xB02, 0xC00, 0xC01, 0xC02}
    assert {number for number, csr in CSRS.items() if csr.by_itself} == changing


@pytest.mark.parametrize(
    ("number", "value", "privilege", "before", "is_open"),
    [
        # In machine mode: MIE, and an interrupt that is not delegated.
        (0x300, 8, 3, {"MIE": 0x80}, True),
        (0x300, 2, 3, {"MIE": 0x80}, False),
        (0x300, 0x80, 3, {"MIE": 0x80}, False),
        (0x300, 8, 3, {}, False),
        (0x300, 10, 3, {"MIE": 0x20, "MIDELEG": 0x20}, False),
        (0x303, 0, 3, {"MSTATUS": 8, "MIE": 0x20, "MIDELEG": 0x20}, True),
        (0x303, 0x20, 3, {"MSTATUS": 8, "MIE": 0x20}, False),
        (0x304, 0x80, 3, {"MSTATUS": 8}, True),
        (0x304, 0x80, 3, {"MSTATUS": 2}, False),
        (0x304, 0, 3, {"MSTATUS": 8, "MIE": 0x80}, False),
        # In supervisor mode: SIE, and one that is.
        (0x100, 2, 1, {"MIE": 0x20, "MIDELEG": 0x20}, True),
        (0x100, 2, 1, {"MIE": 0x80}, False),
        (0x100, 0x20, 1, {"MSTATUS": 8, "MIE": 0xA0, "MIDELEG": 0x20}, False),
        (0x104, 0x20, 1, {"MSTATUS": 2, "MIDELEG": 0x20}, True),
        (0x104, 0x20, 1, {"MSTATUS": 8, "MIDELEG": 0x20}, False),
    ],
)
def test_a_write_that_lets_interrupts_come_into_the_handler(
    number: int, value: int, privilege: int, before: dict[str, int], is_open: bool
) -> None:
    hart = Hart(privilege, **before)
    hart.write(number, value)
    assert hart.heard == ["outside"] * is_open
