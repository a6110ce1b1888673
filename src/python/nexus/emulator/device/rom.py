"""Read-only memory."""

from __future__ import annotations


class Rom:
    """Bytes that can be read; writes are ignored, as on the board."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, offset: int, size: int) -> int:
        """Read; zeros after the content."""
        return int.from_bytes(self._content[offset : offset + size], "little")

    def write(self, offset: int, size: int, value: int) -> None:
        """Ignore it."""
