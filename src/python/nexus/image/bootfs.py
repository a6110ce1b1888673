"""The boot archive `NXBF`: every service's ELF, in one blob that `init` reads in place.

    0   magic `NXBF`            48 bytes a file, sorted by name:
    4   version u16 = 1           0  name, 32 bytes, zero-padded
    6   count u16                32  offset u64 from the archive's start, 4096-aligned
    8   entries                  40  length u64
    ..  files, each padded to a page

It knows neither ELF nor files on disk.  The same input gives the same bytes, in any order.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from nexus.contract import node
from nexus.core.errors import did_you_mean
from nexus.core.identity import SERVICE_NAME_RULE, is_service_name
from nexus.image.error import ImageError

MAGIC: Final = node.ARCHIVE_MAGIC
VERSION: Final = node.ARCHIVE_VERSION
PAGE_BYTES: Final = node.ARCHIVE_PAGE_BYTES

# As many as `init` can start: it keeps a slot for each, of 64 in all, and needs some itself.
FILES_MAX: Final = 48

_HEADER: Final = struct.Struct("<4sHH")
_ENTRY: Final = struct.Struct("<32sQQ")


def collect(named: Sequence[tuple[str, bytes]]) -> dict[str, bytes]:
    """Check names and make a mapping of (name, content) pairs."""
    files: dict[str, bytes] = {}
    for name, content in named:
        if not is_service_name(name):
            raise ImageError(f"service name {name!r}: expected {SERVICE_NAME_RULE}")
        if name in files:
            raise ImageError(f"service name {name!r} is given twice; each service once")
        files[name] = content
    return files


def pack(files: Mapping[str, bytes]) -> bytes:
    """Build the archive of these files."""
    if not 1 <= len(files) <= FILES_MAX:
        raise ImageError(f"{len(files)} services: expected 1..{FILES_MAX}")
    start = _page_up(_HEADER.size + _ENTRY.size * len(files))
    head = bytearray(_HEADER.pack(MAGIC, VERSION, len(files)))
    body = bytearray()
    for name in sorted(files):
        content = files[name]
        head += _ENTRY.pack(name.encode(), start + len(body), len(content))
        body += content.ljust(_page_up(len(content)), b"\0")
    return bytes(head.ljust(start, b"\0") + body)


def unpack(archive: bytes) -> dict[str, bytes]:
    """Read an archive back, checking every bound."""
    if len(archive) < _HEADER.size:
        raise ImageError(f"boot archive: {len(archive)} bytes, shorter than its header")
    magic, version, count = _HEADER.unpack_from(archive)
    if magic != MAGIC or version != VERSION:
        raise ImageError(f"boot archive: magic {magic!r} version {version}, not NXBF 1")
    if _HEADER.size + _ENTRY.size * count > len(archive):
        raise ImageError(f"boot archive: {count} entries do not fit {len(archive)} bytes")
    files: dict[str, bytes] = {}
    for index in range(count):
        padded, offset, length = _ENTRY.unpack_from(archive, _HEADER.size + _ENTRY.size * index)
        if offset % PAGE_BYTES or offset + length > len(archive):
            raise ImageError(f"boot archive: entry {index} lies at {offset}+{length}")
        name = padded.rstrip(b"\0").decode("ascii", "replace")
        files |= collect([(name, archive[offset : offset + length])])
    if list(files) != sorted(files) or len(files) != count:
        raise ImageError("boot archive: entries are not sorted by name")
    return files


def find(archive: bytes, name: str) -> bytes:
    """Take one file out of an archive."""
    files = unpack(archive)
    if name not in files:
        held = ", ".join(files)
        raise ImageError(f"no service {name!r}; held: {held}{did_you_mean(name, files)}")
    return files[name]


def _page_up(length: int) -> int:
    return -(-length // PAGE_BYTES) * PAGE_BYTES
