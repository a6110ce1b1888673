"""The node configuration blob `NXCF`: a checked container of sections of tagged records.

The table of tags is in schemas/node.capnp; the layout is docs/spec/node-config.md.  The
decoder exists for tests and for `nexus config describe`; the guest has its own.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

from nexus.contract import node as contract
from nexus.core.errors import NexusError

MAGIC: Final = contract.MAGIC
VERSION: Final = contract.VERSION
SECTIONS_MAX: Final = contract.SECTIONS_MAX
BLOB_BYTES_MAX: Final = contract.BLOB_BYTES_MAX

# A section reaches its service in one message of at most 8192 bytes, with a header before it.
SECTION_BYTES_MAX: Final = contract.SECTION_BYTES_MAX

_HEADER: Final = struct.Struct("<4sHHI32s")
_ENTRY: Final = struct.Struct("<QII")
_RECORD: Final = struct.Struct("<HH")

Records = Sequence[tuple[int, bytes]]


class BlobError(NexusError):
    """A blob cannot be built or read."""


def pack(sections: Mapping[int, Records]) -> bytes:
    """Build a blob of sections by service id, sorted."""
    if not 1 <= len(sections) <= SECTIONS_MAX:
        raise BlobError(f"{len(sections)} sections; expected 1..{SECTIONS_MAX}")
    table = bytearray()
    body = bytearray()
    start = _HEADER.size + _ENTRY.size * len(sections)
    for service in sorted(sections):
        section = pack_records(sections[service])
        table += _ENTRY.pack(service, start + len(body), len(section))
        body += section
    rest = bytes(table + body)
    total = _HEADER.size + len(rest)
    if total > BLOB_BYTES_MAX:
        raise BlobError(f"{total} bytes of configuration; expected up to {BLOB_BYTES_MAX}")
    return _HEADER.pack(MAGIC, VERSION, len(sections), total, sha256(rest).digest()) + rest


def pack_records(records: Records) -> bytes:
    """Build one section."""
    out = b"".join(_RECORD.pack(tag, len(value)) + value for tag, value in records)
    if len(out) > SECTION_BYTES_MAX:
        raise BlobError(f"section of {len(out)} bytes; expected up to {SECTION_BYTES_MAX}")
    return out


def unpack(blob: bytes) -> dict[int, list[tuple[int, bytes]]]:
    """Read a blob back, checking digest, order and every bound."""
    if len(blob) < _HEADER.size:
        raise BlobError(f"{len(blob)} bytes: shorter than the header")
    magic, version, count, total, digest = _HEADER.unpack_from(blob)
    if magic != MAGIC or version != VERSION:
        raise BlobError(f"magic {magic!r} version {version}; expected NXCF 1")
    if total != len(blob) or total > BLOB_BYTES_MAX:
        raise BlobError(f"length {total} written, {len(blob)} found")
    if sha256(blob[_HEADER.size :]).digest() != digest:
        raise BlobError("the digest does not match the content")
    start = _HEADER.size + _ENTRY.size * count
    if not 1 <= count <= SECTIONS_MAX or start > total:
        raise BlobError(f"{count} sections do not fit")
    sections: dict[int, list[tuple[int, bytes]]] = {}
    last = -1
    for index in range(count):
        service, offset, length = _ENTRY.unpack_from(blob, _HEADER.size + _ENTRY.size * index)
        if service <= last:
            raise BlobError(f"section {index}: not sorted by service id")
        if offset < start or offset + length > total or length > SECTION_BYTES_MAX:
            raise BlobError(f"section {index}: lies at {offset}+{length}")
        sections[service] = unpack_records(blob[offset : offset + length])
        last = service
    return sections


def unpack_records(section: bytes) -> list[tuple[int, bytes]]:
    """Read one section back."""
    records = []
    position = 0
    while position < len(section):
        if len(section) - position < _RECORD.size:
            raise BlobError("a record is cut off")
        tag, length = _RECORD.unpack_from(section, position)
        position += _RECORD.size
        if len(section) - position < length:
            raise BlobError("a record is cut off")
        records.append((tag, section[position : position + length]))
        position += length
    return records
