"""The place of the journal: the superblock, and the two regions it chooses from.

    sector 0          1 .. R            1+R .. 2R            R = (sectors - 1) / 2
    superblock        region A (0)      region B (1)

    superblock: `NXS2`, version 1, active 0|1, two zero bytes, generation u32, entries u32,
                CRC-32C of the 16 bytes before it

A disk without a superblock is of version 1: one journal, from sector 0 to the end.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from nexus.contract import journal
from nexus.remotefs.state.block import SECTOR_BYTES
from nexus.remotefs.state.checksum import crc32c

MAGIC: Final = journal.SUPERBLOCK_MAGIC
SUPERBLOCK_BYTES: Final = 20
# One sector a region holds nothing but a checkpoint and leaves no room for the zero sector.
REGION_SECTORS_MIN: Final = 2

_BODY: Final = struct.Struct("<4sBBHII")
_CRC: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Superblock:
    """The active region, and its checkpoint."""

    active: int
    generation: int
    entries: int

    def encode(self) -> bytes:
        """Return the 20 bytes."""
        body = _BODY.pack(
            MAGIC, journal.SUPERBLOCK_VERSION, self.active, 0, self.generation, self.entries
        )
        return body + _CRC.pack(crc32c(body))


def decode_superblock(data: bytes) -> Superblock | None:
    """Read a superblock; None is anything else."""
    body = data[: _BODY.size]
    if len(data) < SUPERBLOCK_BYTES or _CRC.unpack_from(data, _BODY.size)[0] != crc32c(body):
        return None
    magic, version, active, zero, generation, entries = _BODY.unpack(body)
    if (magic, version, zero) != (MAGIC, 1, 0) or active > 1:
        return None
    return Superblock(active, generation, entries)


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of sectors that holds one journal."""

    start: int
    sectors: int

    @property
    def bytes(self) -> int:
        """The number of bytes that it holds."""
        return self.sectors * SECTOR_BYTES


NO_REGION: Final = Region(0, 0)


def whole(sectors: int) -> Region:
    """Return the one region of version 1."""
    return Region(0, sectors)


def regions(sectors: int) -> tuple[Region, Region] | None:
    """Return A and B; None where the disk is too small for two."""
    each = (sectors - 1) // 2
    if each < REGION_SECTORS_MIN:
        return None
    return Region(1, each), Region(1 + each, each)
