"""Whether a file is an ELF that the board can boot, or that a kernel can load as a service.

Only what every image must have in common; what the runner and the kernel demand beyond that, they
say themselves.
"""

from __future__ import annotations

import struct
from typing import List, Optional, Tuple

RAM_BASE = 0x80000000
# The most RAM that a node may have.
RAM_END = RAM_BASE + (2 << 30)

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_PT_LOAD = 1

_ET_EXEC = 2
_TYPES = {1: "a relocatable object (ET_REL)", 3: "position-independent (ET_DYN)"}
_ADVICE = {1: "link it first", 3: "link it with `-no-pie`, at fixed addresses"}
_EM_RISCV = 243
_EF_RISCV_RVE = 0x8


def complaint(content: bytes, service: bool) -> Optional[str]:
    """Return the problem of a file, in words that follow its name; None if it has no problem."""
    if content[:4] != b"\x7fELF":
        return f"is not an ELF file: it begins with {content[:4]!r}, and not with b'\\x7fELF'"
    if len(content) < _HEADER.size:
        return f"is cut off: {len(content)} bytes, an ELF64 header alone has {_HEADER.size}"
    ident, kind, machine, _, entry, offset, _, flags, _, size, count, *_ = _HEADER.unpack_from(
        content
    )
    if ident[4] != 2:
        return "is an ELF of 32 bits; the board runs RV64, so compile with `-march=rv64imac`"
    if ident[5] != 1:
        return "is big-endian; the board is little-endian"
    if machine != _EM_RISCV:
        return f"is for another processor (ELF machine {machine}; RISC-V is {_EM_RISCV})"
    if flags & _EF_RISCV_RVE:
        return "is compiled for RV64E, which has fewer registers; use `-march=rv64imac`"
    if kind != _ET_EXEC:
        is_a = _TYPES.get(kind, f"of ELF type {kind}")
        return f"is {is_a}, not an executable; {_ADVICE.get(kind, 'link it as one')}"
    if size != _PROGRAM_HEADER.size or offset + count * size > len(content):
        return "is damaged: its program headers do not lie within the file"
    headers = [_PROGRAM_HEADER.unpack_from(content, offset + size * i) for i in range(count)]
    return _complaint_about_memory(
        [header for header in headers if header[0] == _PT_LOAD and header[6]],
        entry,
        len(content),
        service,
    )


def _complaint_about_memory(
    loads: List[Tuple[int, ...]], entry: int, length: int, service: bool
) -> Optional[str]:
    if not loads:
        return "has nothing to load: no program header of it is PT_LOAD"
    for _, _, offset, _, physical, file_bytes, memory_bytes, _ in loads:
        if offset + file_bytes > length:
            return f"is cut off: the segment for {physical:#x} ends after the file"
        if service or (physical >= RAM_BASE and physical + memory_bytes <= RAM_END):
            continue
        return (
            f"is loaded at {physical:#x}, where the board has no RAM ({RAM_BASE:#x} to "
            f"{RAM_END:#x}). Give its linker script `. = {RAM_BASE:#x};`; for a program that a "
            "kernel loads, set `service=True`"
        )
    if not service and entry != RAM_BASE:
        return f"has its entry at {entry:#x}, but the board starts at {RAM_BASE:#x}"
    return None
