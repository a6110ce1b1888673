"""`NXBI` v1: the image of installed bundles that the bundle manager serves.

0  4  `NXBI`                     per entry: bundle_len u8, bundle, version_len u8, version,
4  1  version = 1                           path_len u16, path, kind u16 (0 = file),
5  2  count u16                             data_len u32, data
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nexus.contract import bundle as contract
from nexus.contract.node import MESSAGE_BYTES_MAX
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.octets import FrameWriter, open_frame

MAGIC: Final = contract.IMAGE_MAGIC
VERSION: Final = contract.IMAGE_VERSION
KIND_FILE: Final = contract.IMAGE_KIND_FILE

# It travels in one reply of the bundle manager, whose frame is a message of the guest.
IMAGE_BYTES_MAX: Final = MESSAGE_BYTES_MAX - 9
ENTRIES_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of one bundle."""

    bundle: str
    version: str
    path: str
    data: bytes


def encode_image(entries: Sequence[Entry]) -> bytes:
    """Return the image, entries in the order given."""
    if len(entries) > ENTRIES_MAX:
        raise LocalProtocolError(Reason.OVERSIZED, f"{len(entries)} entries; at most {ENTRIES_MAX}")
    out = FrameWriter(IMAGE_BYTES_MAX)
    out.put(MAGIC).u8(VERSION).u16(len(entries))
    for entry in entries:
        bundle, version, path = (t.encode() for t in (entry.bundle, entry.version, entry.path))
        out.u8(len(bundle)).put(bundle).u8(len(version)).put(version)
        out.u16(len(path)).put(path).u16(KIND_FILE)
        out.u32(len(entry.data)).put(entry.data)
    return out.finish()


def decode_image(image: bytes) -> list[Entry]:
    """Read an image; nothing may follow its last entry."""
    reader, _ = open_frame(image, MAGIC, (VERSION,))
    count = reader.u16()
    if count > ENTRIES_MAX:
        raise RemoteProtocolError(Reason.OVERSIZED, f"{count} entries; at most {ENTRIES_MAX}")
    entries = []
    for _ in range(count):
        bundle = reader.text(reader.u8())
        version = reader.text(reader.u8())
        path = reader.text(reader.u16())
        kind = reader.u16()
        if kind != KIND_FILE:
            raise RemoteProtocolError(
                Reason.UNKNOWN_TYPE, f"an entry of kind {kind}; expected {KIND_FILE}"
            )
        entries.append(Entry(bundle, version, path, reader.take(reader.u32())))
    reader.end()
    return entries
