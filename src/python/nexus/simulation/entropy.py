"""Seeded entropy: the stream of bytes that a machine's virtio-rng hands to its guest.

The stream is a pure function of (world seed, machine name); how the guest cuts it into reads
does not change it.  It makes test worlds replayable and is not a source of real secrets.
"""

from __future__ import annotations

from typing import Final

from nexus.core.randomness import KeyedRandom

# One draw of keyed BLAKE2b.  A device request is some hundred bytes, so blocks are few.
_BLOCK_BYTES: Final = 64

# The bytes of one read: far above any virtio-rng request, low enough to show a mistake.
READ_BYTES_MAX: Final = 1 << 20


class EntropyStream:
    """An endless deterministic byte stream; call it with the number of bytes wanted."""

    def __init__(self, random: KeyedRandom, machine: str) -> None:
        self._random = random
        self._machine = machine
        self._blocks_drawn = 0
        self._rest = b""

    def __call__(self, count: int) -> bytes:
        """Take the next `count` bytes of the stream."""
        if not 0 <= count <= READ_BYTES_MAX:
            raise ValueError(f"count: {count} is not in 0..{READ_BYTES_MAX}")
        parts = [self._rest]
        size = len(self._rest)
        while size < count:
            names = ("entropy", self._machine, self._blocks_drawn)
            parts.append(self._random.bytes(_BLOCK_BYTES, *names))
            self._blocks_drawn += 1
            size += _BLOCK_BYTES
        data = b"".join(parts)
        self._rest = data[count:]
        return data[:count]
