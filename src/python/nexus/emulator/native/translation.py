"""Translated pages as a file: machine code by the content of the guest page it stands for.

magic `NXTR` | format u16 | processor u16 (processor.py) |
digest of table, layout and translator, 32 bytes | compiler, 16 bytes of text |
pages u32 | SHA-256 of the index, 32 bytes |
index, sorted: key, 16 bytes | checksum, 16 bytes | place u32 | length of its entries u32 |
    of its code u32 |
at its place, from the end of the index, a page's entries, then its code; an entry:
    offset of the slot u32 | offset in the code u32 | the slot's operands, 8 bytes |
    ranges of bytes that its region was made of u16 | its blocks that look for stops u16 |
    1 if it is spare u16 | these ranges and blocks, each from u16 to u16

A page is looked up when it is first executed, and again whenever it has changed, so a translation
can be missing but never be wrong for its page.  Only what is looked up is checked and mapped: a run
executes a small part of an image.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from nexus.emulator.native.blob import NUMBERS, BlobError
from nexus.emulator.native.layout import MADE_FROM
from nexus.emulator.native.mapping import Executable
from nexus.emulator.native.processor import Processor, numbered, refusal

MAGIC: Final = b"NXTR"
FORMAT: Final = 6
# Raise when the translator changes what it makes of a page.
TRANSLATOR_VERSION: Final = 8

_KEY_BYTES: Final = 16
_HEADER: Final = struct.Struct("<4sHH32s16sI32s")
_PAGE: Final = struct.Struct(f"<{_KEY_BYTES}s{_KEY_BYTES}sIII")
_ENTRY: Final = struct.Struct("<II8sHHH")
_EXTENT: Final = struct.Struct("<HH")
_SLOT: Final = struct.Struct("<Q8s")
_AGAIN: Final = "translate again with this version"

# Two images at a time are more than any world has.
_FILES_MAX: Final = 2


Extents = tuple[tuple[int, int], ...]  # Half-open ranges of bytes of a page.


class Entry(NamedTuple):
    """A place where a page's translation can be entered."""

    slot: int  # Bytes from the start of the decoded page.
    code: int  # Bytes from the start of the page's code.
    operands: bytes  # For the interpreter's handler of the same instruction.
    extents: Extents  # The region's extents.
    guarded: Extents  # Its blocks that look for a stop: see `guarded.py`.
    is_spare: bool  # For runs in which a stop forbids the other entry here.


class Page(NamedTuple):
    """The translation of one page content."""

    entries: tuple[Entry, ...]
    code: bytes


def key_of(content: bytes) -> bytes:
    """Return the key by which a page's translation is found."""
    from hashlib import blake2b  # Loads OpenSSL: 2 ms, here and below.

    return blake2b(content, digest_size=_KEY_BYTES).digest()


def translator_digest() -> bytes:
    """Identifies everything that a translation depends on besides the page and the compiler."""
    return _sha256(MADE_FROM + bytes([TRANSLATOR_VERSION]))


def _sha256(content: bytes) -> bytes:
    from hashlib import sha256

    return sha256(content).digest()


def _pack_entry(entry: Entry) -> bytes:
    counts = len(entry.extents), len(entry.guarded)
    head = _ENTRY.pack(entry.slot, entry.code, entry.operands, *counts, entry.is_spare)
    return head + b"".join(_EXTENT.pack(*it) for it in entry.extents + entry.guarded)


def _unpack_entries(data: memoryview) -> Iterator[Entry]:
    place = 0
    while place < len(data):
        slot, code, operands, count, guards, spare = _ENTRY.unpack_from(data, place)
        end = place + _ENTRY.size + (count + guards) * _EXTENT.size
        pairs = tuple(_EXTENT.iter_unpack(data[place + _ENTRY.size : end]))
        yield Entry(slot, code, operands, pairs[:count], pairs[count:], bool(spare))
        place = end


