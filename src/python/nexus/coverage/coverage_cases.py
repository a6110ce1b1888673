"""A guest program with known lines, for tests: an image, its lines, and pages as executed."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import Final

from nexus.coverage.code import Part, parts_of
from nexus.coverage.lines import Declared, Function, Inline, PartLines, part_lines
from nexus.emulator.coverage import EXECUTED, PAGE_HALVES, CoveredPage, PageKey
from nexus.emulator.isa.assemble import assemble
from nexus.image.system import build_system

KERNEL_AT: Final = 0x8000_0000
SERVICE_AT: Final = 0x1000_0000
_PAGE: Final = 4096

KERNEL: Final = """
    li a0, 1
    beq a0, zero, over
    li a1, 2
over:
    ret
"""


def elf_of(text: str, address: int) -> bytes:
    """An executable of one segment."""
    code = assemble(text)
    ident = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, 2, 243, 1, address, 64, 0, 0, 64, 56, 1, 64, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, _PAGE, address, address, len(code), len(code), _PAGE)
    return (header + segment).ljust(_PAGE, b"\0") + code


def system(**services: str) -> bytes:
    """The kernel with services, all linked to the same address."""
    named = [(name, elf_of(text, SERVICE_AT)) for name, text in services.items()]
    return build_system(elf_of(KERNEL, KERNEL_AT), named)


def page_of(part: Part, *offsets: int, flags: int = EXECUTED, physical: int = 0) -> CoveredPage:
    """The first page of a part, with some of its instructions executed."""
    virtual = part.pages()[0]
    content = part.page_at(virtual)
    assert content is not None
    digest = hashlib.blake2b(content, digest_size=16).digest()
    held = bytearray(PAGE_HALVES)
    for offset in offsets:
        held[offset // 2] = flags
    privilege = 1 if part.name == "kernel" else 0
    return CoveredPage(PageKey(physical, virtual, privilege, digest), bytes(held))


def lines_of(
    part: Part, path: str = "src/main.zig", inlined: Sequence[tuple[int, int, int, str]] = ()
) -> PartLines:
    """Every four bytes are a line, from 10 on, of one function.

    Of functions that are part of it: from and to which byte, depth and name.
    """
    start = part.pages()[0]
    length = len(part.stretches[0].data)
    rows = [(start + at, 0, 10 + at // 4) for at in range(0, length, 4)]
    function = Function(name="main", file=0, line=10, start=start, end=start + length)
    return part_lines(
        part.name,
        part.digest,
        [path],
        [*rows, (start + length, 0, 0)],
        [function],
        part.branches(),
        [
            Inline(start + first, start + end, depth, Declared(0, 30, name), 0, 20 + depth)
            for first, end, depth, name in inlined
        ],
    )


def kernel_of(image: bytes) -> Part:
    """The kernel of an image."""
    return parts_of(image, "the image")[0]
