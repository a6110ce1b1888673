"""Directories of the Remote Execution API, read from their bytes.

A reader of three messages, so that a report needs nothing but the standard library: the protocol's
own classes come with a server of a quarter of a gigabyte.  Fields and numbers are those of
`Directory`, `FileNode`, `DirectoryNode`, `SymlinkNode` and `Digest`; others are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Wire types of protocol buffers.
VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5
VARINT_BYTES_MAX: Final = 10

# A hash in hex, as names of files have it, and a size below 2 to the power of 63.
DIGEST: Final = re.compile(r"([0-9a-f]{1,128})/([0-9]{1,18})")


class TreeError(Exception):
    """Bytes are not a directory."""


@dataclass(frozen=True)
class Digest:
    """Names a blob: the hash in hex, the size in bytes."""

    hash: str
    size_bytes: int

    def __str__(self) -> str:
        return f"{self.hash}/{self.size_bytes}"


def parse_digest(text: str) -> Digest | None:
    """Read `HASH/SIZE`; nothing if it is not one."""
    found = DIGEST.fullmatch(text)
    return Digest(found[1], int(found[2])) if found else None


def entries(directory: bytes) -> dict[str, tuple[str, str]]:
    """Return the content of a directory: kinds and contents by name.

    Raises:
        TreeError: the bytes are not one.
    """
    found: dict[str, tuple[str, str]] = {}
    for number, value in fields(directory):
        if number in (1, 2, 3) and isinstance(value, bytes):
            node = dict(fields(value))
            name = text_of(node.get(1, b""))
            if number == 3:
                found[name] = ("link to", text_of(node.get(2, b"")))
                continue
            kind = "directory" if number == 2 else "executable" if node.get(4) else "file"
            found[name] = (kind, str(digest_of(node.get(2, b""))))
    return found


def digest_of(value: bytes | int) -> Digest:
    """Read a digest."""
    if not isinstance(value, bytes):
        raise TreeError("a number in place of a digest")
    digest = dict(fields(value))
    size = digest.get(2, 0)
    if not isinstance(size, int):
        raise TreeError("bytes in place of a size")
    return Digest(text_of(digest.get(1, b"")), size)


def text_of(value: bytes | int) -> str:
    """Read a string."""
    if not isinstance(value, bytes):
        raise TreeError("a number in place of text")
    try:
        return value.decode()
    except UnicodeDecodeError as exc:
        raise TreeError("text that is not UTF-8") from exc


def fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """The fields of a message, by number: numbers, or the bytes of all else."""
    place = 0
    while place < len(message):
        key, place = varint(message, place)
        kind = key & 7
        if kind == VARINT:
            number, place = varint(message, place)
            yield key >> 3, number
            continue
        if kind == BYTES:
            size, place = varint(message, place)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise TreeError(f"wire type {kind}")
        if place + size > len(message):
            raise TreeError("it ends within a field")
        yield key >> 3, message[place : place + size]
        place += size


def varint(message: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = 0
    for count, byte in enumerate(message[place : place + VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, place + count + 1
    raise TreeError("it ends within a number")
