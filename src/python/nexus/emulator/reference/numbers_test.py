"""Bits, causes and bounds of a hart by their numbers: the privileged architecture's, and ours.

The other tests take the names from the code, or run guests, which use few of them.
"""

from __future__ import annotations

import pytest

from nexus.emulator.reference import access_steps, chain, clock, csr, source, trap
from nexus.emulator.reference import block as blocks
from nexus.emulator.reference import state as s
from nexus.emulator.reference.trap import Cause


@pytest.mark.parametrize(
    ("name", "bit"),
    [
        ("SIE", 1),
        ("MIE", 3),
        ("SPIE", 5),
        ("MPIE", 7),
        ("SPP", 8),
        ("MPRV", 17),
        ("SUM", 18),
        ("MXR", 19),
        ("TVM", 20),
        ("TW", 21),
        ("TSR", 22),
        ("SD", 63),
    ],
)
def test_a_field_of_mstatus_has_its_bit(name: str, bit: int) -> None:
    assert getattr(trap, f"MSTATUS_{name}") == 1 << bit


def test_fields_and_masks_are_those_of_the_specification() -> None:
    assert (trap.MSTATUS_MPP, trap.MSTATUS_FS) == (0x1800, 0x6000)
    assert (trap.INTERRUPT, trap.MENVCFG_STCE) == (1 << 63, 1 << 63)
    assert (trap.STIP, clock.MTIP) == (0x20, 0x80)
    assert trap.INTERRUPT_PRIORITY == (11, 3, 7, 9, 1, 5)
    assert s.MSTATUS_RESET == 2 << 34 | 2 << 32
    assert (csr.SATP_SV39, csr.SATP_SV48) == (8, 9)
    assert (csr.INTERRUPTS, csr.SUPERVISOR_INTERRUPTS) == (0xAAA, 0x222)
    assert sum(1 << bit for bit in (1, 3, 5, 7, 8, 11, 12, *range(17, 23))) == csr.MSTATUS_WRITABLE
    assert sum(1 << bit for bit in (1, 5, 8, 18, 19)) == csr.SSTATUS_WRITABLE
    assert csr.SSTATUS_VISIBLE == csr.SSTATUS_WRITABLE | 2**63 | 3 << 32 | 3 << 13
    assert sum(1 << bit for bit in (*range(10), 12, 13, 15)) == csr.MEDELEG_WRITABLE
    assert csr.ENVIRONMENT == 0xF1
    assert (csr.COUNTERS, csr.EVENT_COUNTERS, csr.TRIGGERS) == (2**32 - 1, 16, 2)
    assert s.PMPADDR_COUNT == 16
    assert (s.USER, s.SUPERVISOR, s.MACHINE) == (0, 1, 3)


def test_causes_have_their_codes() -> None:
    assert {cause.name: cause.value for cause in Cause} == {
        "INSTRUCTION_ACCESS": 1,
        "ILLEGAL_INSTRUCTION": 2,
        "BREAKPOINT": 3,
        "LOAD_MISALIGNED": 4,
        "LOAD_ACCESS": 5,
        "STORE_MISALIGNED": 6,
        "STORE_ACCESS": 7,
        "ECALL_FROM_USER": 8,
        "INSTRUCTION_PAGE": 12,
        "LOAD_PAGE": 13,
        "STORE_PAGE": 15,
    }


def test_words_of_a_state_are_apart_and_the_visible_ones_come_first() -> None:
    names = [
        "SINK",
        "PC",
        "PRIVILEGE",
        "WAITING",
        "STEPS",
        "IDLE",
        "MSTATUS",
        "MIE",
        "MIP_SOFT",
        "MIP_LINE",
        "MEDELEG",
        "MIDELEG",
        "MTVEC",
        "MEPC",
        "MCAUSE",
        "MTVAL",
        "MSCRATCH",
        "MCOUNTEREN",
        "MTIME_OFFSET",
        "MENVCFG",
        "STVEC",
        "SEPC",
        "SCAUSE",
        "STVAL",
        "SSCRATCH",
        "SCOUNTEREN",
        "SENVCFG",
        "SATP",
        "STIMECMP",
        "RESERVED_ADDRESS",
        "RESERVED_VALUE",
        "CYCLE_OFFSET",
        "INSTRET_OFFSET",
        "MTIMECMP",
        "PMPCFG0",
        "PMPCFG2",
        "PMPADDR0",
    ]
    assert [getattr(s, name) for name in names] == list(range(32, 69))
    assert s.VISIBLE_WORDS == s.CHAIN_COUNT == s.PMPADDR0 + 16
    chained = ["COUNT", "TRAP_AT", "RETURN_AT", "LOOK", "PC", "CAUSE", "VALUE", "MODE"]
    assert [getattr(s, f"CHAIN_{name}") for name in chained] == list(range(84, 92))
    anchored = ["AT", "REST", "MEMORY", "TRIES", "NEAR", "OPEN", "WORDS"]
    assert [getattr(s, f"ANCHOR_{name}") for name in anchored] == list(range(92, 99))
    assert s.ANCHOR_COUNT == len(chain._COMPARED) == 35
    assert [s.F0, s.FCSR, s.TSELECT, s.EXTENSIONS, s.MISA, s.HART, s.STATE_WORDS] == [
        133,
        165,
        166,
        167,
        168,
        169,
        170,
    ]
    assert s.FLOAT_WORDS == 34


def test_bounds_of_chains_are_those_of_the_machines_specification() -> None:
    assert s.CHAIN_LOOK_FIRST == 32
    assert chain.LOOKS == (32, 512, 4096, 32_768)
    assert (chain.PATIENT, chain.ENDLESS) == (4096, 131_072)
    assert (chain.WINDOW, chain.WINDOW_TICKS, chain.NEAR_MAX) == (64, 65_536, 8)


def test_time_and_caches() -> None:
    assert clock.TICKS_PER_MTIME == 10
    assert (blocks.HEAT_COMPILE, blocks.RUNS_MAX, source.CODE_CACHE_BLOCKS) == (12, 65_536, 65_536)
    assert access_steps._M64 == clock.M64 == csr.M64 == trap._ADDRESS == 2**64 - 1
    assert s.NO_RESERVATION == s.TIMER_NEVER == 2**64 - 1
