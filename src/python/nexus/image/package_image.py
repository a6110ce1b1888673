"""The package image `PKGIMGV2`: bundles of files on a read-only drive.

    superblock, 76 bytes                       index
    0   8  `PKGIMGV2`                          count u32, then per file
    8   2  version = 2                             bundle_len u16, version_len u16,
    10  2  flags = 0                               path_len u16, 0 u16,
    12  8  index_off = 76                          data_off u64 (from the data section's start),
    20  8  index_len                               len u64, bundle, version, path
    28  8  data_off, a multiple of 512
    36  8  data_len                            sorted by (bundle, version, path), as bytes
    44  32 SHA-256 of the index

It knows bytes, not where they come from.  The same files give the same image, in any order.  A
reader trusts nothing: `read_image` gives a `PackageImage` in which everything is in bounds, or one
`Fault`.  The data itself has no hash here; a bundle that wants one puts it into a file.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, NoReturn

from nexus.contract import image
from nexus.image.error import ImageError

MAGIC: Final = image.PACKAGE_MAGIC
VERSION: Final = image.PACKAGE_VERSION
SECTOR_BYTES: Final = image.DATA_ALIGN_BYTES
FILE_ALIGN_BYTES: Final = image.FILE_ALIGN_BYTES

# Those of the original system.
IMAGE_BYTES_MAX: Final = image.IMAGE_BYTES_MAX
INDEX_BYTES_MAX: Final = image.INDEX_BYTES_MAX
ENTRIES_MAX: Final = image.ENTRIES_MAX
PATH_BYTES_MAX: Final = image.PATH_BYTES_MAX
NAME_BYTES_MAX: Final = image.NAME_BYTES_MAX
FILE_BYTES_MAX: Final = image.FILE_BYTES_MAX

SUPERBLOCK: Final = struct.Struct("<8sHHQQQQ32s")
ENTRY: Final = struct.Struct("<HHHHQQ")
_COUNT: Final = struct.Struct("<I")

_NAME_RULE: Final = "without '/', '\\', '@' and NUL, and not '.' or '..'"
_PATH_RULE: Final = "segments between '/', none empty, '.' or '..', without '\\' and NUL"


class Fault(Enum):
    """The reason why an image is refused.  The first that applies, in this order, is reported."""

    TRUNCATED = "truncated"
    MAGIC = "bad magic"
    VERSION = "unsupported version"
    FLAGS = "unknown flags"
    LIMIT = "over a limit"
    BOUNDS = "out of bounds"
    HASH = "index hash mismatch"
    RESERVED = "reserved not zero"
    NAME = "bad name"
    PATH = "bad path"
    ALIGNMENT = "misaligned"
    ORDER = "out of order"
    DUPLICATE = "duplicate"
    TRAILING = "trailing index bytes"


class PackageImageError(ImageError):
    """These bytes are not a package image; nothing of them is to be used."""

    def __init__(self, fault: Fault, detail: str, name: str = "") -> None:
        """Keep the fault for the caller's branches, the rest for people; a file has a name."""
        self.fault = fault
        self.detail = detail
        place = f"{name}: package image" if name else "package image"
        super().__init__(f"{place}: {fault.value}: {detail}")


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file to be packed."""

    bundle: str
    version: str
    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of an image.  `offset` counts from the start of the data section."""

    bundle: str
    version: str
    path: str
    offset: int
    size: int

    @property
    def name(self) -> str:
        """The name by which the file is asked for, with its version."""
        return f"{self.bundle}@{self.version}/{self.path}"

    @property
    def key(self) -> tuple[bytes, bytes, bytes]:
        """The key by which entries are sorted."""
        return self.bundle.encode(), self.version.encode(), self.path.encode()


@dataclass(frozen=True, slots=True)
class PackageImage:
    """A verified image."""

    entries: tuple[Entry, ...]
    data: memoryview

    def read(self, entry: Entry, offset: int = 0, length: int | None = None) -> bytes:
        """Read of one file what lies between `offset` and its end."""
        end = entry.size if length is None else min(entry.size, offset + length)
        start = min(offset, entry.size)
        return bytes(self.data[entry.offset + start : entry.offset + end])


