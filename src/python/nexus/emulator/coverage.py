"""The instructions that a machine has executed, page by page, whatever the engine.

A page is known by where it lay when it was first executed and by what was in it then: when other
code is put into the same frame of memory, that is another page.  Recording changes nothing that a
guest could notice.

An instruction counts as executed if it was begun, also if it trapped then.  One that could not be
fetched or decoded does not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.emulator.memory import PAGE_BYTES, PAGE_SHIFT, RAM_BASE, Ram

# Flags of an instruction, by the half-word that it begins in.
EXECUTED: Final = 1
NOT_TAKEN: Final = 2  # A conditional branch went on behind itself ...
TAKEN: Final = 4  # ... or to its target.

PAGE_HALVES: Final = PAGE_BYTES // 2

# Pages of code kept for one machine, 2 KiB each: 1 GiB of code, more than a guest of 2 GiB runs.
# Later pages are counted and not kept.
PAGES_MAX: Final = 1 << 18

_DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True, order=True)
class PageKey:
    """The place of a page of code, and its content."""

    physical: int
    virtual: int
    privilege: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class CoveredPage:
    """A page of code, and a byte of flags for each of its half-words."""

    key: PageKey
    flags: bytes


class Recorder:
    """Collects what the machine of one name executes, over all of its boots."""

    def __init__(self) -> None:
        self._pages: dict[PageKey, bytearray] = {}
        self._collect: Callable[[], None] = lambda: None
        self.pages_lost = 0

    def attach(self, collect: Callable[[], None]) -> None:
        """Take what the hart so far still holds, and ask this one from now on."""
        self._collect()
        self._collect = collect

    def page(self, ram: Ram, number: int, virtual: int, privilege: int) -> bytearray:
        """The flags of the page that now lies in a frame, `number` pages above RAM's start."""
        start = number << PAGE_SHIFT
        content = ram.buffer[start : start + PAGE_BYTES]
        digest = hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
        key = PageKey(RAM_BASE + start, virtual & -PAGE_BYTES, privilege, digest)
        flags = self._pages.get(key)
        if flags is None:
            flags = bytearray(PAGE_HALVES)
            if len(self._pages) == PAGES_MAX:
                self.pages_lost += 1
            else:
                self._pages[key] = flags
        return flags

    def pages(self) -> list[CoveredPage]:
        """All pages with an executed instruction, in the order of their places."""
        self._collect()
        return [
            CoveredPage(key, bytes(flags))
            for key, flags in sorted(self._pages.items())
            if any(flags)
        ]


def add_flags(flags: bytearray, more: Sequence[int] | bytes) -> None:
    """Add flags of the same page."""
    merged = int.from_bytes(flags, "little") | int.from_bytes(bytes(more), "little")
    flags[:] = merged.to_bytes(len(flags), "little")
