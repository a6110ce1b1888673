"""Replay: from the sectors of a region to the contents of its journal, and where it ends.

Sequential from the first byte.  The first thing that is not a record ends it; what was applied
before stays.  The device is read little further than the records go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nexus.remotefs.state.block import SECTOR_BYTES, BlockDevice
from nexus.remotefs.state.contents import Contents
from nexus.remotefs.state.record import CALL_RECORD_BYTES_MAX, Fault, Op, Record, decode
from nexus.remotefs.state.superblock import Region

# Bounds the time of a boot; a writer compacts long before.
RECORDS_MAX: Final = 100_000
# One request to the disk: large enough that the number of requests does not matter.
_READ_SECTORS: Final = 256


class ReplayLimitError(Exception):
    """More records than any writer makes; turned into the caller's own error."""


@dataclass(slots=True)
class Journal:
    """A replayed journal."""

    contents: Contents
    end: int
    records: int
    fault: Fault
    head: Record | None
    snapshot_puts: int  # How many PUTs follow the first record without a gap.


def replay(device: BlockDevice, region: Region) -> Journal:
    """Apply every record of a region.  Raises ReplayLimitError, DeviceError."""
    contents = Contents()
    walk = Walk(device, region)
    head, puts = None, 0
    for record in walk:
        contents.apply(record)
        head = head or record
        if record.op is Op.PUT and walk.records == puts + 2:
            puts += 1
    return Journal(contents, walk.end, walk.records, walk.fault, head, puts)


class Walk:
    """The records of a region, one by one; afterwards where and why they ended."""

    def __init__(
        self, device: BlockDevice, region: Region, *, records_max: int = RECORDS_MAX
    ) -> None:
        """Stand at the first byte; `records_max` records are too many."""
        self._device = device
        self._region = region
        self._records_max = records_max
        self._buffer = bytearray()
        self._sectors_read = 0
        self._base = 0  # Where in the region the buffer begins.
        self.end = 0
        self.records = 0
        self.fault = Fault.SHORT_HEADER

    def __iter__(self) -> Iterator[Record]:
        """Give each record; `end` is then behind it."""
        while True:
            self._fill()
            found = decode(self._buffer, self.end - self._base)
            if isinstance(found, Fault):
                self.fault = found
                return
            self.records += 1
            if self.records >= self._records_max:
                raise ReplayLimitError
            self.end = self._base + found[1]
            yield found[0]

    def _fill(self) -> None:
        """Have a whole record in the buffer, if the region has one."""
        used = self.end - self._base
        ahead = len(self._buffer) - used
        if ahead >= CALL_RECORD_BYTES_MAX or self._sectors_read == self._region.sectors:
            return
        del self._buffer[:used]
        self._base = self.end
        while (
            len(self._buffer) < CALL_RECORD_BYTES_MAX and self._sectors_read < self._region.sectors
        ):
            count = min(_READ_SECTORS, self._region.sectors - self._sectors_read)
            self._buffer += self._device.read(self._region.start + self._sectors_read, count)
            self._sectors_read += count


def read_window(device: BlockDevice, region: Region, sector: int, count: int) -> bytes:
    """Read up to `count` sectors of a region, fewer at its end."""
    count = max(0, min(count, region.sectors - sector))
    return device.read(region.start + sector, count) if count else b""


def sectors_for(length: int) -> int:
    """Return how many sectors hold this many bytes."""
    return -(-length // SECTOR_BYTES)
