"""Reads the ELF64 RISC-V executable that a machine boots.

Only what loading needs: the header and the PT_LOAD segments, by physical address.  Every malformed
input ends in one `ImageError` that names the field.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Final

from nexus.core.record import dataclass

_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER: Final = struct.Struct("<IIQQQQQQ")

ET_EXEC: Final = 2
ET_DYN: Final = 3
EM_RISCV: Final = 243
PT_LOAD: Final = 1
PF_X: Final = 1

# Machines that a stranger's file may have been built for instead (`e_machine`).
_MACHINES: Final = {
    3: "x86",
    8: "MIPS",
    20: "PowerPC",
    21: "PowerPC 64",
    22: "S/390",
    40: "Arm",
    62: "x86-64",
    183: "AArch64",
    258: "LoongArch",
}

# Kinds of ELF that cannot be started.
_KINDS: Final = {1: "it is an object file; link it to an executable", 4: "it is a core dump"}

# A kernel with its boot archive has a handful; the bound keeps a hostile count from mattering.
SEGMENTS_MAX: Final = 64


class ImageError(ValueError):
    """A file cannot be booted; the message says what is wrong with it, `part` which one it is."""

    def __init__(self, message: str, part: str = "kernel") -> None:
        super().__init__(message)
        self.part = part


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes to put at a physical address, followed by zeros up to `memory_bytes`."""

    address: int
    data: bytes
    memory_bytes: int
    has_headers: bool = False  # Begins with the file's own headers, which no program executes.


@dataclass(frozen=True, slots=True)
class Image:
    """A parsed executable; the entry is a physical address, as the segments' are."""

    entry: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class ProgramHeader:
    """A segment as the file describes it, in the order of its fields there."""

    kind: int
    flags: int
    offset: int
    virtual: int
    physical: int
    file_bytes: int
    memory_bytes: int
    align: int


def parse(image: bytes, part: str = "kernel") -> Image:
    """Parse an executable; `part` is what it is for, in messages.

    Raises:
        ImageError: It is not one that this machine can boot.
    """
    try:
        return _parse(image)
    except ImageError as error:
        raise ImageError(f"{part} image: {error}", part) from None


def loaded_headers(image: bytes) -> list[ProgramHeader]:
    """List the headers of the segments that are loaded; they have virtual addresses, too.

    Raises:
        ImageError: It is not one of this machine.
    """
    return [header for header in _headers(image)[1] if header.kind == PT_LOAD]


def _parse(image: bytes) -> Image:
    entry, headers = _headers(image)
    loaded = [header for header in headers if header.kind == PT_LOAD and header.memory_bytes]
    segments = tuple(
        _segment(image, it.offset, it.physical, it.file_bytes, it.memory_bytes) for it in loaded
    )
    _check_overlaps(segments)
    return Image(_physical(entry, loaded), segments)


def _headers(image: bytes) -> tuple[int, list[ProgramHeader]]:
    """The entry, and the headers of all segments."""
    if len(image) < _HEADER.size:
        raise ImageError(f"{len(image)} bytes, an ELF64 header has {_HEADER.size}")
    ident, kind, machine, _, entry, offset, _, _, _, size, count, *_ = _HEADER.unpack_from(image)
    if ident[:4] != b"\x7fELF":
        raise ImageError(f"magic {ident[:4]!r}; expected b'\\x7fELF'")
    if machine != EM_RISCV and machine in _MACHINES:
        raise ImageError(
            f"machine {machine}; expected {EM_RISCV}: it was built for {_MACHINES[machine]}, and"
            " this board is RISC-V"
        )
    for name, value, expected, why in (
        ("class", ident[4], (2,), "it is for 32-bit harts, and this board's are 64-bit"),
        ("byte order", ident[5], (1,), "it is big-endian, and this board is little-endian"),
        ("type", kind, (ET_EXEC, ET_DYN), _KINDS.get(kind)),
        ("machine", machine, (EM_RISCV,), None),
        ("program header size", size, (_PROGRAM_HEADER.size,), None),
    ):
        if value not in expected:
            accepted = " or ".join(map(str, expected))
            more = f": {why}" if why else ""
            raise ImageError(f"{name} {value}; expected {accepted}{more}")
    if not 0 < count <= SEGMENTS_MAX:
        raise ImageError(f"{count} program headers; expected 1..{SEGMENTS_MAX}")
    if offset + count * _PROGRAM_HEADER.size > len(image):
        raise ImageError("truncated, program headers end after the file")
    places = range(offset, offset + count * size, size)
    return entry, [ProgramHeader(*_PROGRAM_HEADER.unpack_from(image, at)) for at in places]


def _physical(entry: int, loaded: list[ProgramHeader]) -> int:
    """Return the place in memory of an entry that is given as a virtual address."""
    for it in loaded:
        if it.flags & PF_X and it.virtual <= entry < it.virtual + it.file_bytes:
            return entry - it.virtual + it.physical
    return entry


def _segment(image: bytes, start: int, address: int, file_bytes: int, memory_bytes: int) -> Segment:
    where = f"segment at {address:#x}"
    if file_bytes > memory_bytes:
        raise ImageError(f"{where}: {file_bytes} file bytes exceed its {memory_bytes} memory bytes")
    if start + file_bytes > len(image):
        raise ImageError(f"{where}: truncated, file ends {start + file_bytes - len(image)} early")
    has_headers = start == 0 and file_bytes >= _HEADER.size
    return Segment(address, image[start : start + file_bytes], memory_bytes, has_headers)


def _check_overlaps(segments: tuple[Segment, ...]) -> None:
    if not segments:
        raise ImageError("no loadable segment")
    ordered = sorted(segments, key=lambda segment: segment.address)
    for below, above in pairwise(ordered):
        if below.address + below.memory_bytes > above.address:
            raise ImageError(f"segments at {below.address:#x} and {above.address:#x} overlap")
