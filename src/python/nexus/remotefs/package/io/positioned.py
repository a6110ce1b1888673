"""What every open file of a peer has: a position, and an end by `async with`."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


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
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}.get(whence)
        if base is None or base + offset < 0:
            raise ValueError(f"seek to {offset} from {whence}; expected places from 0 on")
        self._position = base + offset
        return self._position

    @abstractmethod
    async def close(self) -> None:
        """Close it."""
