"""The forms of a file to boot: an ELF, Linux's `Image`, either of them in gzip, or flat code.

An `Image` begins with 64 bytes (Linux, "Boot image header in RISC-V Linux"):

    code u32 x 2 | text offset u64 | memory bytes u64 | flags u64 | version u32 | 0 u32 | 0 u64 |
    `RISCV` and zeros, 8 bytes | `RSC` and 0x05 | 0 u32

Only the memory it needs matters here: as on QEMU, the place is the board's choice.
"""

from __future__ import annotations

import struct
from typing import Final

from nexus.core.record import dataclass
from nexus.emulator import elf
from nexus.emulator.elf import ImageError

GZIP: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 31  # A zlib stream in gzip's wrapping.
_MAGIC_AT: Final = 0x38
_MAGIC: Final = b"RSC\x05"
_HEADER_BYTES: Final = 64
_SIZE_AND_FLAGS: Final = struct.Struct("<16xQQ")
_BIG_ENDIAN: Final = 1
# Other architectures and formats: the place, the bytes there, and the name.
_OTHERS: Final = (
    (0x38, b"ARM\x64", "an Image for AArch64"),
    (0x24, b"\x18\x28\x6f\x01", "a zImage for Arm"),
    (0x202, b"HdrS", "a bzImage for x86"),
    (4, b"zimg", "a compressed EFI program, which needs UEFI firmware"),
    (0, b"\x28\xb5\x2f\xfd", "compressed by zstd"),
    (0, b"\xfd7zXZ\0", "compressed by xz"),
    (0, b"BZh", "compressed by bzip2"),
    (0, b"\x02\x21\x4c\x18", "compressed by lz4"),
    (0, b"\x27\x05\x19\x56", "a U-Boot uImage"),
    (0, b"\xd0\x0d\xfe\xed", "a device tree"),
    (0, GZIP, "in gzip twice"),
)
ACCEPTED: Final = "an ELF for RISC-V, a RISC-V Image, or one of them in gzip"

_TEXT: Final = bytes((9, 10, 13, *range(32, 127)))

# More than the board's memory could hold.
_UNPACKED_BYTES_MAX: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class Flat:
    """Code without a place of its own, and how much memory it needs from there."""

    data: bytes
    memory_bytes: int


def read(data: bytes, part: str, *, may_be_flat: bool) -> elf.Image | Flat:
    """Recognise a file; `may_be_flat` accepts code without any header.

    Raises:
        ImageError: This machine cannot boot it.
    """
    data = unpack(data, part)
    if data[:4] == b"\x7fELF" or len(data) < 4:
        return elf.parse(data, part)
    if data[_MAGIC_AT : _MAGIC_AT + 4] == _MAGIC:
        return _image(data, part)
    for at, magic, name in _OTHERS:
        if data[at : at + len(magic)] == magic:
            raise ImageError(f"{part} image: it is {name}; expected {ACCEPTED}", part)
    if may_be_flat and _begins_with_code(data):
        return Flat(data, len(data))
    if may_be_flat:
        raise ImageError(
            f"{part} image: it begins with {data[:4]!r}, which is not an instruction; expected"
            f" {ACCEPTED}, or flat code",
            part,
        )
    raise ImageError(
        f"{part} image: magic {data[:4]!r} is not that of a bootable image; expected {ACCEPTED};"
        " flat code needs firmware before it (--bios)",
        part,
    )


def _image(data: bytes, part: str) -> Flat:
    if len(data) < _HEADER_BYTES:
        raise ImageError(f"{part} image: truncated, an Image's header has 64 bytes", part)
    memory_bytes, flags = _SIZE_AND_FLAGS.unpack_from(data)
    if flags & _BIG_ENDIAN:
        raise ImageError(
            f"{part} image: its header says big-endian, and this board is little-endian", part
        )
    return Flat(data, max(memory_bytes, len(data)))


def _begins_with_code(data: bytes) -> bool:
    if data[:_HEADER_BYTES].translate(None, _TEXT) == b"":
        return False  # Its letters may well be instructions.
    from nexus.emulator.isa.decode import decode  # The table, for nothing but flat code.

    word = int.from_bytes(data[:4], "little")
    return decode(word if word & 3 == 3 else word & 0xFFFF) is not None


def unpack(data: bytes, part: str) -> bytes:
    """Return what is in gzip; anything else as it is.

    Raises:
        ImageError: It is damaged.
    """
    if data[:2] != GZIP:
        return data
    import zlib

    unpacked = bytearray()
    # A file may have several members, one after another; what else follows is padding.
    while data[:2] == GZIP:
        unpacker = zlib.decompressobj(_GZIP_WINDOW)
        room = _UNPACKED_BYTES_MAX - len(unpacked)
        try:
            unpacked += unpacker.decompress(data, room) if room else b""
        except zlib.error as error:
            raise ImageError(f"{part} image: damaged gzip: {error}", part) from None
        if not unpacker.eof:
            what = "truncated gzip" if room and not unpacker.unconsumed_tail else "more than 2 GiB"
            raise ImageError(f"{part} image: {what}", part)
        data = unpacker.unused_data
    return bytes(unpacked)
