"""Reads files out of a Debian package, without Debian's tools.

A package is an `ar` archive: `!<arch>`, then members with a header of 60 bytes each.  The files are
in the member `data.tar.xz` (deb(5)).
"""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

from nexus.core.errors import NexusError

_MAGIC: Final = b"!<arch>\n"
_HEADER_BYTES: Final = 60
_SIZE: Final = slice(48, 58)
_DATA: Final = "data.tar.xz"
# The largest file of a kernel's package is the kernel.
_FILE_BYTES_MAX: Final = 256 << 20


class PackageError(NexusError):
    """A package is damaged, or lacks a file."""


def read_files(package: bytes, patterns: Sequence[str]) -> dict[str, bytes]:
    """Read the regular files whose path, such as `usr/bin/busybox`, matches one of the patterns.

    Raises:
        PackageError: It is not a package, or there is no such file.
    """
    data = next((content for name, content in _members(package) if name == _DATA), None)
    if data is None:
        raise PackageError(f"the package has no {_DATA}; expected a Debian package")
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:xz") as archive:
            for member in archive:
                path = member.name.removeprefix("./")
                if member.isfile() and any(fnmatchcase(path, it) for it in patterns):
                    found[path] = _content(archive, member)
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise PackageError(f"the package is damaged: {error}") from None
    for pattern in patterns:
        if not any(fnmatchcase(path, pattern) for path in found):
            raise PackageError(f"the package has no file {pattern!r}")
    return found


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > _FILE_BYTES_MAX:
        raise PackageError(f"{member.name}: {member.size} bytes; expected at most 256 MiB")
    file = archive.extractfile(member)
    assert file is not None, "it is a regular file"
    return file.read()


def _members(package: bytes) -> Iterator[tuple[str, bytes]]:
    if package[:8] != _MAGIC:
        raise PackageError(f"the package begins with {package[:8]!r}; expected {_MAGIC!r}")
    at = len(_MAGIC)
    while at + _HEADER_BYTES <= len(package):
        header = package[at : at + _HEADER_BYTES]
        name = header[:16].decode("ascii", "replace").rstrip(" /")
        size = int(header[_SIZE]) if header[_SIZE].strip().isdigit() else -1
        at += _HEADER_BYTES
        if not 0 <= size <= len(package) - at:
            raise PackageError(f"the package is damaged: member {name!r} ends after the file")
        yield name, package[at : at + size]
        at += size + size % 2
