"""The state of a disk: the journal in force, its entries, and whether it is sound.

A cut may leave an end that is torn, records behind it that were never synced, and half a
superblock; all of that is in order, and distinguished from damage:

* behind torn records no SYNC mark stands (see nexus.remotefs.state.journal, rule 3);
* a superblock is written only after the region it chooses is complete and durable, so of one
  torn in writing the newest complete snapshot shows what it was to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Final

from nexus.contract import journal
from nexus.remotefs.state import superblock as layout
from nexus.remotefs.state.block import SECTOR_BYTES, BlockDevice
from nexus.remotefs.state.contents import Contents
from nexus.remotefs.state.record import (
    CALL_RECORD_BYTES_MAX,
    MAGIC,
    SYNC_BYTES,
    Fault,
    Op,
    decode,
    decode_checkpoint,
)
from nexus.remotefs.state.replay import (
    Journal,
    ReplayLimitError,
    Walk,
    read_window,
    replay,
    sectors_for,
)
from nexus.remotefs.state.superblock import (
    NO_REGION,
    Region,
    Superblock,
    decode_superblock,
    regions,
)

# Records written between two flushes: as long as the longest one alone may be.
WINDOW_BYTES: Final = journal.WINDOW_BYTES

BAD_SUPERBLOCK: Final = "invalid superblock"
TOO_SMALL: Final = "device too small for v2 layout"
NO_CHECKPOINT: Final = "missing checkpoint at snapshot start"
BAD_GENERATION: Final = "checkpoint/superblock generation mismatch"
BAD_ENTRIES: Final = "checkpoint/superblock entry-count mismatch"
PARTIAL_SNAPSHOT: Final = "snapshot incomplete"
TOO_MANY: Final = "replay record limit exceeded"
NO_JOURNAL: Final = "neither a journal nor empty"
EMPTY_DEVICE: Final = "device without sectors"


@dataclass(slots=True)
class Mount:
    """A disk as found.  Without `contents` nothing can be served, `damage` says why."""

    damage: str | None
    contents: Contents | None = None
    region: Region = NO_REGION
    superblock: Superblock | None = None
    is_superblock_lost: bool = False
    end: int = 0
    records: int = 0
    fault: Fault = Fault.SHORT_HEADER
    tail: bytes = b""
    has_residue: bool = False


def mount(device: BlockDevice) -> Mount:
    """Read a disk.  Raises DeviceError."""
    if device.sectors == 0:
        return Mount(EMPTY_DEVICE)
    sector = device.read(0, 1)
    pair = regions(device.sectors)
    chosen = decode_superblock(sector)
    is_lost = False
    try:
        if chosen is None and sector[:1] == layout.MAGIC[:1]:
            chosen = _newest_snapshot(device)
            if chosen is None:
                return Mount(BAD_SUPERBLOCK)
            is_lost = True
        if chosen is None:
            region = layout.whole(device.sectors)
        elif pair is None:
            return Mount(TOO_SMALL)
        else:
            region = pair[chosen.active]
        journal = replay(device, region)
    except ReplayLimitError:
        return Mount(TOO_MANY)
    problem = _find_problem(journal, chosen, sector)
    if problem:
        return Mount(problem, region=region, superblock=chosen, end=journal.end)
    return _mounted(device, region, journal, chosen, is_lost=is_lost)


def window_sectors() -> int:
    """Return how far behind the end of a journal writes without a flush may have come."""
    return sectors_for(max(WINDOW_BYTES, CALL_RECORD_BYTES_MAX) + len(SYNC_BYTES)) + 2


def stale_sector(device: BlockDevice, chosen: Superblock | None, end: int) -> int | None:
    """Return the sector of a snapshot that was written but never switched to."""
    pair = regions(device.sectors)
    if pair is None:
        return None
    idle = pair[1 - chosen.active] if chosen else pair[1]
    if chosen is None and end > idle.start * SECTOR_BYTES:
        return None  # The one journal of version 1 reaches there.
    found = decode(device.read(idle.start, 1), 0)
    if isinstance(found, Fault) or found[0].op is not Op.CHECKPOINT:
        return None
    generation, _ = decode_checkpoint(found[0].value)
    return idle.start if generation > (chosen.generation if chosen else 0) else None


def _mounted(
    device: BlockDevice,
    region: Region,
    journal: Journal,
    chosen: Superblock | None,
    *,
    is_lost: bool,
) -> Mount:
    first, inside = divmod(journal.end, SECTOR_BYTES)
    window = read_window(device, region, first, window_sectors())
    behind = window[inside:]
    damage = None
    if behind.find(SYNC_BYTES) >= 0:
        damage = f"{journal.fault.value} at byte {journal.end}, before data that was synced"
    return Mount(
        damage,
        journal.contents,
        region,
        chosen,
        is_lost,
        journal.end,
        journal.records,
        journal.fault,
        window[:inside],
        any(behind),
    )


def _find_problem(journal: Journal, chosen: Superblock | None, sector: bytes) -> str | None:
    """Say why a journal is not the one that belongs here."""
    if chosen is None:
        if journal.end or journal.fault is not Fault.MAGIC:
            return None
        # The first record, or the clearing of a torn one, may have been torn within the magic.
        is_torn = all(byte in (0, want) for byte, want in zip(sector, MAGIC, strict=False))
        return None if is_torn else NO_JOURNAL
    if journal.head is None or journal.head.op is not Op.CHECKPOINT:
        return NO_CHECKPOINT
    generation, entries = decode_checkpoint(journal.head.value)
    if generation != chosen.generation:
        return BAD_GENERATION
    if entries != chosen.entries:
        return BAD_ENTRIES
    return PARTIAL_SNAPSHOT if journal.snapshot_puts < entries else None


def _newest_snapshot(device: BlockDevice) -> Superblock | None:
    """Find the region that a torn superblock was to name."""
    found = []
    for index, region in enumerate(regions(device.sectors) or ()):
        walk = iter(Walk(device, region))
        head = next(walk, None)
        if head is None or head.op is not Op.CHECKPOINT:
            continue
        generation, entries = decode_checkpoint(head.value)
        puts = [record.op is Op.PUT for record in islice(walk, entries)]
        if len(puts) == entries and all(puts):
            found.append(Superblock(index, generation, entries))
    return max(found, key=lambda each: each.generation, default=None)
