"""The physical address space outside RAM: which device answers where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nexus.core.record import dataclass


class Device(Protocol):
    """A memory-mapped device.  Offsets are relative to where it is attached."""

    def read(self, offset: int, size: int) -> int:
        """Return the register's value (may have side effects)."""
        ...

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a register."""
        ...


class BusError(Exception):
    """No device accepts this access; the hart sees an access fault."""


@dataclass(frozen=True, slots=True)
class Region:
    """The place of a device, and the access sizes that it accepts."""

    base: int
    length: int
    device: Device
    sizes: tuple[int, ...]


class Bus:
    """Dispatches naturally aligned accesses to devices."""

    def __init__(self) -> None:
        self._regions: list[Region] = []

    def attach(self, base: int, length: int, device: Device, sizes: tuple[int, ...]) -> None:
        """Put a device at a physical address."""
        for other in self._regions:
            assert base + length <= other.base or other.base + other.length <= base
        self._regions.append(Region(base, length, device, sizes))

    @property
    def regions(self) -> Sequence[Region]:
        """The regions where devices answer; no two of them overlap."""
        return self._regions

    def read(self, address: int, size: int) -> int:
        """Read a device register.

        Raises:
            BusError: Nothing there, or the device refuses this size or alignment.
        """
        region = self._find(address, size)
        return region.device.read(address - region.base, size) & (1 << 8 * size) - 1

    def write(self, address: int, size: int, value: int) -> None:
        """Write a device register; raises like `read`."""
        region = self._find(address, size)
        region.device.write(address - region.base, size, value)

    def _find(self, address: int, size: int) -> Region:
        for region in self._regions:
            if 0 <= address - region.base < region.length:
                if address % size or size not in region.sizes:
                    break
                return region
        raise BusError(address, size)
