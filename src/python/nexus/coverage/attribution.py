"""Finds out to which part of an image an executed page belongs.

Services are linked to the same addresses, so an address alone does not identify one.  A page
belongs to a part if it has the bytes that the part has there.  Several parts may have these very
bytes at the same address.  Then the place in memory decides, if the kernel executes the boot
archive in place; else the page belongs to the part that the same machine executed last.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from nexus.coverage.code import KERNEL, Part
from nexus.coverage.executed import Executed, bits_of
from nexus.emulator.coverage import CoveredPage, PageKey
from nexus.emulator.memory import PAGE_BYTES

_USER: Final = 0
_DIGEST_BYTES: Final = 16


class Attribution:
    """The pages of an image's parts, by what is in them."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = list(parts)
        # Each part by its name, and the digest of its code.
        self.parts = {part.name: (part, part.digest) for part in parts}
        self._named: dict[tuple[int, bytes], list[Part]] = defaultdict(list)
        self._placed: dict[tuple[str, int], int] = {}
        for part in parts:
            for virtual in part.pages():
                content = part.page_at(virtual)
                assert content is not None, "it is one of its pages"
                digest = hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
                self._named[virtual, digest].append(part)
            for stretch in part.stretches:
                for offset in range(0, len(stretch.data), PAGE_BYTES):
                    self._placed[part.name, stretch.physical + offset] = stretch.virtual + offset

    def attribute(self, pages: Iterable[CoveredPage]) -> Executed:
        """Add up what one machine has executed, by part."""
        executed = Executed(runs=1)
        for name, (_, digest) in self.parts.items():
            executed.parts[name, digest] = {}
        last: Part | None = None
        for page in pages:
            found = self.part_of(page.key, last)
            if found is None:
                executed.pages_unknown += 1
                continue
            last = found if page.key.privilege == _USER else last
            _, digest = self.parts[found.name]
            executed.add(found.name, digest, page.key.virtual, bits_of(page))
        return executed

    def part_of(self, page: PageKey, last: Part | None) -> Part | None:
        """The part that a page belongs to; `last` is the part that was executed before it."""
        candidates = self._named.get((page.virtual, page.digest), [])
        if len(candidates) > 1:
            for part in candidates:
                if self._placed.get((part.name, page.physical)) == page.virtual:
                    return part
            return last if last in candidates else candidates[0]
        if candidates:
            return candidates[0]
        # A kernel may write to a page of its own code, or keep data in it.
        kernel = self._parts[0]
        if page.privilege != _USER and kernel.page_at(page.virtual) is not None:
            return kernel if kernel.name == KERNEL else None
        return None
