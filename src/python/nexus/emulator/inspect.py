"""Looks at a machine without disturbing it: memory by virtual address, csrs by number.

Nothing here sets accessed or dirty bits, marks pages, raises traps or touches devices.  Where there
are several harts, `core` says through whose eyes; without it, it is the one whose turn it is.
"""

from __future__ import annotations

from nexus.emulator.machine import Machine
from nexus.emulator.memory import PAGE_BYTES, Ram
from nexus.emulator.reference import csr
from nexus.emulator.reference import state as s
from nexus.emulator.reference.core import Core
from nexus.emulator.reference.mmu import PPN, PTE_HIGH, R, V, W, X, is_canonical, levels_of


def translate(machine: Machine, address: int, core: Core | None = None) -> int | None:
    """The physical address behind a virtual one, whatever the permissions say."""
    state = (core or machine.hart).state
    if state[s.PRIVILEGE] == s.MACHINE or not state[s.SATP] >> 60:
        return address
    levels = levels_of(state[s.SATP])
    if not is_canonical(address, levels):
        return None
    return _walk(machine.ram, (state[s.SATP] & PPN) << 12, address, levels)


def _walk(ram: Ram, table: int, address: int, levels: int) -> int | None:
    for level in reversed(range(levels)):
        slot = table + ((address >> 12 + 9 * level & 511) << 3)
        if not ram.contains(slot, 8):
            return None
        entry = int.from_bytes(ram.read(slot, 8), "little")
        if not entry & V or entry & PTE_HIGH:
            return None
        table = (entry >> 10 & PPN) << 12
        if entry & (R | W | X):
            return table & ~((1 << 12 + 9 * level) - 1) | address & (1 << 12 + 9 * level) - 1
    return None


def _parts(
    machine: Machine, address: int, length: int, core: Core | None
) -> list[tuple[int, int]] | None:
    """The physical ranges, none across a page; None if a part of it is not memory."""
    parts = []
    while length > 0:
        size = min(length, PAGE_BYTES - address % PAGE_BYTES)
        physical = translate(machine, address, core)
        if physical is None or not machine.ram.contains(physical, size):
            return None
        parts.append((physical, size))
        address, length = address + size, length - size
    return parts


def read_memory(
    machine: Machine, address: int, length: int, core: Core | None = None
) -> bytes | None:
    """Read virtual memory; None if a part of it is not mapped."""
    parts = _parts(machine, address, length, core)
    if parts is None:
        return None
    return b"".join(machine.ram.read(*part) for part in parts)


def read_memory_from(
    machine: Machine, address: int, length: int, core: Core | None = None
) -> bytes:
    """Read virtual memory up to where it ends, if that is before `length`."""
    data = b""
    while len(data) < length:
        at = address + len(data)
        size = min(length - len(data), PAGE_BYTES - at % PAGE_BYTES)
        piece = read_memory(machine, at, size, core)
        if piece is None:
            break
        data += piece
    return data


def write_memory(machine: Machine, address: int, data: bytes, core: Core | None = None) -> bool:
    """Write virtual memory, read-only pages too; False if a part is not mapped."""
    parts = _parts(machine, address, len(data), core)
    if parts is None:
        return False
    for physical, size in parts:
        machine.ram.write(physical, data[:size])
        data = data[size:]
    return True


def read_csr(core: Core, number: int) -> int | None:
    """The value of a csr, whatever the privilege; None if there is no such register."""
    found = csr.CSRS.get(number)
    return None if found is None else found.read(core)


def write_csr(core: Core, number: int, value: int) -> bool:
    """Write a csr as machine mode would; False if there is none, or it is read-only."""
    found = csr.CSRS.get(number)
    if found is None or number >> 10 == 3:
        return False
    found.write(core, value)
    return True


def doing(machine: Machine, number: int) -> str:
    """Describe a hart's activity as the end of a line; empty where its turn is still to come."""
    if machine.core(number).state[s.WAITING]:
        return ", waits (wfi)"
    return ", its turn" if number == machine.turn else ""


def instruction_at(machine: Machine, pc: int) -> int | None:
    """The 16 or 32 bits at pc, or None if there is no memory."""
    low = read_memory(machine, pc, 2)
    if low is None:
        return None
    if low[0] & 3 != 3:
        return int.from_bytes(low, "little")
    high = read_memory(machine, pc + 2 & (1 << 64) - 1, 2)
    return None if high is None else int.from_bytes(low + high, "little")
