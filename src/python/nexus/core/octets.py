"""Bounded reading and writing of byte strings.

A reader never goes past the end and a writer never grows past its limit; both say so with an
error of their own, which the protocol packages translate into theirs by overriding one method.
"""

from __future__ import annotations

from typing import NoReturn

from nexus.core.errors import NexusError


class OctetsError(NexusError):
    """More bytes were asked for than there are, or than may be."""


class Reader:
    """A position in a byte string that only moves forward."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        """Start at the first byte."""
        self._data = bytes(data)
        self._position = 0

    @property
    def remaining(self) -> int:
        """The number of bytes that are left."""
        return len(self._data) - self._position

    def take(self, count: int) -> bytes:
        """Take the next `count` bytes."""
        assert count >= 0, f"{count} bytes"
        if count > self.remaining:
            self.fail_short(count)
        start = self._position
        self._position += count
        return self._data[start : self._position]

    def take_rest(self) -> bytes:
        """Take all bytes that are left."""
        return self.take(self.remaining)

    def u8(self) -> int:
        """Take one byte."""
        return self.take(1)[0]

    def u16(self) -> int:
        """Take a little-endian integer of 16 bits."""
        return int.from_bytes(self.take(2), "little")

    def u32(self) -> int:
        """Take a little-endian integer of 32 bits."""
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        """Take a little-endian integer of 64 bits."""
        return int.from_bytes(self.take(8), "little")

    def u16_big(self) -> int:
        """Take a big-endian integer of 16 bits."""
        return int.from_bytes(self.take(2), "big")

    def fail_short(self, count: int) -> NoReturn:
        """Refuse to go past the end; a protocol's reader raises its own error here."""
        raise OctetsError(f"{count} bytes asked, {self.remaining} left")


class Writer:
    """A byte string that grows up to a limit."""

    __slots__ = ("_data", "limit")

    def __init__(self, limit: int) -> None:
        """Start empty."""
        self.limit = limit
        self._data = bytearray()

    def put(self, data: bytes) -> Writer:
        """Append bytes."""
        if len(self._data) + len(data) > self.limit:
            self.fail_full(len(data))
        self._data += data
        return self

    def u8(self, value: int) -> Writer:
        """Append one byte."""
        return self._integer(value, 1, "little")

    def u16(self, value: int) -> Writer:
        """Append a little-endian integer of 16 bits."""
        return self._integer(value, 2, "little")

    def u32(self, value: int) -> Writer:
        """Append a little-endian integer of 32 bits."""
        return self._integer(value, 4, "little")

    def u64(self, value: int) -> Writer:
        """Append a little-endian integer of 64 bits."""
        return self._integer(value, 8, "little")

    def u16_big(self, value: int) -> Writer:
        """Append a big-endian integer of 16 bits."""
        return self._integer(value, 2, "big")

    def finish(self) -> bytes:
        """Return what was written."""
        return bytes(self._data)

    def fail_full(self, count: int) -> NoReturn:
        """Refuse to grow past the limit."""
        raise OctetsError(f"{len(self._data)} + {count} bytes are over the limit of {self.limit}")

    def fail_range(self, value: int, width: int) -> NoReturn:
        """Refuse an integer that does not fit."""
        raise OctetsError(f"{value} does not fit {width} bytes without sign")

    def _integer(self, value: int, width: int, order: str) -> Writer:
        if not 0 <= value < 1 << (8 * width):
            self.fail_range(value, width)
        return self.put(value.to_bytes(width, "big" if order == "big" else "little"))
