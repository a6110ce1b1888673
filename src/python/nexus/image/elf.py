"""Reading a guest ELF, and adding one loadable segment behind its last byte.

pyelftools reads; the few header fields that change are written here.  The program header table
moves to the end of the file, because there is no room to grow it in place.  Section headers are
left out of the result: they describe a file that no longer exists in that form.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from nexus.image.error import ImageError

PAGE_BYTES: Final = 4096

# Field offsets of the ELF64 file header.
_E_PHOFF: Final = 32
_E_SHOFF: Final = 40
_E_PHNUM: Final = 56
_E_SHENTSIZE: Final = 58
_PHDR: Final = struct.Struct("<IIQQQQQQ")
_PT_LOAD: Final = 1
_FLAG_READ: Final = 4


@dataclass(frozen=True, slots=True)
class Segment:
    """One program header, in the order of its fields in the file."""

    kind: int
    flags: int
    offset: int
    virtual: int
    physical: int
    file_bytes: int
    memory_bytes: int
    align: int

    def pack(self) -> bytes:
        """Return the header's 56 bytes."""
        return _PHDR.pack(
            self.kind,
            self.flags,
            self.offset,
            self.virtual,
            self.physical,
            self.file_bytes,
            self.memory_bytes,
            self.align,
        )


def read_segments(image: bytes, name: str) -> list[Segment]:
    """Check that `image` is a RISC-V ELF64 executable with contents, and list its segments."""
    try:
        elf = ELFFile(BytesIO(image))
        facts = (elf.elfclass, elf.little_endian, elf["e_machine"], elf["e_type"])
        headers = [segment.header for segment in elf.iter_segments()]
        segments = [_read_header(image, int(elf["e_phoff"]), i) for i in range(len(headers))]
    except (ELFError, struct.error, ValueError, KeyError, IndexError, AttributeError) as exc:
        raise ImageError(f"{name}: not an ELF file, or a damaged one") from exc
    if facts != (64, True, "EM_RISCV", "ET_EXEC"):
        raise ImageError(
            f"{name}: class {facts[0]}, machine {facts[2]}, type {facts[3]};"
            " expected a 64-bit little-endian RISC-V executable (ET_EXEC)"
        )
    loads = [segment for segment in segments if segment.kind == _PT_LOAD]
    if not loads:
        raise ImageError(f"{name}: no loadable segment")
    for segment in loads:
        if segment.offset + segment.file_bytes > len(image):
            raise ImageError(f"{name}: a segment runs past the end of the file")
    return segments


def append_segment(image: bytes, payload: bytes, name: str) -> bytes:
    """Add `payload`, readable, at the first page boundary after the image's last byte."""
    segments = read_segments(image, name)
    end = max(s.physical + s.memory_bytes for s in segments if s.kind == _PT_LOAD)
    address = _page_up(end)
    offset = _page_up(len(image))
    segments.append(
        Segment(
            kind=_PT_LOAD,
            flags=_FLAG_READ,
            offset=offset,
            virtual=address,
            physical=address,
            file_bytes=len(payload),
            memory_bytes=len(payload),
            align=PAGE_BYTES,
        )
    )
    out = bytearray(image).ljust(offset, b"\0") + payload
    out = out.ljust(-(-len(out) // 8) * 8, b"\0")
    struct.pack_into("<Q", out, _E_PHOFF, len(out))
    struct.pack_into("<Q", out, _E_SHOFF, 0)
    struct.pack_into("<H", out, _E_PHNUM, len(segments))
    struct.pack_into("<HHH", out, _E_SHENTSIZE, 0, 0, 0)
    for segment in segments:
        out += segment.pack()
    return bytes(out)


def _read_header(image: bytes, table: int, index: int) -> Segment:
    return Segment(*_PHDR.unpack_from(image, table + _PHDR.size * index))


def _page_up(value: int) -> int:
    return -(-value // PAGE_BYTES) * PAGE_BYTES
