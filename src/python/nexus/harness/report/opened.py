"""The opened twin of a capture: every message of an opened session as a packet of its own.

pcapng again, of link type USER0 (147).  A packet is a byte of direction (0 to the responder, 1 to
the initiator), the connection's number (u32, little-endian), and the plaintext frame.
`tools/wireshark/nexus.lua` names its fields.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_LINKTYPE_USER0: Final = 147


@dataclass(frozen=True, slots=True)
class Opened:
    """A plaintext frame of a session."""

    sent_ns: int
    connection: int
    to_responder: bool
    frame: bytes


def write(frames: Iterable[Opened]) -> bytes:
    """Write the file."""
    parts = [_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    # One option: timestamps are in units of 10^-9 s.
    resolution = struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)
    parts.append(_block(1, struct.pack("<HHI", _LINKTYPE_USER0, 0, 0) + resolution))
    for opened in frames:
        direction = 0 if opened.to_responder else 1
        data = struct.pack("<BI", direction, opened.connection) + opened.frame
        high, low = opened.sent_ns >> 32, opened.sent_ns & 0xFFFFFFFF
        head = struct.pack("<IIIII", 0, high, low, len(data), len(data))
        parts.append(_block(6, head + data + bytes(-len(data) % 4)))
    return b"".join(parts)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length
