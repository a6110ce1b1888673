"""Control and status registers: which mode may access which, and what a write changes.

Registers that are plain storage are rows of a table (state index, writable bits); the others have
a reader and a writer.  An absent register is an illegal instruction, as on QEMU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nexus.core.record import dataclass
from nexus.emulator.isa.cpu import HAS_F, HAS_SV48
from nexus.emulator.reference import state as s
from nexus.emulator.reference.core import Core
from nexus.emulator.reference.pmp import LOCKED, config_byte
from nexus.emulator.reference.trap import (
    MENVCFG_STCE,
    MSTATUS_FS,
    MSTATUS_MIE,
    MSTATUS_MPP,
    MSTATUS_SD,
    MSTATUS_SIE,
    MSTATUS_TVM,
    STIP,
)

M64: Final = (1 << 64) - 1

# Writable mstatus fields: SIE MIE SPIE MPIE SPP MPP MPRV SUM MXR TVM TW TSR.
MSTATUS_WRITABLE: Final = 0x7E_19AA
# The part of it that sstatus shows: SIE SPIE SPP SUM MXR FS, and the read-only UXL and SD.
SSTATUS_WRITABLE: Final = 0xC_0122
SSTATUS_VISIBLE: Final = SSTATUS_WRITABLE | 3 << 32 | MSTATUS_FS | MSTATUS_SD

INTERRUPTS: Final = 0xAAA
SUPERVISOR_INTERRUPTS: Final = 0x222
MEDELEG_WRITABLE: Final = 0xB3FF
# Writable bits of menvcfg and senvcfg: FIOM, and the cache block fields, which nothing uses.
ENVIRONMENT: Final = 0xF1
COUNTERS: Final = 0xFFFF_FFFF  # cycle, time, instret, and those of events.
EVENT_COUNTERS: Final = 16  # As many as QEMU has by default; they stay zero.

# How many triggers `tselect` can choose from: as many as QEMU has.  None of them does anything.
TRIGGERS: Final = 2

SATP_SV39: Final = 8
SATP_SV48: Final = 9


class IllegalCsrError(Exception):
    """The access is not permitted or the register does not exist."""


@dataclass(frozen=True, slots=True)
class Csr:
    """The ways to read and to write one register.

    `kept` is the value that csrrs and csrrc change where it is not the value that is read.  What
    changes `by_itself` is a clock, a count of steps, or the line of a device.
    """

    read: Callable[[Core], int]
    write: Callable[[Core, int], None]
    kept: Callable[[Core], int] | None = None
    by_itself: bool = False


def _plain(index: int, writable: int = M64) -> Csr:
    """Storage of which only some bits can change."""

    def read(hart: Core) -> int:
        return hart.state[index]

    def write(hart: Core, value: int) -> None:
        hart.state[index] = value & writable

    return Csr(read, write)


def _constant(value: int) -> Csr:
    """A register that ignores writes."""
    return Csr(lambda hart: value, lambda hart, written: None)


def _gate(csr: Csr) -> Csr:
    """Make a register notice that a write lets interrupts come into the handler that runs.

    Interrupts for machine mode come into other modes whatever is written there, and chain.py knows.
    """

    def write(hart: Core, value: int) -> None:
        csr.write(hart, value)
        state = hart.state
        is_machine = state[s.PRIVILEGE] == s.MACHINE
        is_open = state[s.MSTATUS] & (MSTATUS_MIE if is_machine else MSTATUS_SIE)
        delegated = state[s.MIDELEG]
        if is_open and state[s.MIE] & (~delegated if is_machine else delegated):
            hart.heard_from_outside()

    return Csr(csr.read, write)


def _write_status(hart: Core, value: int, writable: int) -> None:
    """Change fields of mstatus; FS exists where there are floating-point registers."""
    if hart.state[s.EXTENSIONS] & HAS_F:
        writable |= MSTATUS_FS
    status = hart.state[s.MSTATUS] & ~writable | value & writable
    is_dirty = status & MSTATUS_FS == MSTATUS_FS
    hart.state[s.MSTATUS] = status & ~MSTATUS_SD | (MSTATUS_SD if is_dirty else 0)


def _write_mstatus(hart: Core, value: int) -> None:
    if value >> 11 & 3 == 2:  # No hypervisor level: keep the previous privilege.
        value = value & ~MSTATUS_MPP | hart.state[s.MSTATUS] & MSTATUS_MPP
    _write_status(hart, value, MSTATUS_WRITABLE)


def _write_sstatus(hart: Core, value: int) -> None:
    _write_status(hart, value, SSTATUS_WRITABLE)


def _float_csr(shift: int, width: int) -> Csr:
    """A field of fcsr."""
    mask = (1 << width) - 1 << shift

    def write(hart: Core, value: int) -> None:
        hart.state[s.FCSR] = hart.state[s.FCSR] & ~mask | value << shift & mask
        hart.wrote_float()

    return Csr(lambda hart: (hart.state[s.FCSR] & mask) >> shift, write)


def _write_tselect(hart: Core, value: int) -> None:
    if value < TRIGGERS:
        hart.state[s.TSELECT] = value


def _read_mip(hart: Core) -> int:
    return hart.state[s.MIP_SOFT] | hart.state[s.MIP_LINE]


def _kept_mip(hart: Core) -> int:
    """Return the bits that software wrote; a line that is up is not one (section 3.1.9)."""
    return hart.state[s.MIP_SOFT]


def _write_mip(hart: Core, value: int) -> None:
    writable = SUPERVISOR_INTERRUPTS
    if hart.state[s.MENVCFG] & MENVCFG_STCE:
        writable &= ~STIP  # The comparator owns it.
    hart.state[s.MIP_SOFT] = value & writable


def _write_sie(hart: Core, value: int) -> None:
    delegated = hart.state[s.MIDELEG]
    hart.state[s.MIE] = hart.state[s.MIE] & ~delegated | value & delegated


def _write_sip(hart: Core, value: int) -> None:
    writable = hart.state[s.MIDELEG] & 2  # Only SSIP can be written from below.
    hart.state[s.MIP_SOFT] = hart.state[s.MIP_SOFT] & ~writable | value & writable


def _write_satp(hart: Core, value: int) -> None:
    has_more = hart.state[s.EXTENSIONS] & HAS_SV48
    # Other modes: the whole write has no effect.
    if value >> 60 in (0, SATP_SV39) or (has_more and value >> 60 == SATP_SV48):
        hart.state[s.SATP] = value


def _write_menvcfg(hart: Core, value: int) -> None:
    hart.state[s.MENVCFG] = value & (MENVCFG_STCE | ENVIRONMENT)
    if value & MENVCFG_STCE:
        hart.state[s.MIP_SOFT] &= ~STIP
    hart.timers_changed()


def _write_stimecmp(hart: Core, value: int) -> None:
    hart.state[s.STIMECMP] = value
    hart.timers_changed()


def _write_cycle(hart: Core, value: int) -> None:
    # The write itself counts as one step, and the new value is what the next instruction reads.
    hart.state[s.CYCLE_OFFSET] = value - hart.ticks - 1 & M64


def _write_instret(hart: Core, value: int) -> None:
    hart.state[s.INSTRET_OFFSET] = value - hart.steps - 1 & M64


def _tvec(index: int) -> Csr:
    """A trap vector: direct or vectored; other modes leave it unchanged."""

    def write(hart: Core, value: int) -> None:
        if value & 3 < 2:
            hart.state[index] = value

    return Csr(lambda hart: hart.state[index], write)


def _pmpcfg(number: int) -> Csr:
    index = s.PMPCFG0 if number == 0 else s.PMPCFG2

    def write(hart: Core, value: int) -> None:
        merged = 0
        for byte in range(8):
            old = hart.state[index] >> 8 * byte & 0xFF
            new = value >> 8 * byte & 0x9F
            merged |= (old if old & LOCKED else new) << 8 * byte
        hart.state[index] = merged
        hart.mmu.pmp_changed()

    return Csr(lambda hart: hart.state[index], write)


def _pmpaddr(number: int) -> Csr:
    index = s.PMPADDR0 + number

    def write(hart: Core, value: int) -> None:
        above = config_byte(hart.state, number + 1) if number + 1 < s.PMPADDR_COUNT else 0
        locked_by_tor = above & LOCKED and above >> 3 & 3 == 1
        if not config_byte(hart.state, number) & LOCKED and not locked_by_tor:
            hart.state[index] = value & (1 << 54) - 1
            hart.mmu.pmp_changed()

    return Csr(lambda hart: hart.state[index], write)


_CYCLE: Final = Csr(
    lambda hart: hart.ticks + hart.state[s.CYCLE_OFFSET] & M64, _write_cycle, by_itself=True
)
_INSTRET: Final = Csr(
    lambda hart: hart.steps + hart.state[s.INSTRET_OFFSET] & M64, _write_instret, by_itself=True
)

_FLOAT_CSRS: Final = range(0x001, 0x004)

CSRS: Final[dict[int, Csr]] = {
    0x001: _float_csr(0, 5),
    0x002: _float_csr(5, 3),
    0x003: _float_csr(0, 8),
    0x100: _gate(Csr(lambda hart: hart.state[s.MSTATUS] & SSTATUS_VISIBLE, _write_sstatus)),
    0x104: _gate(Csr(lambda hart: hart.state[s.MIE] & hart.state[s.MIDELEG], _write_sie)),
    0x105: _tvec(s.STVEC),
    0x106: _plain(s.SCOUNTEREN, COUNTERS),
    0x10A: _plain(s.SENVCFG, ENVIRONMENT),
    0x140: _plain(s.SSCRATCH),
    0x141: _plain(s.SEPC, M64 - 1),
    0x142: _plain(s.SCAUSE),
    0x143: _plain(s.STVAL),
    0x144: Csr(lambda hart: _read_mip(hart) & hart.state[s.MIDELEG], _write_sip, by_itself=True),
    0x14D: Csr(lambda hart: hart.state[s.STIMECMP], _write_stimecmp),
    0x180: Csr(lambda hart: hart.state[s.SATP], _write_satp),
    0x300: _gate(Csr(lambda hart: hart.state[s.MSTATUS], _write_mstatus)),
    0x301: Csr(lambda hart: hart.state[s.MISA], lambda hart, value: None),
    0x302: _plain(s.MEDELEG, MEDELEG_WRITABLE),
    0x303: _gate(_plain(s.MIDELEG, SUPERVISOR_INTERRUPTS)),
    0x304: _gate(_plain(s.MIE, INTERRUPTS)),
    0x305: _tvec(s.MTVEC),
    0x306: _plain(s.MCOUNTEREN, COUNTERS),
    0x30A: Csr(lambda hart: hart.state[s.MENVCFG], _write_menvcfg),
    0x320: _constant(0),
    0x340: _plain(s.MSCRATCH),
    0x341: _plain(s.MEPC, M64 - 1),
    0x342: _plain(s.MCAUSE),
    0x343: _plain(s.MTVAL),
    0x344: Csr(_read_mip, _write_mip, _kept_mip, by_itself=True),
    0x3A0: _pmpcfg(0),
    0x3A2: _pmpcfg(2),
    **{0x3B0 + i: _pmpaddr(i) for i in range(s.PMPADDR_COUNT)},
    0x7A0: Csr(lambda hart: hart.state[s.TSELECT], _write_tselect),
    0xB00: _CYCLE,
    0xB02: _INSTRET,
    0xC00: _CYCLE,
    0xC01: Csr(lambda hart: hart.mtime, lambda hart, value: None, by_itself=True),
    0xC02: _INSTRET,
    0xF11: _constant(0),
    0xF12: _constant(0),
    0xF13: _constant(0),
    0xF14: Csr(lambda hart: hart.state[s.HART], lambda hart, value: None),
    0xF15: _constant(0),
    **{0xB03 + i: _constant(0) for i in range(EVENT_COUNTERS)},
    **{0xC03 + i: _constant(0) for i in range(EVENT_COUNTERS)},
    **{0x323 + i: _constant(0) for i in range(29)},
}

_TIME_BIT: Final = 1


def access(hart: Core, number: int, is_write: bool) -> Csr:
    """Find a register and check that the hart may access it now.

    Raises:
        IllegalCsrError: Raise an illegal-instruction trap.
    """
    csr = CSRS.get(number)
    state = hart.state
    privilege = state[s.PRIVILEGE]
    if csr is None or (number >> 8 & 3) > privilege or (is_write and number >> 10 == 3):
        raise IllegalCsrError
    if number == 0x180 and privilege == s.SUPERVISOR and state[s.MSTATUS] & MSTATUS_TVM:
        raise IllegalCsrError
    if number >> 5 == 0xC00 >> 5 and not _counter_enabled(state, number & 31, privilege):
        raise IllegalCsrError
    if number in _FLOAT_CSRS and not state[s.MSTATUS] & MSTATUS_FS:
        raise IllegalCsrError
    if number == 0x14D and not _comparator_enabled(state, privilege):
        raise IllegalCsrError
    return csr


def _comparator_enabled(state: s.State, privilege: int) -> bool:
    if privilege == s.MACHINE:
        return True
    return bool(state[s.MENVCFG] & MENVCFG_STCE and state[s.MCOUNTEREN] >> _TIME_BIT & 1)


def _counter_enabled(state: s.State, bit: int, privilege: int) -> bool:
    if privilege < s.MACHINE and not state[s.MCOUNTEREN] >> bit & 1:
        return False
    return privilege != s.USER or bool(state[s.SCOUNTEREN] >> bit & 1)
