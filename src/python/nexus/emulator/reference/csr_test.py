"""Registers as a program sees them: what a write leaves behind."""

import pytest

from nexus.emulator.machine import Stop
from nexus.emulator.program_support import EXIT, boot

ONES = (1 << 64) - 1


def after_write(name: str, value: int) -> int:
    text = f"li t0, {value}\n csrw {name}, t0\n csrr s4, {name}\n li a0, 0\n" + EXIT
    machine = boot(text)
    assert machine.run(100_000) is Stop.FINISHED
    return machine.register(20)


@pytest.mark.parametrize(
    ("name", "written", "read"),
    [
        ("mstatus", ONES, 0xA_007E_19AA),
        ("mstatus", 2 << 11, 0xA_0000_0000),  # There is no privilege 2.
        ("sstatus", ONES, 0x2_000C_0122),
        ("mie", ONES, 0xAAA),
        ("mip", ONES, 0x222 | 0x80),  # MTIP is up from the start, and read-only.
        ("mideleg", ONES, 0x222),
        ("medeleg", ONES, 0xB3FF),
        ("mcounteren", ONES, 0xFFFF_FFFF),
        ("scounteren", ONES, 0xFFFF_FFFF),
        ("menvcfg", ONES, 1 << 63 | 0xF1),
        ("mtvec", 0x8000_0101, 0x8000_0101),
        ("mtvec", 0x8000_0102, 0),  # A reserved mode changes nothing.
        ("mepc", ONES, ONES - 1),
        ("sepc", ONES, ONES - 1),
        ("satp", 8 << 60 | 0xFFFF << 44 | 5, 8 << 60 | 0xFFFF << 44 | 5),
        ("satp", 9 << 60 | 5, 0),  # Sv48 is not there: the write has no effect.
        ("mscratch", ONES, ONES),
        ("misa", 0, 2 << 62 | 0x141105),
        ("pmpaddr3", ONES, (1 << 54) - 1),
        ("mcountinhibit", ONES, 0),
    ],
)
def test_only_writable_bits_of_a_csr_change(name: str, written: int, read: int) -> None:
    assert after_write(name, written) == read


def test_locked_pmp_entries_stay() -> None:
    text = f"""
    li t0, 0x99
    csrw pmpcfg0, t0
    csrw pmpcfg0, zero
    csrr s4, pmpcfg0
    li t0, 5
    csrw pmpaddr0, t0
    csrr s5, pmpaddr0
    li a0, 0
    {EXIT}
    """
    machine = boot(text)
    machine.run(100_000)
    assert (machine.register(20), machine.register(21)) == (0x99, 0)


def test_set_and_clear_touch_only_their_bits() -> None:
    text = f"""
    li t0, 0xf0
    csrw mscratch, t0
    csrrsi s4, mscratch, 3
    csrrci s5, mscratch, 16
    csrr s6, mscratch
    li a0, 0
    {EXIT}
    """
    machine = boot(text)
    machine.run(100_000)
    assert [machine.register(n) for n in (20, 21, 22)] == [0xF0, 0xF3, 0xE3]


@pytest.mark.parametrize(
    ("config", "address", "stays"),
    [
        (0x88 << 8, 0, True),  # The range of a locked TOR entry begins at the address below it.
        (0x08 << 8, 0, False),
        (0x98 << 8, 0, False),  # Locked, but not TOR.
        (0x90 << 8, 0, False),
        (0x80 << 8, 0, False),
        (0x88 << 8, 1, True),
        (0x88 << 8, 2, False),
        (0x88, 1, False),
        (0x88 << 56, 6, True),
    ],
)
def test_the_address_below_a_locked_range_stays(config: int, address: int, stays: bool) -> None:
    text = f"""
    li t0, {config}
    csrw pmpcfg0, t0
    li t0, 5
    csrw pmpaddr{address}, t0
    csrr s4, pmpaddr{address}
    li a0, 0
    {EXIT}
    """
    machine = boot(text)
    machine.run(100_000)
    assert machine.register(20) == (0 if stays else 5)


def test_the_address_below_a_locked_range_of_the_next_register() -> None:
    text = f"""
    li t0, 0x88
    csrw pmpcfg2, t0
    li t0, 5
    csrw pmpaddr7, t0
    csrr s4, pmpaddr7
    csrw pmpaddr15, t0
    csrr s5, pmpaddr15
    li a0, 0
    {EXIT}
    """
    machine = boot(text)
    machine.run(100_000)
    assert (machine.register(20), machine.register(21)) == (0, 5)


@pytest.mark.parametrize("delegated", [0x222, 0x202, 0])
def test_sie_is_the_delegated_part_of_mie_and_leaves_the_rest_alone(delegated: int) -> None:
    text = f"""
        li t0, {delegated}
        csrw mideleg, t0
        li t0, 0xaaa
        csrw mie, t0
        csrw sie, zero
        csrr s2, mie
        li t0, -1
        csrw sie, t0
        csrr s3, sie
        csrw mie, zero
        csrw sie, t0
        csrr s4, mie
        li a0, 0
    """
    machine = boot(text + EXIT)
    assert machine.run(100_000) is Stop.FINISHED
    assert machine.register(18) == 0xAAA & ~delegated
    assert machine.register(19) == machine.register(20) == delegated
