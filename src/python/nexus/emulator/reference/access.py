"""Memory accesses of step functions: every kind, to RAM or devices, faults included.

Aligned accesses to cached RAM pages are quick; everything else is translated anew.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.bus import Bus, BusError
from nexus.emulator.memory import Ram
from nexus.emulator.reference import state as s
from nexus.emulator.reference.mmu import ACCESS_FAULT, LOAD, STORE, BailError, Mmu
from nexus.emulator.reference.trap import Cause, TrapError

M64: Final = (1 << 64) - 1


class MemoryAccess:
    """The memory side of a hart."""

    state: s.State
    ram: Ram
    bus: Bus
    mmu: Mmu

    def __init__(self, state: s.State, ram: Ram, bus: Bus) -> None:
        self.state = state
        self.ram = ram
        self.bus = bus
        self.mmu = Mmu(state, ram)
        self.attention = False  # Interrupts, context or deadline may have changed.
        self._context = self.mmu.context()

    def load(self, address: int, size: int) -> int:
        """Load `size` bytes, unsigned, whatever is there."""
        offset = address & 4095
        if offset + size > 4096:
            return self.load_straddling(address, size)
        if not address & size - 1:
            try:
                return self._context.loads[size][address >> 12][offset // size]
            except BailError:
                pass
        return self.load_uncached(address, size)

    def load_uncached(self, address: int, size: int) -> int:
        """Load within a page, from RAM or a device."""
        physical = self.mmu.translate(address, LOAD, size)
        if self.ram.contains(physical, size):
            return int.from_bytes(self.ram.read(physical, size), "little")
        self.attention = True
        try:
            value = self.bus.read(physical, size)
        except BusError:
            raise TrapError(Cause.LOAD_ACCESS, address) from None
        self.heard_from_outside()
        return value

    def heard_from_outside(self) -> None:
        """Note that what was read may change by itself, for the search for loops."""

    def store(self, address: int, value: int, size: int) -> None:
        """Store the low `size` bytes of a value."""
        offset = address & 4095
        if offset + size > 4096:
            self.store_straddling(address, value, size)
            return
        value &= (1 << 8 * size) - 1
        if not address & size - 1:
            try:
                self._context.stores[size][address >> 12][offset // size] = value
                return
            except BailError:
                pass
        self.store_uncached(address, value, size)

    def store_uncached(self, address: int, value: int, size: int) -> None:
        """Store within a page, to RAM or a device."""
        physical = self.mmu.translate(address, STORE, size)
        if self.ram.contains(physical, size):
            self.ram.write(physical, value.to_bytes(size, "little"))
            return
        self.attention = True
        try:
            self.bus.write(physical, size, value)
        except BusError:
            raise TrapError(Cause.STORE_ACCESS, address) from None

    def _halves(self, address: int, size: int, access: int) -> list[tuple[int, int]]:
        """Split an access that crosses a page: (physical, length) of both parts, RAM only."""
        first = 4096 - (address & 4095)
        parts = []
        for start, length in ((address, first), (address + first & M64, size - first)):
            physical = self.mmu.translate(start, access, length)
            if not self.ram.contains(physical, length):
                raise TrapError(ACCESS_FAULT[access], start)
            parts.append((physical, length))
        return parts

    def load_straddling(self, address: int, size: int) -> int:
        """Load across a page boundary."""
        parts = self._halves(address, size, LOAD)
        return int.from_bytes(b"".join(self.ram.read(*part) for part in parts), "little")

    def store_straddling(self, address: int, value: int, size: int) -> None:
        """Store across a page boundary."""
        parts = self._halves(address, size, STORE)
        data = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        first = parts[0][1]
        self.ram.write(parts[0][0], data[:first])
        self.ram.write(parts[1][0], data[first:])

    def load_for_store(self, address: int, size: int) -> int:
        """The load of a read-modify-write, sign-extended; faults as a store would."""
        if address & size - 1:
            raise TrapError(Cause.STORE_MISALIGNED, address)
        physical = self.mmu.translate(address, STORE, size)
        if not self.ram.contains(physical, size):
            raise TrapError(Cause.STORE_ACCESS, address)
        return int.from_bytes(self.ram.read(physical, size), "little", signed=True) & M64

    def load_reserved(self, address: int, size: int) -> int:
        """lr: load, sign-extended, and remember address and value."""
        if address & size - 1:
            raise TrapError(Cause.LOAD_MISALIGNED, address)
        physical = self.mmu.translate(address, LOAD, size)
        if not self.ram.contains(physical, size):
            raise TrapError(Cause.LOAD_ACCESS, address)
        value = int.from_bytes(self.ram.read(physical, size), "little", signed=True) & M64
        self.state[s.RESERVED_ADDRESS] = address
        self.state[s.RESERVED_VALUE] = value
        return value

    def store_conditional(self, address: int, value: int, size: int) -> int:
        """sc: store and return 0 if the reservation stands, else return 1.

        It stands if the address is the reserved one and memory still holds the value that lr saw,
        which is QEMU's rule.
        """
        if address & size - 1:
            raise TrapError(Cause.STORE_MISALIGNED, address)
        reserved = self.state[s.RESERVED_ADDRESS]
        if reserved != address:
            self.state[s.RESERVED_ADDRESS] = s.NO_RESERVATION
            return 1
        old = self.load_for_store(address, size)
        self.state[s.RESERVED_ADDRESS] = s.NO_RESERVATION
        if old != self.state[s.RESERVED_VALUE]:
            return 1
        self.store(address, value, size)
        return 0