def is_name(name: bytes) -> bool:
    """Say whether a bundle or a version may be called so."""
    is_plain = not any(mark in name for mark in (b"/", b"\\", b"@", b"\0"))
    return 1 <= len(name) <= NAME_BYTES_MAX and is_plain and name not in (b".", b"..")


def is_path(path: bytes) -> bool:
    """Say whether a file of a bundle may be called so."""
    segments = path.split(b"/")
    is_plain = b"\\" not in path and b"\0" not in path
    return (
        len(path) <= PATH_BYTES_MAX
        and is_plain
        and not any(segment in (b"", b".", b"..") for segment in segments)
    )


def build_image(files: Iterable[PackageFile]) -> bytes:
    """Pack files into an image.

    Raises:
        ImageError: a name, a size or a number that an image cannot hold.
    """
    index, body = bytearray(), bytearray()
    count = 0
    previous = None
    for file in sorted(files, key=_sort_key):
        key = _sort_key(file)
        _check_file(file, key)
        if key == previous:
            raise ImageError(f"{_show(file)} is given twice; each file once")
        previous = key
        lengths = (len(part) for part in key)
        index += ENTRY.pack(*lengths, 0, len(body), len(file.data)) + b"".join(key)
        body += file.data.ljust(_round_up(len(file.data), FILE_ALIGN_BYTES), b"\0")
        count += 1
        _check_total("entries", count, ENTRIES_MAX)
        _check_total("bytes of image", len(index) + len(body), IMAGE_BYTES_MAX)
    index[:0] = _COUNT.pack(count)
    _check_total("bytes of index", len(index), INDEX_BYTES_MAX)
    data_off = _round_up(SUPERBLOCK.size + len(index), SECTOR_BYTES)
    _check_total("bytes of image", data_off + len(body), IMAGE_BYTES_MAX)
    head = SUPERBLOCK.pack(
        MAGIC,
        VERSION,
        0,
        SUPERBLOCK.size,
        len(index),
        data_off,
        len(body),
        hashlib.sha256(index).digest(),
    )
    return bytes((head + index).ljust(data_off, b"\0") + body)


def read_image(image: bytes) -> PackageImage:
    """Verify an image and return its files.  What lies behind its data section is ignored.

    Raises:
        PackageImageError: with the first fault, in the order of `Fault`.
    """
    if len(image) < SUPERBLOCK.size:
        _refuse(Fault.TRUNCATED, f"{len(image)} bytes, shorter than the superblock")
    magic, version, flags, *places, digest = SUPERBLOCK.unpack_from(image)
    index_off, index_len, data_off, data_len = places
    if magic != MAGIC:
        _refuse(Fault.MAGIC, f"{magic!r}; expected {MAGIC!r}")
    if version != VERSION:
        _refuse(Fault.VERSION, f"{version}; expected {VERSION}")
    if flags:
        _refuse(Fault.FLAGS, f"{flags:#06x}; expected 0")
    if index_len > INDEX_BYTES_MAX or data_off + data_len > IMAGE_BYTES_MAX:
        _refuse(Fault.LIMIT, f"index of {index_len}, data at {data_off}+{data_len}")
    _check_places(index_off, index_len, data_off, data_len, len(image))
    index = image[index_off : index_off + index_len]
    if hashlib.sha256(index).digest() != digest:
        _refuse(Fault.HASH, "the index is not the one the superblock names")
    entries = tuple(_read_index(index, data_len))
    return PackageImage(entries, memoryview(image)[data_off : data_off + data_len])


def _check_places(index_off: int, index_len: int, data_off: int, data_len: int, size: int) -> None:
    if index_off != SUPERBLOCK.size or index_len < _COUNT.size:
        _refuse(Fault.BOUNDS, f"index at {index_off}+{index_len}; expected {SUPERBLOCK.size}")
    if data_off < index_off + index_len or data_off % SECTOR_BYTES:
        _refuse(Fault.BOUNDS, f"data at {data_off}, behind the index on {SECTOR_BYTES} bytes")
    if data_off + data_len > size:
        _refuse(Fault.BOUNDS, f"data at {data_off}+{data_len} in an image of {size} bytes")


