"""The smallest ELF files, right and wrong, for tests."""

from __future__ import annotations

import struct

RAM = 0x80000000


def elf(
    *,
    bits: int = 2,
    order: int = 1,
    kind: int = 2,
    machine: int = 243,
    flags: int = 1,
    entry: int = RAM,
    address: int = RAM,
    file_bytes: int = 4,
    segment: int = 1,
) -> bytes:
    """An executable of one segment."""
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF" + bytes((bits, order, 1)),
        kind,
        machine,
        1,
        entry,
        64,
        0,
        flags,
        64,
        56,
        1,
        0,
        0,
        0,
    )
    program = struct.pack("<IIQQQQQQ", segment, 5, 120, address, address, file_bytes, 8, 4)
    return header + program + b"code"


_NAMES = b"\0.text\0.debug_line\0.bss\0.shstrtab\0"
_DEBUG = b"/home/somebody/main.zig"


def _section(name: bytes, kind: int, flags: int, offset: int, size: int) -> bytes:
    return struct.pack("<IIQQQQIIQQ", _NAMES.index(name), kind, flags, 0, offset, size, 0, 0, 1, 0)


def with_debug_information() -> bytes:
    """An executable of one segment, with sections, and debug information behind its code."""
    image = bytearray(elf())
    debug, names = len(image), len(image) + len(_DEBUG)
    image += _DEBUG + _NAMES
    table = len(image)
    image += bytes(64)
    image += _section(b".text", 1, 6, 120, 4)
    image += _section(b".bss", 8, 3, 124, 4096)
    image += _section(b".debug_line", 1, 0, debug, len(_DEBUG))
    image += _section(b".shstrtab", 3, 0, names, len(_NAMES))
    struct.pack_into("<Q", image, 40, table)
    struct.pack_into("<HHH", image, 58, 64, 5, 4)
    return bytes(image)
