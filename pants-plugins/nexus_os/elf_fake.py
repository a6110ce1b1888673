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
        *(kind, machine, 1, entry, 64, 0, flags, 64, 56, 1, 0, 0, 0),
    )
    program = struct.pack("<IIQQQQQQ", segment, 5, 120, address, address, file_bytes, 8, 4)
    return header + program + b"code"
