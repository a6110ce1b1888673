"""A disk with a cache, in memory, that outlives its machine and that faults can happen to.

Without a fault it is the unkindest disk that keeps its promise: of what was written since the last
flush, nothing is there after a power cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from nexus.simulation.faults.fault import Chance
from nexus.simulation.faults.frames import flip_bit

SECTOR_BYTES: Final = 512


class FaultyDrive:
    """A block device's backing store (`nexus.emulator.device.virtio_blk.Drive`)."""

    SAVED: ClassVar[tuple[str, ...]] = ("content",)

    def __init__(
        self,
        content: bytes,
        chances: Iterable[Chance],
        clock: Callable[[], int],
        failure: type[Exception],
    ) -> None:
        """Begin with this content, durable.

        Args:
            content: whole sectors.
            chances: the faults of this disk.
            clock: the instant of the world.
            failure: what a request that fails is to raise.
        """
        self.content = bytearray(content)
        self._by_kind: dict[str, list[Chance]] = {}
        for chance in chances:
            self._by_kind.setdefault(chance.fault.kind, []).append(chance)
        self._clock = clock
        self._failure = failure
        self._reads = self._writes = self._torn = 0
        # The medium's sectors where the cache has newer ones; bounded by the disk.
        self._durable: dict[int, bytes] = {}

    def restored(self) -> None:
        """Nothing hangs on it."""

    @property
    def size_bytes(self) -> int:
        """The capacity."""
        return len(self.content)

    def read(self, offset: int, length: int) -> bytes:
        """Read a range."""
        number, self._reads = self._reads, self._reads + 1
        if self._falling("read-error", number):
            raise self._failure
        for chance in self._falling("latent", number):
            self._rot(offset + chance.below(max(length, 1), "byte", number), chance, number)
        return bytes(self.content[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        """Write into the cache."""
        number, self._writes = self._writes, self._writes + 1
        now_ns = self._clock()
        full = any(chance.holds(now_ns) for chance in self._by_kind.get("disk-full", ()))
        if full or self._falling("write-error", number):
            raise self._failure
        if self._falling("lost-write", number):
            return
        for chance in self._falling("misdirected-write", number):
            places = (self.size_bytes - len(data)) // SECTOR_BYTES + 1
            offset = chance.below(places, "sector", number) * SECTOR_BYTES
        first = offset - offset % SECTOR_BYTES
        for start in range(first, offset + len(data), SECTOR_BYTES):
            if start not in self._durable:
                self._durable[start] = bytes(self.content[start : start + SECTOR_BYTES])
        self.content[offset : offset + len(data)] = data

    def flush(self) -> None:
        """Let the medium have all of it."""
        self._durable.clear()

    def lose_power(self) -> None:
        """Forget what was not flushed, except for the sectors that a torn write leaves."""
        for start, piece in sorted(self._durable.items()):
            number, self._torn = self._torn, self._torn + 1
            if not self._falling("torn-write", number):
                self.content[start : start + len(piece)] = piece
        self._durable.clear()

    def _falling(self, kind: str, number: int) -> list[Chance]:
        """The faults of a kind that happen to this access."""
        chances = self._by_kind.get(kind)
        if not chances:
            return []
        now_ns = self._clock()
        return [chance for chance in chances if chance.falls(number, now_ns)]

    def _rot(self, at: int, chance: Chance, number: int) -> None:
        bit = chance.below(8, "bit", number)
        self.content[at : at + 1] = flip_bit(self.content[at : at + 1], bit)
        start = at - at % SECTOR_BYTES
        if start in self._durable:  # The sector goes bad in the cache, and on the medium too.
            self._durable[start] = flip_bit(self._durable[start], (at - start) * 8 + bit)
