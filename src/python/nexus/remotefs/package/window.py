"""The choice of the next pieces of a file: blocks of 128 bytes, many at a time.

`PK` v1 gives at most 128 bytes an answer, so a reader that waited for each would get 128 bytes a
round trip.  A window asks for as many blocks as may be outstanding, keeps what comes in whatever
order, and, while the reader goes straight on, asks for what it will want next.

It sends nothing and waits for nothing.  Rules of this file
------------------
1. A block is asked for once while it is wanted, and never beyond the file's end.
2. What is kept is bounded by what was demanded and one window ahead of it.
3. An answer that is not what was asked for means that this is another file: `ChangedError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.core.errors import NexusError
from nexus.wire.packagefs import READ_BYTES_MAX

BLOCK_BYTES: Final = READ_BYTES_MAX

SESSION_LOST: Final = "the session was lost, and what was open with it; open it again"


class ChangedError(NexusError):
    """The peer's file is not the one that was opened; open it again."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file to ask for."""

    offset: int
    length: int


class Window:
    """The reading state of one open file."""

    def __init__(self, size: int, ahead_max: int) -> None:
        """Read a file of this size, up to so many blocks ahead of what is demanded."""
        self.size = size
        self._ahead_max = ahead_max
        self._kept: dict[int, bytes] = {}
        self._asked: set[int] = set()
        # The demand in bytes, and in blocks; then the blocks up to which it is worth asking.
        self._start = self._end = 0
        self._first = self._last = self._horizon = 0
        # No block before this one is left to ask for; so many of those demanded are not here.
        self._next = 0
        self._missing = 0

    @property
    def asked_count(self) -> int:
        """The number of awaited answers."""
        return len(self._asked)

    @property
    def kept_bytes(self) -> int:
        """The number of bytes that are held."""
        return sum(len(data) for data in self._kept.values())

    def demand(self, offset: int, length: int) -> None:
        """Say what is wanted now; what is of no use for it is let go."""
        assert offset >= 0, f"offset {offset}"
        assert length >= 0, f"length {length}"
        is_straight_on = offset == self._end
        self._start = min(offset, self.size)
        self._end = min(offset + length, self.size)
        self._first = self._next = self._start // BLOCK_BYTES
        is_empty = self._start == self._end
        self._last = self._horizon = self._first if is_empty else _blocks(self._end)
        if is_straight_on and not is_empty:
            self._horizon = min(self._last + self._ahead_max, _blocks(self.size))
        self._kept = {block: data for block, data in self._kept.items() if self._is_wanted(block)}
        self._missing = sum(b not in self._kept for b in range(self._first, self._last))

    def next_piece(self) -> Piece | None:
        """Return what to ask for next, if anything; it counts as asked for."""
        while self._next < self._horizon:
            block = self._next
            self._next += 1
            if block not in self._kept and block not in self._asked:
                self._asked.add(block)
                offset = block * BLOCK_BYTES
                return Piece(offset, min(BLOCK_BYTES, self.size - offset))
        return None

    def arrived(self, piece: Piece, data: bytes) -> None:
        """Take an answer.

        Raises:
            ChangedError: it has another length than the file there.
        """
        if len(data) != piece.length:
            self.gave_up(piece)
            raise ChangedError(
                f"{len(data)} bytes at {piece.offset} of {self.size}; expected {piece.length}"
            )
        block = piece.offset // BLOCK_BYTES
        self._asked.discard(block)
        if self._is_wanted(block) and block not in self._kept:
            self._kept[block] = data
            self._missing -= self._first <= block < self._last

    def gave_up(self, piece: Piece) -> None:
        """Take note that no answer will come; it may be asked for again."""
        block = piece.offset // BLOCK_BYTES
        self._asked.discard(block)
        if self._is_wanted(block):
            self._next = min(self._next, block)

    def take(self) -> bytes | None:
        """Return what was demanded, or None until all of it is here."""
        if self._missing:
            return None
        joined = b"".join(self._kept[block] for block in range(self._first, self._last))
        start = self._start - self._first * BLOCK_BYTES
        return joined[start : start + self._end - self._start]

    def _is_wanted(self, block: int) -> bool:
        return self._first <= block < self._horizon


def _blocks(length: int) -> int:
    return -(-length // BLOCK_BYTES)
