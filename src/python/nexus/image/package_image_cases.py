"""Ways to bend a good package image, for tests of its readers."""

from __future__ import annotations

import hashlib
import struct
from typing import Final

from nexus.image.package_image import ENTRY, SUPERBLOCK, Fault

_SUPERBLOCK_FIELDS: Final = {
    "magic": (0, "8s"),
    "version": (8, "<H"),
    "flags": (10, "<H"),
    "index_off": (12, "<Q"),
    "index_len": (20, "<Q"),
    "data_off": (28, "<Q"),
    "data_len": (36, "<Q"),
    "hash": (44, "32s"),
}

_ENTRY_FIELDS: Final = {
    "bundle_len": (0, "<H"),
    "version_len": (2, "<H"),
    "path_len": (4, "<H"),
    "reserved": (6, "<H"),
    "data_off": (8, "<Q"),
    "len": (16, "<Q"),
}

_HUGE: Final = (1 << 64) - 1

# Every field of the superblock, bent every way that has a name.
FIELDS: Final[tuple[tuple[str, int | bytes, Fault], ...]] = (
    ("magic", b"PKGIMGV1", Fault.MAGIC),
    ("magic", b"pkgimgv2", Fault.MAGIC),
    ("version", 1, Fault.VERSION),
    ("version", 0x0200, Fault.VERSION),
    ("flags", 1, Fault.FLAGS),
    ("flags", 0x8000, Fault.FLAGS),
    ("index_off", 0, Fault.BOUNDS),
    ("index_off", 77, Fault.BOUNDS),
    ("index_off", _HUGE, Fault.BOUNDS),
    ("index_len", 0, Fault.BOUNDS),
    ("index_len", 3, Fault.BOUNDS),
    ("index_len", 4, Fault.HASH),
    ("index_len", 437, Fault.BOUNDS),
    ("index_len", (8 << 20) + 1, Fault.LIMIT),
    ("index_len", _HUGE, Fault.LIMIT),
    ("data_off", 0, Fault.BOUNDS),
    ("data_off", 76, Fault.BOUNDS),
    ("data_off", 511, Fault.BOUNDS),
    ("data_off", 513, Fault.BOUNDS),
    ("data_off", 1024, Fault.BOUNDS),
    ("data_off", _HUGE, Fault.LIMIT),
    ("data_len", 1 << 20, Fault.BOUNDS),
    ("data_len", (128 << 20) + 1, Fault.LIMIT),
    ("data_len", _HUGE, Fault.LIMIT),
    ("data_len", 8192, Fault.BOUNDS),
    ("hash", bytes(32), Fault.HASH),
)


def bend_superblock(image: bytes, field: str, value: int | bytes) -> bytes:
    """Put another value into one field of the superblock."""
    offset, form = _SUPERBLOCK_FIELDS[field]
    bent = bytearray(image)
    struct.pack_into(form, bent, offset, value)
    return bytes(bent)


def bend_entry(image: bytes, number: int, field: str, value: int) -> bytes:
    """Put another value into one field of one entry, and make the index's hash right again."""
    position = SUPERBLOCK.size + 4
    for _ in range(number):
        lengths = ENTRY.unpack_from(image, position)[:3]
        position += ENTRY.size + sum(lengths)
    offset, form = _ENTRY_FIELDS[field]
    bent = bytearray(image)
    struct.pack_into(form, bent, position + offset, value)
    return rehash(bytes(bent))


def rehash(image: bytes) -> bytes:
    """Make the index's hash right, so that the index itself has to be looked at."""
    _, _, _, index_off, index_len, *_ = SUPERBLOCK.unpack_from(image)
    digest = hashlib.sha256(image[index_off : index_off + index_len]).digest()
    return bend_superblock(image, "hash", digest)
