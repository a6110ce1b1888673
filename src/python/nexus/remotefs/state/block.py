"""The disk that the engine needs: whole sectors in, whole sectors out, and a barrier.

A write may reach the medium at any moment until `flush` returns, in any order, in part, or not
at all; what was written before a flush that returned is there for good.
"""

from __future__ import annotations

from typing import Final, Protocol

from nexus.contract import journal
from nexus.core.errors import NexusError

SECTOR_BYTES: Final = journal.SECTOR_BYTES


class DeviceError(NexusError):
    """The disk refused or failed; what was being written is there in part, whole or not."""


class BlockDevice(Protocol):
    """A disk of `sectors` sectors of 512 bytes."""

    @property
    def sectors(self) -> int:
        """The number of sectors."""
        ...

    def read(self, sector: int, count: int) -> bytes:
        """Return `count` sectors.  Raises DeviceError."""
        ...

    def write(self, sector: int, data: bytes) -> None:
        """Write whole sectors.  Raises DeviceError."""
        ...

    def flush(self) -> None:
        """Return when everything written before is durable.  Raises DeviceError."""
        ...


class MemoryDevice:
    """A disk that is a byte string."""

    def __init__(self, content: bytes) -> None:
        """Take the content, which is whole sectors."""
        if len(content) % SECTOR_BYTES:
            raise DeviceError(f"{len(content)} bytes; expected multiples of {SECTOR_BYTES}")
        self.content = bytearray(content)

    @property
    def sectors(self) -> int:
        """The number of sectors."""
        return len(self.content) // SECTOR_BYTES

    def read(self, sector: int, count: int) -> bytes:
        """Return `count` sectors."""
        start = self._place(sector, count)
        return bytes(self.content[start : start + count * SECTOR_BYTES])

    def write(self, sector: int, data: bytes) -> None:
        """Write whole sectors."""
        said = f"a write of {len(data)} bytes; expected a multiple of {SECTOR_BYTES}"
        assert len(data) % SECTOR_BYTES == 0, said
        start = self._place(sector, len(data) // SECTOR_BYTES)
        self.content[start : start + len(data)] = data

    def flush(self) -> None:
        """Nothing waits in between."""

    def _place(self, sector: int, count: int) -> int:
        assert sector >= 0, f"sector {sector}"
        assert count >= 0, f"{count} sectors"
        if sector + count > self.sectors:
            raise DeviceError(f"sectors {sector}..{sector + count} of a disk of {self.sectors}")
        return sector * SECTOR_BYTES
