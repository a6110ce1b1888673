"""The native interpreter as a file: a header, then position-independent code.

magic `NXNI` | format u16 | processor u16 (processor.py) | digest of table and layout, 32 bytes |
compiler, 16 bytes of text | offset of `enter` u32 | offset of `fill` u32 | handlers u32 |
length of the code u32 | code
"""

from __future__ import annotations

import struct
from typing import Final

from nexus.core.record import dataclass
from nexus.emulator.native.layout import MADE_FROM
from nexus.emulator.native.processor import PROCESSORS, Processor, numbered

MAGIC: Final = b"NXNI"
FORMAT: Final = 2

NUMBERS: Final = " or ".join(f"{it.number} ({it.name})" for it in PROCESSORS)

_HEADER: Final = struct.Struct("<4sHH32s16sIIII")
_AGAIN: Final = "build it again with this version"


class BlobError(ValueError):
    """The file is not a native interpreter that this version can use."""


@dataclass(frozen=True, slots=True)
class Blob:
    """The code and its two ways in."""

    enter: int
    fill: int
    handlers: int
    code: bytes
    processor: Processor
    compiler: str = ""  # Translations work only with the blob of the same one.

    def pack(self) -> bytes:
        """The file's bytes."""
        header = _HEADER.pack(
            MAGIC,
            FORMAT,
            self.processor.number,
            MADE_FROM,
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
        raise BlobError(
            f"native blob: {len(data)} bytes; expected a header of {_HEADER.size}, then code;"
            f" {_AGAIN}"
        )
    fields = _HEADER.unpack_from(data)
    magic, version, processor, digest, compiler, enter, fill, handlers, length = fields
    for name, value, expected in (
        ("magic", magic, MAGIC),
        ("format", version, FORMAT),
        ("length", len(data) - _HEADER.size, length),
    ):
        if value != expected:
            raise BlobError(f"native blob: {name} {value!r}; expected {expected!r}; {_AGAIN}")
    made_for = numbered(processor)
    if made_for is None:
        raise BlobError(f"native blob: processor {processor}; expected {NUMBERS}; {_AGAIN}")
    if digest != MADE_FROM:
        raise BlobError(f"native blob: it was made from another instruction table; {_AGAIN}")
    if not (enter < length and fill < length):
        raise BlobError(
            f"native blob: its entries at {enter} and {fill} are outside of its {length} bytes of"
            f" code; {_AGAIN}"
        )
    made_by = compiler.rstrip(b"\0").decode("ascii", "replace")
    return Blob(enter, fill, handlers, data[_HEADER.size :], made_for, made_by)
