"""The code of an image: what of it may be executed, at which addresses, and under which name.

A system image has several parts: the kernel, and the services of its boot archive.  Each is linked
for itself, so an address means something only together with its part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nexus.coverage.error import CoverageError
from nexus.emulator.elf import PF_X, ImageError, ProgramHeader, loaded_headers
from nexus.emulator.isa.decode import decode
from nexus.emulator.memory import PAGE_BYTES
from nexus.image import bootfs
from nexus.image.error import ImageError as ArchiveError

KERNEL: Final = "kernel"

_DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Stretch:
    """Executable bytes at a virtual address, and where in memory they are loaded to."""

    virtual: int
    physical: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """A program of an image."""

    name: str
    stretches: tuple[Stretch, ...]

    @property
    def digest(self) -> str:
        """Identify the code, wherever it is loaded to and whatever is known about its lines."""
        digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        for stretch in self.stretches:
            digest.update(stretch.virtual.to_bytes(8, "little"))
            digest.update(len(stretch.data).to_bytes(8, "little") + stretch.data)
        return digest.hexdigest()

    def page_at(self, virtual: int) -> bytes | None:
        """Return the page that a loader lays at a virtual address; None if no code is in it."""
        page = bytearray(PAGE_BYTES)
        found = False
        for stretch in self.stretches:
            start = max(virtual, stretch.virtual)
            end = min(virtual + PAGE_BYTES, stretch.virtual + len(stretch.data))
            if start < end:
                part = stretch.data[start - stretch.virtual : end - stretch.virtual]
                page[start - virtual : end - virtual] = part
                found = True
        return bytes(page) if found else None

    def pages(self) -> list[int]:
        """The virtual addresses of the pages with code in them."""
        found: set[int] = set()
        for stretch in self.stretches:
            first, end = stretch.virtual & -PAGE_BYTES, stretch.virtual + len(stretch.data)
            found.update(range(first, end, PAGE_BYTES))
        return sorted(found)

    def branches(self) -> Iterator[int]:
        """The addresses of conditional branches, read from the first byte of a stretch on."""
        for stretch in self.stretches:
            at = 0
            while at + 2 <= len(stretch.data):
                word = int.from_bytes(stretch.data[at : at + 4], "little")
                length = 4 if word & 3 == 3 else 2
                instruction = decode(word if length == 4 else word & 0xFFFF)
                if instruction is not None and instruction.name in _BRANCHES:
                    yield stretch.virtual + at
                at += length


_BRANCHES: Final = frozenset({"beq", "bne", "blt", "bge", "bltu", "bgeu"})


def parts_of(image: bytes, name: str) -> list[Part]:
    """The kernel and the services of an image, or the only program that it is.

    Raises:
        CoverageError: it is not an executable for this machine.
    """
    headers = _headers(image, name)
    parts = [Part(KERNEL, tuple(_stretches(image, headers)))]
    for header in headers:
        data = image[header.offset : header.offset + header.file_bytes]
        if data[:4] == bootfs.MAGIC:
            parts += _services(data, header.physical)
    return parts


def _headers(image: bytes, name: str) -> list[ProgramHeader]:
    try:
        return loaded_headers(image)
    except ImageError as exc:
        raise CoverageError(f"{name}: {exc}") from exc


def _services(archive: bytes, physical: int) -> Iterator[Part]:
    try:
        files = bootfs.unpack(archive)
    except ArchiveError as exc:
        raise CoverageError(str(exc)) from exc
    end = 0
    for name, content in files.items():
        headers = _headers(content, name)
        # Where the archive lies is where a kernel may execute its pages; files follow in order.
        start = archive.index(content, end)
        end = start + len(content)
        yield Part(name, tuple(_stretches(content, headers, physical + start)))


def _stretches(
    image: bytes, headers: list[ProgramHeader], file_at: int | None = None
) -> Iterator[Stretch]:
    for header in headers:
        if header.flags & PF_X and header.file_bytes:
            data = image[header.offset : header.offset + header.file_bytes]
            physical = header.physical if file_at is None else file_at + header.offset
            yield Stretch(header.virtual, physical, data)
