"""Wraps assembled code into an executable that a machine, ours or QEMU's, boots."""

from __future__ import annotations

import struct
from typing import Final

from nexus.emulator.elf import EM_RISCV, ET_EXEC, PT_LOAD
from nexus.emulator.memory import RAM_BASE

_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER: Final = struct.Struct("<IIQQQQQQ")
_ALL: Final = 7  # Readable, writable, executable.


def executable(code: bytes) -> bytes:
    """One segment at the start of memory, where execution begins."""
    start = _HEADER.size + _PROGRAM_HEADER.size
    header = _HEADER.pack(
        b"\x7fELF\x02\x01\x01".ljust(16, b"\0"),
        ET_EXEC,
        EM_RISCV,
        1,
        RAM_BASE,
        _HEADER.size,
        0,
        0,
        _HEADER.size,
        _PROGRAM_HEADER.size,
        1,
        0,
        0,
        0,
    )
    size = len(code)
    segment = _PROGRAM_HEADER.pack(PT_LOAD, _ALL, start, RAM_BASE, RAM_BASE, size, size, 4096)
    return header + segment + code
