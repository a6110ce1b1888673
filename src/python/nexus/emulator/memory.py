"""Guest RAM: one anonymous mapping, with a mark on every page whose bytes something remembers.

A page is marked when it is decoded as code or walked as a page table.  Engines cannot store to a
marked page on their fast path; the slow path calls `write`, which removes the mark and tells the
observer to forget what it derived from the page.  So decoded code and cached translations are
always coherent with memory, in every engine alike, and `fence.i` and `sfence.vma` have nothing
left to do.  Untouched pages cost nothing on the host.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from typing import Final

RAM_BASE: Final = 0x8000_0000
PAGE_SHIFT: Final = 12
PAGE_BYTES: Final = 1 << PAGE_SHIFT


class Ram:
    """A contiguous range of guest physical memory starting at RAM_BASE.

    Addresses are physical; pages are numbered from the start of RAM.
    """

    def __init__(self, size_bytes: int) -> None:
        """Reserve the range; it reads as zeros.

        Raises:
            ValueError: The size is not a positive multiple of a page.
        """
        if size_bytes <= 0 or size_bytes % PAGE_BYTES:
            raise ValueError(
                f"ram_bytes={size_bytes}: expected a positive multiple of {PAGE_BYTES}"
            )
        self.size_bytes = size_bytes
        # Private, so that reading an untouched page does not take one from the host.
        self.buffer = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.marks = bytearray(size_bytes >> PAGE_SHIFT)  # A byte a page: 1 where it is marked.
        # Gets the number of a page that was marked and is about to be written.
        self.forget: Callable[[int], None] = lambda page: None

    def contains(self, address: int, length: int) -> bool:
        """True if the whole range is RAM."""
        return address >= RAM_BASE and address + length <= RAM_BASE + self.size_bytes

    def read(self, address: int, length: int) -> bytes:
        """Read a range that `contains` accepts."""
        offset = address - RAM_BASE
        return self.buffer[offset : offset + length]

    def write(self, address: int, data: bytes) -> None:
        """Write a range that `contains` accepts, for a hart, a device or the loader."""
        if not data:
            return
        offset = address - RAM_BASE
        for page in range(offset >> PAGE_SHIFT, (offset + len(data) - 1 >> PAGE_SHIFT) + 1):
            if self.marks[page]:
                self.marks[page] = 0
                self.forget(page)
        self.buffer[offset : offset + len(data)] = data
