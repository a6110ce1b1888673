"""A drive in memory that outlives its machine, and of which a power cut leaves what was flushed.

It is the unkindest disk that keeps its promise: of what was written since the last flush, nothing
is there after a cut.  Other disks, that keep any part of it, are tried by the tests of the engines
of nexus.remotefs.state.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.device.virtio_blk import MemoryDrive

_PIECE_BYTES: Final = 512


class VolatileDrive(MemoryDrive):
    """A drive with a cache that power holds."""

    def __init__(self, content: bytes) -> None:
        """Begin with this content, durable."""
        super().__init__(content)
        # The medium's sectors where the cache has newer ones; bounded by the drive.
        self._durable: dict[int, bytes] = {}

    def write(self, offset: int, data: bytes) -> None:
        """Write into the cache."""
        first = offset - offset % _PIECE_BYTES
        for start in range(first, offset + len(data), _PIECE_BYTES):
            if start not in self._durable:
                self._durable[start] = self.read(start, _PIECE_BYTES)
        super().write(offset, data)

    def flush(self) -> None:
        """Let the medium have all of it."""
        self._durable.clear()

    def lose_power(self) -> None:
        """Forget what was not flushed."""
        for start, piece in self._durable.items():
            self.content[start : start + len(piece)] = piece
        self._durable.clear()
