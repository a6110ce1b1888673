"""Translated pages as a file: machine code by the content of the guest page it stands for.

magic `NXTR` | format u16 | processor u16 | digest of table, layout and translator, 32 bytes |
compiler, 16 bytes of text | pages u32 | entries u32 | SHA-256 of what follows, 32 bytes |
pages, sorted: key, 16 bytes | first entry u32 | end of entries u32 |
entries: offset of the slot u32 | offset of the code u32 | the slot's operands, 8 bytes |
code

A page is looked up when it is first executed, and again whenever it has changed, so a translation
can be missing but never be wrong for its page.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from nexus.emulator.native.blob import PROCESSOR_X86_64_V2, BlobError
from nexus.emulator.native.layout import table_digest
from nexus.emulator.native.mapping import Executable

MAGIC: Final = b"NXTR"
FORMAT: Final = 1
# Raise when the translator changes what it makes of a page.
TRANSLATOR_VERSION: Final = 1

_KEY_BYTES: Final = 16
_HEADER: Final = struct.Struct("<4sHH32s16sII32s")
_PAGE: Final = struct.Struct(f"<{_KEY_BYTES}sII")
_ENTRY: Final = struct.Struct("<II8s")
_SLOT: Final = struct.Struct("<Q8s")

# Code of each page begins on such a boundary: constants in it may need as much.
CODE_ALIGNMENT: Final = 64

# Two images at a time are more than any world has.
_FILES_MAX: Final = 2


class Entry(NamedTuple):
    """A place where a page's translation can be entered."""

    slot: int  # Bytes from the start of the decoded page.
    code: int  # Bytes from the start of the page's code.
    operands: bytes  # For the interpreter's handler of the same instruction.


class Page(NamedTuple):
    """The translation of one page content."""

    entries: tuple[Entry, ...]
    code: bytes


def key_of(content: bytes) -> bytes:
    """What a page's translation is found by."""
    return hashlib.blake2b(content, digest_size=_KEY_BYTES).digest()


def translator_digest() -> bytes:
    """Identifies everything that a translation depends on besides the page and the compiler."""
    return hashlib.sha256(table_digest() + bytes([TRANSLATOR_VERSION])).digest()


def pack(pages: Mapping[bytes, Page], compiler: str) -> bytes:
    """The file's bytes; the same for the same pages."""
    index, entries, code = bytearray(), bytearray(), bytearray()
    count = 0
    for key in sorted(pages):
        page = pages[key]
        code += bytes(-len(code) % CODE_ALIGNMENT)
        index += _PAGE.pack(key, count, count + len(page.entries))
        for entry in page.entries:
            entries += _ENTRY.pack(entry.slot, len(code) + entry.code, entry.operands)
        count += len(page.entries)
        code += page.code
    body = bytes(index + entries + code)
    header = _HEADER.pack(
        *(MAGIC, FORMAT, PROCESSOR_X86_64_V2, translator_digest(), compiler.encode()),
        *(len(pages), count, hashlib.sha256(body).digest()),
    )
    return header + body


class Translations:
    """A mapped file of translations."""

    def __init__(self, data: bytes, compiler: str) -> None:
        """Check and map it.

        Raises:
            BlobError: It is damaged, or belongs to another version or interpreter.
        """
        pages, count = _check(data, compiler)
        start = _HEADER.size + pages * _PAGE.size
        self._entries = data[start : start + count * _ENTRY.size]
        self._code = Executable(data[start + count * _ENTRY.size :])
        self._index = {
            key: (first, end) for key, first, end in _PAGE.iter_unpack(data[_HEADER.size : start])
        }
        self._ready: dict[bytes, list[tuple[int, bytes]]] = {}

    def find(self, content: bytes) -> Sequence[tuple[int, bytes]]:
        """Where to put which slots into the decoded page of this content."""
        key = key_of(content)
        found = self._index.get(key)
        if found is None:
            return ()
        if key not in self._ready:
            entries = self._entries[found[0] * _ENTRY.size : found[1] * _ENTRY.size]
            self._ready[key] = [
                (slot, _SLOT.pack(self._code.address + code, operands))
                for slot, code, operands in _ENTRY.iter_unpack(entries)
            ]
        return self._ready[key]


def _check(data: bytes, compiler: str) -> tuple[int, int]:
    if len(data) < _HEADER.size:
        raise BlobError(f"translations: {len(data)} bytes, the header alone has {_HEADER.size}")
    magic, version, processor, digest, made_by, pages, count, checksum = _HEADER.unpack_from(data)
    for name, value, expected in (
        ("magic", magic, MAGIC),
        ("format", version, FORMAT),
        ("processor", processor, PROCESSOR_X86_64_V2),
        ("compiler", made_by.rstrip(b"\0").decode("ascii", "replace"), compiler),
    ):
        if value != expected:
            raise BlobError(f"translations: {name} {value!r}, expected {expected!r}")
    if digest != translator_digest():
        raise BlobError("translations: made by another version, translate again")
    body = memoryview(data)[_HEADER.size :]
    if hashlib.sha256(body).digest() != checksum:
        raise BlobError("translations: damaged, their checksum is wrong")
    if len(body) < pages * _PAGE.size + count * _ENTRY.size:
        raise BlobError(f"translations: too short for {pages} pages and {count} entries")
    return pages, count


@lru_cache(maxsize=_FILES_MAX)
def load_translations(data: bytes, compiler: str) -> Translations:
    """Map a file once for all machines of a process.

    Raises:
        BlobError: It is damaged, or belongs to another version or interpreter.
    """
    return Translations(data, compiler)
