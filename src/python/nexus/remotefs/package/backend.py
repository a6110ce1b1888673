"""The source of a server's bytes: memory, or a verified package image.

A backend does not change: a reader of an open file sees one state of it to the end.  To serve other
packages, give the server another backend, which ends all handles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable  # Any: a token is the backend's own.

from nexus.core.errors import NexusError
from nexus.image.package_image import Entry, PackageFile, PackageImage
from nexus.remotefs.package.tree import Folder, Tree


class BackendError(NexusError):
    """The bytes cannot be had; the peer is told `IO`."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that was found; `token` is the backend's own."""

    size: int
    token: Any


class Backend(Protocol):
    """The questions that a server asks."""

    def find(self, name: str) -> File | Folder | None:
        """Return what a name without scheme leads to."""
        ...

    def read(self, file: File, offset: int, length: int) -> bytes:
        """Read; fewer bytes than asked only at the end.

        Raises:
            BackendError: the bytes cannot be had.
        """
        ...


@runtime_checkable
class ListingBackend(Backend, Protocol):
    """A backend that can also say what there is."""

    def children(self, name: str) -> list[tuple[str, File | Folder]] | None:
        """List a folder, the empty name being that of all bundles; None if it is not a folder."""
        ...


class MemoryBackend:
    """Files given as values."""

    def __init__(self, files: Iterable[PackageFile]) -> None:
        """Take the files."""
        self._tree = Tree((f.bundle, f.version, f.path, File(len(f.data), f.data)) for f in files)

    def find(self, name: str) -> File | Folder | None:
        """Return what a name without scheme leads to."""
        return self._tree.find(name)

    def children(self, name: str) -> list[tuple[str, File | Folder]] | None:
        """List a folder, the empty name being that of all bundles; None if it is not a folder."""
        return self._tree.children(name)

    def read(self, file: File, offset: int, length: int) -> bytes:
        """Read; fewer bytes than asked only at the end."""
        data: bytes = file.token
        return data[offset : offset + length]


class ImageBackend:
    """The files of an image; `nexus.image.package_image` has verified it."""

    def __init__(self, image: PackageImage) -> None:
        """Take the image."""
        self._image = image
        self._tree = Tree((e.bundle, e.version, e.path, File(e.size, e)) for e in image.entries)

    def find(self, name: str) -> File | Folder | None:
        """Return what a name without scheme leads to."""
        return self._tree.find(name)

    def children(self, name: str) -> list[tuple[str, File | Folder]] | None:
        """List a folder, the empty name being that of all bundles; None if it is not a folder."""
        return self._tree.children(name)

    def read(self, file: File, offset: int, length: int) -> bytes:
        """Read; fewer bytes than asked only at the end."""
        entry: Entry = file.token
        return self._image.read(entry, offset, length)
