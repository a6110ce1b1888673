"""A peer's open file in Python's own form: a place, and reads that are whole."""

from __future__ import annotations

import io
from abc import abstractmethod


def sought(position: int, size: int, offset: int, whence: int) -> int:
    """Return where a file of `size` bytes is after a seek; beyond its end there is nothing to read.

    Raises:
        ValueError: the place is before the beginning, or `whence` is not one of the three.
    """
    base = {io.SEEK_SET: 0, io.SEEK_CUR: position, io.SEEK_END: size}.get(whence)
    if base is None or base + offset < 0:
        raise ValueError(f"seek to {offset} from {whence}; expected places from 0 on")
    return base + offset


class RawFile(io.RawIOBase):
    """A file that is read and never written, for callers that wait.

    Unlike other raw files it gives as much as is asked, fewer bytes only at its end.
    """

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    # The stub wants any buffer, which has no one name in this version of Python.
    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # Above.
        """Read into a buffer as much as it holds.  Raises what `read` raises."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """Read to the end.  Raises what `read` raises."""
        return self.read(-1)

    @abstractmethod
    def read(self, size: int | None = -1) -> bytes:
        """Read exactly `size` bytes, fewer only at the end of the file."""
