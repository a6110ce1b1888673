"""A disk that remembers everything done to it, and what a cut could have left of that.

Between two flushes the disk may have written any of the sectors, in any order, and the one it was
at only in part.  `images_after` lists the images that a cut after one sector write could leave.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from nexus.core.randomness import KeyedRandom
from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.store import Store

# All subsets of this many pending writes are tried; of more, a family of them.
EXHAUSTIVE_WRITES_MAX: Final = 4
RANDOM_SUBSETS: Final = 3
# Where a sector is torn: within magic, header, checksum of short records, and near the end.
TEARS: Final = (1, 3, 4, 11, 20, 100, 256, 500, 511)


@dataclass(frozen=True, slots=True)
class Write:
    """One sector written; None for data is a flush that returned."""

    sector: int
    data: bytes | None


class RecordingDevice(MemoryDevice):
    """A disk that keeps a journal of its own."""

    def __init__(self, content: bytes) -> None:
        """Start with this content, durable."""
        super().__init__(content)
        self.before = bytes(content)
        self.events: list[Write] = []

    def write(self, sector: int, data: bytes) -> None:
        """Write, sector by sector."""
        super().write(sector, data)
        for offset in range(0, len(data), SECTOR_BYTES):
            piece = data[offset : offset + SECTOR_BYTES]
            self.events.append(Write(sector + offset // SECTOR_BYTES, piece))

    def flush(self) -> None:
        """Make everything durable."""
        self.events.append(Write(0, None))


class DirectStore(Store):
    """A store whose records do not wait: the order of writes that the guest's engine has."""

    def _append(self, *record: Any) -> None:
        super()._append(*record)
        self.write_out()


def images_after(device: RecordingDevice, count: int) -> Iterator[bytes]:
    """Give every image tried for a cut after the first `count` events."""
    durable = bytearray(device.before)
    pending: list[Write] = []
    for event in device.events[:count]:
        if event.data is None:
            for write in pending:
                _apply(durable, write)
            pending.clear()
        else:
            pending.append(event)
    for chosen in _subsets(pending, count):
        image = bytearray(durable)
        for write in chosen:
            _apply(image, write)
        yield bytes(image)
    for tear in TEARS if pending else ():
        # The last write in part: before and after the others reached the disk.
        for others in {(), tuple(pending[:-1])}:
            image = bytearray(durable)
            for write in others:
                _apply(image, write)
            last = pending[-1]
            assert last.data is not None
            start = last.sector * SECTOR_BYTES
            image[start : start + tear] = last.data[:tear]
            yield bytes(image)


def _subsets(pending: list[Write], count: int) -> Iterator[list[Write]]:
    total = len(pending)
    if total <= EXHAUSTIVE_WRITES_MAX:
        for mask in range(1 << total):
            yield [write for index, write in enumerate(pending) if mask >> index & 1]
        return
    yield pending
    yield []
    yield pending[-1:]
    yield pending[total // 2 :]
    yield pending[:-1]
    yield pending[1:]
    random = KeyedRandom(total)
    for number in range(RANDOM_SUBSETS):
        yield [w for i, w in enumerate(pending) if random.below(2, "keep", count, number, i)]


def _apply(image: bytearray, write: Write) -> None:
    assert write.data is not None
    start = write.sector * SECTOR_BYTES
    image[start : start + SECTOR_BYTES] = write.data
