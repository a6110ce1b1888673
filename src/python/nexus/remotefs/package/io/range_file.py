"""An open file of a peer that is read in ranges over streams.

What is read straight on is fetched ahead, twice as much each time, so that small steps cost few
round trips and a whole file few requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from nexus.remotefs.package.io.positioned import PeerFile
from nexus.remotefs.package.io.stream import Found
from nexus.remotefs.package.window import ChangedError
from nexus.wire.package_stream import LENGTH_MAX

AHEAD_BYTES_MIN: Final = 64 * 1024
AHEAD_BYTES_MAX: Final = 4 << 20

# Offset and length in, what there is out.
Fetch = Callable[[int, int], Awaitable[Found]]


class RangeFile(PeerFile):
    """A file as it was when it was opened.  No handle is open at the peer."""

    def __init__(self, name: str, first: Found, fetch: Fetch) -> None:
        """Read from the beginning.

        Args:
            name: For errors.
            first: What opening it gave: size, state, and the first bytes.
            fetch: Reads a range.
        """
        super().__init__(first.reply.size)
        self.name = name
        self._state = first.reply.state  # Names what the peer served when it was opened.
        self._fetch = fetch
        self._start, self._kept = 0, first.data  # The last fetched bytes, and their place.
        self._ahead = AHEAD_BYTES_MIN

    async def close(self) -> None:
        """Let go of what was fetched."""
        self._is_closed = True
        self._kept = b""

    async def _range(self, offset: int, length: int) -> bytes:
        pieces = []
        while length > 0:
            inside = offset - self._start
            if not 0 <= inside < len(self._kept):
                await self._fill(offset, length)
                inside = 0
            piece = self._kept[inside : inside + length]
            pieces.append(piece)
            offset += len(piece)
            length -= len(piece)
        return b"".join(pieces)

    async def _fill(self, offset: int, length: int) -> None:
        is_straight_on = offset == self._start + len(self._kept)
        self._ahead = min(2 * self._ahead, AHEAD_BYTES_MAX) if is_straight_on else AHEAD_BYTES_MIN
        most = min(max(length, self._ahead), self.size - offset, LENGTH_MAX)
        self._kept = b""  # Not held beside what takes its place.
        found = await self._fetch(offset, most)
        reply = found.reply
        if (reply.state, reply.size, reply.length) != (self._state, self.size, most):
            raise ChangedError(f"{self.name}: the peer serves something else now; open it again")
        self._start, self._kept = offset, found.data
