"""The common part of a peer's open files: a position, and an end by `async with`."""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from nexus.remotefs.package.raw_file import sought


class Positioned(ABC):
    """A file of a known size that is read from a position on."""

    def __init__(self, size: int) -> None:
        """Begin at the beginning."""
        self.size = size
        self._position = 0

    async def __aenter__(self) -> Self:
        """Return the file itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; beyond the end there is nothing to read."""
        self._position = sought(self._position, self.size, offset, whence)
        return self._position

    @abstractmethod
    async def close(self) -> None:
        """Close it."""


class PeerFile(Positioned):
    """A file whose bytes come from a peer, for one reader at a time."""

    def __init__(self, size: int) -> None:
        """Begin at the beginning."""
        super().__init__(size)
        self._reading = asyncio.Lock()
        self._is_closed = False

    async def read(self, size: int = -1) -> bytes:
        """Read exactly `size` bytes, fewer only at the end of the file.

        Raises:
            PackageError: the peer refuses or fails.
            ChangedError: the peer serves something else now, or lost what was open.
            BusError: the peer cannot be reached.
        """
        async with self._reading:
            data = await self._read(self._position, size)
            self._position += len(data)
            return data

    async def read_at(self, offset: int, size: int) -> bytes:
        """Read from a place, and leave the position where it is.

        Raises:
            As `read`.
        """
        async with self._reading:
            return await self._read(offset, size)

    async def _read(self, offset: int, size: int) -> bytes:
        if self._is_closed:
            raise ValueError("read of a closed file")
        left = max(self.size - offset, 0)
        return await self._range(offset, left if size < 0 else min(size, left))

    @abstractmethod
    async def _range(self, offset: int, length: int) -> bytes:
        """Get so many bytes from a place; all of them are in the file."""