def pack(pages: Mapping[bytes, Page], compiler: str, processor: Processor) -> bytes:
    """The file's bytes; the same for the same pages."""
    index, body = bytearray(), bytearray()
    for key in sorted(pages):
        page = pages[key]
        entries = b"".join(_pack_entry(entry) for entry in page.entries)
        content = entries + page.code
        sizes = (len(body), len(entries), len(page.code))
        index += _PAGE.pack(key, key_of(content), *sizes)
        body += content
    header = _HEADER.pack(
        MAGIC,
        FORMAT,
        processor.number,
        translator_digest(),
        compiler.encode(),
        len(pages),
        _sha256(bytes(index)),
    )
    return header + bytes(index + body)


class Found(NamedTuple):
    """An entry, ready to be put into a decoded page."""

    place: int  # Bytes from the start of the decoded page.
    slot: bytes
    extents: Extents
    guarded: Extents
    is_spare: bool


class TranslationSource(Protocol):
    """A source of translations, page by page."""

    def find(self, content: bytes, /) -> Sequence[Found]:
        """Return the slots for the decoded page of this content, and their places."""
        ...

    def sample(self, content: bytes, offset: int, /) -> None:
        """A slice of time ended at this offset of a page: where a guest is often is hot."""
        ...


class Translations:
    """A file of translations, mapped page by page as they are needed."""

    def __init__(self, data: bytes, compiler: str) -> None:
        """Check the header and the index.

        Raises:
            BlobError: It is damaged, or belongs to another version or interpreter.
        """
        self._processor, index = _check(data, compiler)
        self._index = {key: row for key, *row in _PAGE.iter_unpack(index)}
        self._body = memoryview(data)[_HEADER.size + len(index) :]
        self._ready: dict[bytes, list[Found]] = {}
        self._mapped: list[Executable] = []

    def find(self, content: bytes) -> Sequence[Found]:
        """Return the slots for the decoded page of this content, and their places.

        Raises:
            BlobError: The page's translation is damaged.
        """
        key = key_of(content)
        if key not in self._index:
            return ()
        if key not in self._ready:
            self._ready[key] = self._map(*self._index[key])
        return self._ready[key]

    def sample(self, content: bytes, offset: int) -> None:
        """Nothing is added to a file."""

    def _map(self, checksum: bytes, place: int, entries: int, length: int) -> list[Found]:
        middle = place + entries
        end = middle + length
        if end > len(self._body) or key_of(bytes(self._body[place:end])) != checksum:
            raise BlobError(f"translations: damaged, a page's checksum is wrong; {_AGAIN}")
        code = Executable(bytes(self._body[middle:end]), self._processor)
        self._mapped.append(code)  # As long as machines may run it.
        return [
            Found(
                it.slot,
                _SLOT.pack(code.address + it.code, it.operands),
                it.extents,
                it.guarded,
                it.is_spare,
            )
            for it in _unpack_entries(self._body[place:middle])
        ]


def _check(data: bytes, compiler: str) -> tuple[Processor, bytes]:
    """Check the header; return the processor that it is for, and the index."""
    if len(data) < _HEADER.size:
        raise BlobError(
            f"translations: {len(data)} bytes; expected a header of {_HEADER.size}, then pages;"
            f" {_AGAIN}"
        )
    magic, version, processor, digest, made_by, pages, checksum = _HEADER.unpack_from(data)
    for name, value, expected in (
        ("magic", magic, MAGIC),
        ("format", version, FORMAT),
        ("compiler", made_by.rstrip(b"\0").decode("ascii", "replace"), compiler),
    ):
        if value != expected:
            raise BlobError(f"translations: {name} {value!r}; expected {expected!r}; {_AGAIN}")
    made_for = numbered(processor)
    if made_for is None:
        raise BlobError(f"translations: processor {processor}; expected {NUMBERS}; {_AGAIN}")
    if reason := refusal(made_for):
        raise BlobError(f"translations: {reason}")
    if digest != translator_digest():
        raise BlobError(f"translations: they were made by another version; {_AGAIN}")
    index = data[_HEADER.size : _HEADER.size + pages * _PAGE.size]
    if _sha256(index) != checksum:
        raise BlobError(f"translations: damaged, the checksum of the index is wrong; {_AGAIN}")
    return made_for, index


@lru_cache(maxsize=_FILES_MAX)
def load_translations(data: bytes, compiler: str) -> Translations:
    """Map a file once for all machines of a process.

    Raises:
        BlobError: It is damaged, or belongs to another version or interpreter.
    """
    return Translations(data, compiler)
