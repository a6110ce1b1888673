"""Reads the ELF64 RISC-V executable that a machine boots.

Only what loading needs: the header and the PT_LOAD segments, by physical address.  Every malformed
input ends in one `ImageError` that names the field.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER: Final = struct.Struct("<IIQQQQQQ")

ET_EXEC: Final = 2
EM_RISCV: Final = 243
PT_LOAD: Final = 1

# A kernel with its boot archive has a handful; the bound keeps a hostile count from mattering.
SEGMENTS_MAX: Final = 64


class ImageError(ValueError):
    """The kernel image cannot be booted; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes to put at a physical address, followed by zeros up to `memory_bytes`."""

    address: int
    data: bytes
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Image:
    """A parsed executable."""

    entry: int
    segments: tuple[Segment, ...]


def parse(image: bytes) -> Image:
    """Parse an executable.

    Raises:
        ImageError: It is not one that this machine can boot.
    """
    if len(image) < _HEADER.size:
        raise ImageError(f"kernel image: {len(image)} bytes, an ELF64 header has {_HEADER.size}")
    ident, kind, machine, _, entry, offset, _, _, _, size, count, *_ = _HEADER.unpack_from(image)
    if ident[:4] != b"\x7fELF":
        raise ImageError(f"kernel image: magic {ident[:4]!r}, expected b'\\x7fELF'")
    for name, value, expected in (
        ("class", ident[4], 2),  # 64-bit.
        ("byte order", ident[5], 1),  # Little-endian.
        ("type", kind, ET_EXEC),
        ("machine", machine, EM_RISCV),
        ("program header size", size, _PROGRAM_HEADER.size),
    ):
        if value != expected:
            raise ImageError(f"kernel image: {name} {value}, expected {expected}")
    if not 0 < count <= SEGMENTS_MAX:
        raise ImageError(f"kernel image: {count} program headers, expected 1..{SEGMENTS_MAX}")
    if offset + count * _PROGRAM_HEADER.size > len(image):
        raise ImageError("kernel image: truncated, program headers end after the file")
    headers = (_PROGRAM_HEADER.unpack_from(image, offset + i * size) for i in range(count))
    segments = tuple(
        _segment(image, start, address, file_bytes, memory_bytes)
        for kind, _, start, _, address, file_bytes, memory_bytes, _ in headers
        if kind == PT_LOAD and memory_bytes
    )
    _check_overlaps(segments)
    return Image(entry, segments)


def _segment(image: bytes, start: int, address: int, file_bytes: int, memory_bytes: int) -> Segment:
    where = f"kernel image: segment at {address:#x}"
    if file_bytes > memory_bytes:
        raise ImageError(f"{where}: {file_bytes} file bytes exceed its {memory_bytes} memory bytes")
    if start + file_bytes > len(image):
        raise ImageError(f"{where}: truncated, file ends {start + file_bytes - len(image)} early")
    return Segment(address, image[start : start + file_bytes], memory_bytes)


def _check_overlaps(segments: tuple[Segment, ...]) -> None:
    if not segments:
        raise ImageError("kernel image: no loadable segment")
    ordered = sorted(segments, key=lambda segment: segment.address)
    for below, above in pairwise(ordered):
        if below.address + below.memory_bytes > above.address:
            raise ImageError(
                f"kernel image: segments at {below.address:#x} and {above.address:#x} overlap"
            )
