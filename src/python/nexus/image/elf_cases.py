"""A minimal RISC-V ELF64 executable for tests: one header, one segment, no sections."""

from __future__ import annotations

import struct

RISCV = 243


def fake_elf(
    payload: bytes = b"code",
    *,
    address: int = 0x8000_0000,
    memory_bytes: int | None = None,
    machine: int = RISCV,
    kind: int = 2,
) -> bytes:
    """Build the file: 64 bytes of header, 56 of program header, then the payload."""
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = ident + struct.pack(
        "<HHIQQQIHHHHHH", kind, machine, 1, address, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    size = memory_bytes if memory_bytes is not None else len(payload)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 120, address, address, len(payload), size, 4096)
    return header + segment + payload
