"""Wraps code that runs where RAM begins into the smallest ELF that boots."""

from __future__ import annotations

import struct
from typing import Final

from nexus.emulator.memory import RAM_BASE

_FILE: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")
_EXECUTABLE, _RISCV, _PT_LOAD, _RWX, _PAGE = 2, 243, 1, 7, 4096


def flat_elf(code: bytes) -> bytes:
    """One segment, entered at its first byte."""
    head = _FILE.size + _SEGMENT.size
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    file = _FILE.pack(
        ident,
        _EXECUTABLE,
        _RISCV,
        1,
        RAM_BASE,
        _FILE.size,
        0,
        0,
        _FILE.size,
        _SEGMENT.size,
        1,
        0,
        0,
        0,
    )
    size = len(code)
    segment = _SEGMENT.pack(_PT_LOAD, _RWX, head, RAM_BASE, RAM_BASE, size, size, _PAGE)
    return file + segment + code