def _read_index(index: bytes, data_len: int) -> Iterator[Entry]:
    (count,) = _COUNT.unpack_from(index)
    if count > ENTRIES_MAX:
        _refuse(Fault.LIMIT, f"{count} entries; expected up to {ENTRIES_MAX}")
    position = _COUNT.size
    previous: tuple[bytes, bytes, bytes] | None = None
    for number in range(count):
        entry, position = _read_entry(index, position, number, data_len)
        if previous is not None and entry.key <= previous:
            fault = Fault.DUPLICATE if entry.key == previous else Fault.ORDER
            _refuse(fault, f"entry {number}: {entry.name!r}")
        previous = entry.key
        yield entry
    if position != len(index):
        _refuse(Fault.TRAILING, f"{len(index) - position} behind entry {count}")


def _read_entry(index: bytes, position: int, number: int, data_len: int) -> tuple[Entry, int]:
    where = f"entry {number}"
    if len(index) - position < ENTRY.size:
        _refuse(Fault.BOUNDS, f"{where} is cut off")
    *lengths, reserved, offset, size = ENTRY.unpack_from(index, position)
    position += ENTRY.size
    if max(lengths[:2]) > NAME_BYTES_MAX or lengths[2] > PATH_BYTES_MAX or size > FILE_BYTES_MAX:
        _refuse(Fault.LIMIT, f"{where}: names of {lengths}, file of {size}")
    if len(index) - position < sum(lengths) or offset + size > data_len:
        _refuse(Fault.BOUNDS, f"{where}: names of {lengths}, file at {offset}+{size}")
    if reserved:
        _refuse(Fault.RESERVED, f"{where}: {reserved}")
    texts = []
    for length, is_good, fault in zip(lengths, _RULES, _FAULTS, strict=True):
        raw = index[position : position + length]
        position += length
        try:
            texts.append(raw.decode())
        except UnicodeDecodeError:
            _refuse(fault, f"{where}: {raw!r} is not UTF-8")
        if not is_good(raw):
            _refuse(fault, f"{where}: {raw!r}")
    if offset % FILE_ALIGN_BYTES:
        _refuse(Fault.ALIGNMENT, f"{where}: file at {offset}, not on {FILE_ALIGN_BYTES}")
    return Entry(texts[0], texts[1], texts[2], offset, size), position


_RULES: Final = (is_name, is_name, is_path)
_FAULTS: Final = (Fault.NAME, Fault.NAME, Fault.PATH)


def _check_file(file: PackageFile, key: tuple[bytes, bytes, bytes]) -> None:
    for what, value, raw in zip(
        ("bundle", "version"), (file.bundle, file.version), key, strict=False
    ):
        if not is_name(raw):
            raise ImageError(f"{what} {value!r}: expected 1..{NAME_BYTES_MAX} bytes {_NAME_RULE}")
    if not is_path(key[2]):
        raise ImageError(f"path {file.path!r}: expected 1..{PATH_BYTES_MAX} bytes, {_PATH_RULE}")
    if len(file.data) > FILE_BYTES_MAX:
        raise ImageError(f"{_show(file)}: {len(file.data)} bytes; expected up to {FILE_BYTES_MAX}")


def _check_total(what: str, value: int, limit: int) -> None:
    if value > limit:
        raise ImageError(f"{value} {what}; expected up to {limit}")


def _sort_key(file: PackageFile) -> tuple[bytes, bytes, bytes]:
    return file.bundle.encode(), file.version.encode(), file.path.encode()


def _show(file: PackageFile) -> str:
    return f"{file.bundle}@{file.version}/{file.path}"


def _round_up(length: int, unit: int) -> int:
    return -(-length // unit) * unit


def _refuse(fault: Fault, detail: str) -> NoReturn:
    raise PackageImageError(fault, detail)
