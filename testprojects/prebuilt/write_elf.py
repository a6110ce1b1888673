"""Stands for a toolchain that is not ours: writes an ELF by hand, instruction by instruction."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

BASE = 0x8000_0000
TEXT = b"hello from elsewhere\n\0"

# Offsets of the code's parts, in bytes; the text follows the code.
LOOP, END, CODE_BYTES = 12, 32, 48


def _offset(value: int, *fields: tuple[int, int, int]) -> int:
    """Spread the bits of a branch's offset: (lowest bit, how many, where to)."""
    return sum((value >> low & (1 << count) - 1) << to for low, count, to in fields)


def code() -> bytes:
    """Print the text, switch off."""
    words = [
        0x00000517,  # auipc a0, 0
        0x00050513 | CODE_BYTES << 20,  # addi  a0, a0, text
        0x100005B7,  # lui   a1, UART
        # loop:
        0x00054603,  # lbu   a2, 0(a0)
        0x00060063 | _offset(END - 16, (11, 1, 7), (1, 4, 8), (5, 6, 25), (12, 1, 31)),  # beqz a2
        0x00C58023,  # sb    a2, 0(a1)
        0x00150513,  # addi  a0, a0, 1
        0x0000006F | _offset(LOOP - 28, (12, 8, 12), (11, 1, 20), (1, 10, 21), (20, 1, 31)),  # j
        # end:
        0x00100537,  # lui   a0, FINISHER
        0x000055B7,  # lui   a1, 0x5000
        0x55558593,  # addi  a1, a1, 0x555: success
        0x00B52023,  # sw    a1, 0(a0), which never returns
    ]
    return struct.pack(f"<{len(words)}I", *words)


def elf() -> bytes:
    """One segment at the start of RAM, which is also where it begins."""
    body = code() + TEXT
    headers = 64 + 56
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = identity + struct.pack("<HHIQQQIHHHHHH", 2, 243, 1, BASE, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, headers, BASE, BASE, len(body), len(body), 8)
    return header + segment + body


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(elf())
