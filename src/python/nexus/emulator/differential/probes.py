"""Probes of the privileged architecture, drawn at random: each one question put to a machine.

A probe is its text (see `frame`), a line that says what it asks, and the bits of the answer that
are not compared: see `known.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from nexus.emulator.differential.frame import enter
from nexus.emulator.differential.kernel_probes import layout, shared, storm
from nexus.emulator.differential.known import KEPT_BY_RETURNS
from nexus.emulator.differential.memory_probes import memory_access, protected
from nexus.emulator.differential.probe import MODES, Probe
from nexus.emulator.isa.decode import decode
from nexus.emulator.isa.operand import CSR_NAMES

_M64: Final = (1 << 64) - 1

# Their values are those of a clock or a count of instructions.
_CLOCKS: Final = frozenset((0xB00, 0xB02, 0xC00, 0xC01, 0xC02))
# Registers that identify the implementation, and that show extensions we do not have.
_OWN: Final = frozenset((0x301, 0xF11, 0xF12, 0xF13))
# Writing them can lock the machine up: they have probes of their own.
_DANGEROUS: Final = frozenset((0x180, 0x3A0, 0x3A2))
_PMP: Final = frozenset(range(0x3B0, 0x3C0))
_STIMECMP: Final = 0x14D
_SSTATUS: Final = 0x100
_MSTATUS: Final = 0x300

_INTERESTING: Final = (0, _M64, 1 << 63, 0x1888, 0x800, 0x1000, 0xAAA, 0x222, 0xA_0000_0000, 5, 2)


def _value(chance: random.Random) -> int:
    kind = chance.randrange(4)
    if kind == 0:
        return chance.choice(_INTERESTING)
    if kind == 1:
        return 1 << chance.randrange(64)
    return chance.getrandbits(64) if kind == 2 else chance.getrandbits(24)


# The first and last event counter there is, one that is not, and their selectors.
_EVENTS: Final = (0xB03, 0xB12, 0xB13, 0xB1F, 0xC03, 0xC12, 0xC13, 0xC1F, 0x323, 0x33F)


def _registers() -> tuple[int, ...]:
    named = [number for number in sorted(CSR_NAMES) if number not in _DANGEROUS | _PMP | _OWN]
    return (*named, *_EVENTS)


def csr_access(chance: random.Random, number: int) -> Probe:
    """One of the six csr instructions; in machine mode the register is read back."""
    register = chance.choice(_registers())
    privilege = chance.choice((3, 3, 1, 0))
    name = chance.choice(("csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"))
    value = _value(chance) or 1  # QEMU takes setting no bits for no write, whatever the operand.
    if register == _STIMECMP:
        value = chance.choice((0, _M64))
    if register == _MSTATUS and value >> 11 & 3 == 2:
        value ^= 0x800  # A privilege that does not exist: QEMU keeps it.
    if register in (_MSTATUS, _SSTATUS):
        value &= ~(5 << 32)  # QEMU 7.2 takes a UXL of 128 bits, and then refuses atomics.
    immediate = chance.randrange(32)
    operand = str(immediate) if name.endswith("i") else chance.choice(("a2", "zero"))
    delegated = chance.choice((0, 4))
    after = f"csrr a1, {register:#x}" if privilege == 3 and register not in _CLOCKS else ""
    restore = "la t0, machine_trap\n csrw mtvec, t0" if privilege == 3 else ""
    hide = "li a0, 0" if register in _CLOCKS else ""
    text = f"""
    li t0, {delegated}
    csrw medeleg, t0
    li a2, {value}
    {enter(privilege, f"here_{number}", is_paged=False)}
    here_{number}: {name} a0, {register:#x}, {operand}
    {after}
    {hide}
    {restore}
    """
    shown = CSR_NAMES.get(register, hex(register))
    asks = f"{name} {shown}, {operand} (a2={value:#x}) in {MODES[privilege]} mode"
    return Probe(text, asks, register=register)


def absent_csr(chance: random.Random, number: int) -> Probe:
    """A csr that neither machine has: standard ranges of extensions switched off."""
    register = chance.choice((0x001, 0x002, 0x003, 0x008, 0x015, 0x7A8, 0x200, 0x5A8, 0x6FF, 0x9AA))
    privilege = chance.choice((3, 1, 0))
    text = f"""
    {enter(privilege, f"here_{number}", is_paged=False)}
    here_{number}: csrrs a0, {register:#x}, zero
    """
    return Probe(text, f"read csr {register:#x} in {MODES[privilege]} mode")


def counter(chance: random.Random, number: int) -> Probe:
    """Reading a counter from below, with enables at random."""
    register = chance.choice((0xC00, 0xC01, 0xC02, 0xC03, 0xC12, 0xC1F))
    privilege = chance.choice((0, 1))
    machine, supervisor = chance.getrandbits(20), chance.getrandbits(20)
    text = f"""
    li t0, {machine}
    csrw mcounteren, t0
    li t0, {supervisor}
    csrw scounteren, t0
    {enter(privilege, f"here_{number}", is_paged=False)}
    here_{number}: csrr a0, {register:#x}
    li a0, 1
    """
    asks = f"counter {register:#x}, mcounteren={machine}, scounteren={supervisor}"
    return Probe(text, f"{asks} in {MODES[privilege]} mode")


def comparator(chance: random.Random, number: int) -> Probe:
    """Sstc: access to stimecmp, and the pending bit it makes."""
    enable, allowed = chance.getrandbits(1), chance.getrandbits(1)
    privilege, value = chance.choice((3, 1, 0)), chance.choice((0, _M64))
    if privilege == 3:
        enable = 1  # Else QEMU 7.2 lets a comparator that is off change what is pending.
    software = chance.choice((0, 0x20, 0x222))
    text = f"""
    li t0, {software}
    csrw mip, t0
    li t0, 0x222
    csrw mideleg, t0
    li t0, {enable << 63}
    csrw menvcfg, t0
    li t0, {allowed << 1}
    csrw mcounteren, t0
    li a2, {value}
    {enter(privilege, f"here_{number}", is_paged=False)}
    here_{number}: csrrw a0, 0x14d, a2
    {"csrr a1, sip" if privilege else ""}
    """
    asks = f"stimecmp={value:#x}, STCE={enable}, TM={allowed}, mip={software:#x}"
    return Probe(text, f"{asks} in {MODES[privilege]} mode")


def trap_return(chance: random.Random, number: int) -> Probe:
    """mret or sret with a random status: where it leads, and what becomes of the status."""
    status = chance.getrandbits(24) & 0x6E_01AA | chance.choice((0, 0x800, 0x1800))
    is_supervisor = chance.getrandbits(1)
    if is_supervisor:
        status = status & ~0x1800 | chance.choice((0x800, 0x800, 0x1800, 0))
    if is_supervisor:
        first = f"""
        la t0, inner_{number}
        csrw mepc, t0
        la t0, here_{number}
        csrw sepc, t0
        mret
        inner_{number}: sret
        """
    else:
        first = f"la t0, here_{number}\n csrw mepc, t0\n mret"
    text = f"""
    li t0, {status}
    csrw mstatus, t0
    {first}
    here_{number}: nop
    """
    asks = f"{'sret' if is_supervisor else 'mret'}, mstatus={status:#x}"
    return Probe(text, asks, unspecified_status=KEPT_BY_RETURNS)


_RESTRICTED: Final = (
    "wfi",
    "sfence.vma a0, a1",
    "csrr a0, satp",
    "csrw satp, zero",
    "sret",
    "mret",
    "ebreak",
    "ecall",
    "illegal",
    "illegal",
    "illegal",
    "fence.i",
)


def restricted(chance: random.Random, number: int) -> Probe:
    """Instructions that TVM, TSR and TW or the mode may forbid; words that are not instructions."""
    status = chance.getrandbits(3) << 20
    privilege = chance.choice((0, 1, 3))
    what = chance.choice(_RESTRICTED)
    text = what
    if what in ("sret", "mret"):
        privilege = chance.choice((0, 1))
        if (what, privilege) == ("sret", 1):
            status |= 1 << 22  # Else it would return: that has probes of its own.
    elif what == "illegal":
        word = _illegal(chance)
        what = f"word {word:#x}"
        text = f".word {word:#x}" if word & 3 == 3 else f".half {word:#x}\n .half 1"
    delegated = chance.choice((0, 0xB1FF & ~(1 << 9)))
    text = f"""
    li t0, {delegated}
    csrw medeleg, t0
    li t0, {status}
    csrs mstatus, t0
    li t0, 2
    csrw mip, t0
    csrw mie, t0
    {enter(privilege, f"here_{number}", is_paged=False)}
    here_{number}: {text}
    """
    return Probe(text, f"{what}, TVM/TW/TSR={status >> 20} in {MODES[privilege]} mode")


def _illegal(chance: random.Random) -> int:
    """A word that is not an instruction of ours, and not one of an extension that is always on."""
    while True:
        word = chance.getrandbits(32)
        if chance.getrandbits(1):
            word &= 0xFFFF
        if decode(word) is None and word & 0x7F not in (0x07, 0x27, 0x43, 0x47, 0x4B, 0x4F, 0x53):
            return word


def interrupt(chance: random.Random, number: int) -> Probe:
    """Return the pending interrupt that is taken, if any, and the mode that takes it."""
    pending = chance.choice((0, 2, 0x20, 0x200))  # One at a time: see known.ORDER.
    enabled = chance.getrandbits(12) & 0xAAA
    delegated = chance.getrandbits(12) & 0x222
    status = chance.choice((0, 2, 8, 10)) | chance.choice((0, 0x20, 0x80, 0xA0))
    privilege = chance.choice((0, 1, 3))
    if privilege < 3:
        # mret moves MPIE to MIE.
        status |= 0x80 if status & 8 else 0
    text = f"""
    li t0, {delegated}
    csrw mideleg, t0
    li t0, {pending}
    csrw mip, t0
    li t0, {enabled}
    csrw mie, t0
    li t0, {status & ~8}
    csrs mstatus, t0
    li t0, {status & 8}
    {enter(privilege, f"here_{number}", is_paged=False)}
    here_{number}: {"csrs mstatus, t0" if privilege == 3 else "nop"}
    nop
    nop
    """
    asks = f"mip={pending:#x}, mie={enabled:#x}, mideleg={delegated:#x}, mstatus={status:#x}"
    return Probe(text, f"interrupts {asks} in {MODES[privilege]} mode")


KINDS: Final[tuple[Callable[[random.Random, int], Probe], ...]] = (
    *(memory_access,) * 6,
    *(csr_access,) * 5,
    *(restricted,) * 2,
    *(interrupt,) * 2,
    *(layout,) * 2,
    shared,
    storm,
    trap_return,
    protected,
    counter,
    comparator,
    absent_csr,
)


def draw(seed: int, count: int) -> list[Probe]:
    """The probes of one program."""
    chance = random.Random(seed)
    return [chance.choice(KINDS)(chance, number) for number in range(count)]
