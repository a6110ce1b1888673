"""Writes cpio archives of the new portable format, which Linux takes as its initial RAM disk.

Each entry, in Linux's `Documentation/driver-api/early-userspace/buffer-format.rst`:

    `070701` and 13 numbers of 8 hex digits | name and a zero | data

Name and data are filled up to a multiple of 4 bytes.  Owner is root and time is 1970, so that the
same files give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

DIRECTORY: Final = 0o040755
PROGRAM: Final = 0o100755
FILE: Final = 0o100644
LINK: Final = 0o120777
CHARACTER_DEVICE: Final = 0o020600

_END: Final = "TRAILER!!!"
_BLOCK: Final = 512


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: its path without a leading slash, its kind and mode, its content."""

    name: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)  # A device's major and minor number.


def archive(entries: Sequence[Entry]) -> bytes:
    """Write the archive; a folder has to come before what is in it."""
    parts = [_entry(number + 1, entry) for number, entry in enumerate(entries)]
    parts.append(_entry(0, Entry(_END, 0)))
    data = b"".join(parts)
    return data + bytes(-len(data) % _BLOCK)


def _entry(number: int, entry: Entry) -> bytes:
    name = entry.name.encode() + b"\0"
    words = (number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % word for word in words) + name
    return head + bytes(-len(head) % 4) + entry.data + bytes(-len(entry.data) % 4)
