"""The native interpreter as a file: a header, then position-independent code.

magic `NXNI` | format u16 | processor u16 (1 x86-64-v2) | digest of table and layout, 32 bytes |
compiler, 16 bytes of text | offset of `enter` u32 | offset of `fill` u32 | handlers u32 |
length of the code u32 | code
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from nexus.emulator.native.layout import table_digest

MAGIC: Final = b"NXNI"
FORMAT: Final = 2
PROCESSOR_X86_64_V2: Final = 1

_HEADER: Final = struct.Struct("<4sHH32s16sIIII")


class BlobError(ValueError):
    """The file is not a native interpreter that this version can use."""


@dataclass(frozen=True, slots=True)
class Blob:
    """The code and its two ways in."""

    enter: int
    fill: int
    handlers: int
    code: bytes
    compiler: str = ""  # Translations work only with the blob of the same one.

    def pack(self) -> bytes:
        """The file's bytes."""
        header = _HEADER.pack(
            MAGIC,
            FORMAT,
            PROCESSOR_X86_64_V2,
            table_digest(),
            self.compiler.encode(),
            self.enter,
            self.fill,
            self.handlers,
            len(self.code),
        )
        return header + self.code


def unpack(data: bytes) -> Blob:
    """Read a file.

    Raises:
        BlobError: It is damaged, or was made from other sources; build it again.
    """
    if len(data) < _HEADER.size:
        raise BlobError(f"native blob: {len(data)} bytes, the header alone has {_HEADER.size}")
    fields = _HEADER.unpack_from(data)
    magic, version, processor, digest, compiler, enter, fill, handlers, length = fields
    for name, value, expected in (
        ("magic", magic, MAGIC),
        ("format", version, FORMAT),
        ("processor", processor, PROCESSOR_X86_64_V2),
        ("length", len(data) - _HEADER.size, length),
    ):
        if value != expected:
            raise BlobError(f"native blob: {name} {value!r}, expected {expected!r}")
    if digest != table_digest():
        raise BlobError("native blob: made from another instruction table, build it again")
    if not (enter < length and fill < length):
        raise BlobError(f"native blob: entries {enter}, {fill} outside its {length} bytes")
    made_by = compiler.rstrip(b"\0").decode("ascii", "replace")
    return Blob(enter, fill, handlers, data[_HEADER.size :], made_by)
