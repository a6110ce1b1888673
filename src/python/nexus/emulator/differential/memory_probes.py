"""Probes of memory: page table entries, PMP entries, alignment, and the access that meets them."""

from __future__ import annotations

import random
from typing import Final

from nexus.emulator.differential.frame import (
    DATA,
    ENTRY_OF_LARGE,
    ENTRY_OF_PAGE,
    LARGE,
    PAGE,
    SATP,
    SUPERPAGE,
    enter,
)
from nexus.emulator.differential.probe import MODES, Probe

_M64: Final = (1 << 64) - 1

ACCESSES: Final = {
    "load": ("lb", "lh", "lw", "ld", "lbu"),
    "store": ("sb", "sh", "sw", "sd"),
    "atomic": ("amoadd.w", "amoswap.d", "amomax.w"),
    "lr": ("lr.w", "lr.d"),
}
_ALIGNMENT: Final = {"b": 1, "h": 2, "w": 4, "d": 8}


def access_text(kind: str, instruction: str) -> str:
    """The instruction with its operands: address in a3, value in a2, result in a0."""
    if kind == "load":
        return f"{instruction} a0, 0(a3)"
    if kind == "store":
        return f"{instruction} a2, 0(a3)"
    if kind == "atomic":
        return f"{instruction} a0, a2, (a3)"
    return f"{instruction} a0, (a3)" if kind == "lr" else "jalr zero, 0(a3)"


def _flags(chance: random.Random) -> int:
    """Leaf flags: mostly valid, sometimes with reserved bits."""
    flags = chance.getrandbits(8) | (chance.random() < 0.9)
    if chance.random() < 0.06:
        flags |= 1 << chance.randrange(54, 64)
    return flags | chance.getrandbits(2) << 8


def _paging(chance: random.Random, kind: str) -> tuple[str, int, int, str]:
    """Entries for the varied pages: text, virtual base, physical base, description."""
    first, second = _flags(chance), chance.choice((_flags(chance), 0xDF, 0xCF))
    if kind == "atomic":
        first |= 6  # With one of both, QEMU may set the accessed bit before it refuses.
    if chance.random() < 0.75:
        text = f"""
        li t0, {ENTRY_OF_PAGE}
        li t1, {DATA >> 12 << 10 | first}
        sd t1, 0(t0)
        li t1, {DATA + 4096 >> 12 << 10 | second}
        sd t1, 8(t0)
        """
        return text, PAGE, DATA, f"entries {first:#x}, {second:#x}"
    crooked = chance.choice((0, 0, 0, 1)) << 10
    text = f"""
    li s6, {ENTRY_OF_LARGE}
    li t1, {(SUPERPAGE >> 12 << 10) + crooked | first}
    sd t1, 0(s6)
    """
    return text, LARGE, SUPERPAGE, f"superpage {first:#x}{', crooked' if crooked else ''}"


def _offset(chance: random.Random, base: int) -> int:
    end = 4096 if base == PAGE else 2 << 20
    return chance.choice((0, 8, 16, 3, 4, end - 8, end - 4, end - 2 if base == PAGE else 6))


def memory_access(chance: random.Random, number: int) -> Probe:
    """One access through a page table entry of random flags, from a random mode."""
    kind = chance.choice(("load", "load", "store", "store", "atomic", "lr", "fetch"))
    instruction = chance.choice(ACCESSES.get(kind, ("jalr",)))
    setup, base, physical, description = _paging(chance, kind)
    offset = _offset(chance, base)
    if kind == "fetch":
        offset &= ~1
    status = chance.getrandbits(2) << 18  # SUM, MXR.
    privilege, previous = chance.choice((0, 1, 1, 3)), 3
    if privilege == 3:
        previous = chance.choice((0, 1, 3))
        status |= 1 << 17 | previous << 11
        if previous == 3:
            offset &= ~7  # There is nothing there; of a misaligned access QEMU tells its rounding.
    delegated = chance.choice((0, 0xB0F0))
    high = chance.choice((0, 0, 0, 0, 0, 0, 0, 1 << 39, 1 << 63, _M64 >> 38 << 38))
    address = base + offset | high
    enter_text = enter(privilege, f"here_{number}", is_paged=True)
    if privilege == 3:
        enter_text = "csrs mstatus, a4"
        status_text = f"li a4, {status}"
    else:
        status_text = f"li a4, {status}\n csrs mstatus, a4"
    text = f"""
    {setup}
    li t0, {physical + (offset & ~7)}
    li t1, 0x0000007300000073
    sd t1, 0(t0)
    sd t1, 8(t0)
    li t0, {delegated}
    csrw medeleg, t0
    li t0, {SATP}
    csrw satp, t0
    sfence.vma zero, zero
    li a2, 0x123456789abcdef
    li a3, {address}
    {status_text}
    {enter_text}
    here_{number}: {access_text(kind, instruction)}
    """
    mode = f"{MODES[privilege]} mode" + (f" as {MODES[previous]}" if previous != 3 else "")
    asks = f"{instruction} {address:#x}, {description}, SUM/MXR={status >> 18 & 3}, {mode}"
    return Probe(text, asks, has_store_causes=kind == "atomic")


def protected(chance: random.Random, number: int) -> Probe:
    """An access that a PMP entry may forbid."""
    config = chance.choice((0, 1, 3, 4, 5, 7))  # Writable and not readable is reserved.
    mode = chance.choice((1, 2, 3, 3))
    base = DATA + chance.choice((0, 0, 8, 4, 2048))
    address = base >> 2 | (chance.choice((0, 1, 7, 511)) if mode == 3 else 0)
    kind = chance.choice(("load", "store", "atomic", "lr", "fetch"))
    instruction = chance.choice(ACCESSES.get(kind, ("jalr",)))
    target = DATA + chance.choice((0, 8, 4, 16, 2040, 2048, 4088))
    privilege = chance.choice((0, 1, 3))
    text = f"""
    li t0, {DATA}
    li t1, 0x0000007300000073
    sd t1, 0(t0)
    sd t1, 8(t0)
    sd t1, 16(t0)
    li t0, {target & ~7}
    sd t1, 0(t0)
    sd t1, 8(t0)
    li t1, {address}
    csrw pmpaddr0, t1
    li t1, {0x1F00 | mode << 3 | config}
    csrw pmpcfg0, t1
    csrr a1, pmpaddr0
    sfence.vma zero, zero
    li a3, {target}
    {enter(privilege, f"here_{number}", is_paged=False)}
    here_{number}: {access_text(kind, instruction)}
    """
    asks = f"{instruction} {target:#x}, pmpaddr0={address:#x}, pmpcfg0={mode << 3 | config:#x}"
    return Probe(text, f"{asks}, {MODES[privilege]} mode", has_store_causes=kind == "atomic")
