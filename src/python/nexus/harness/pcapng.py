"""Writes a packet capture that Wireshark opens: pcapng, one interface a machine.

Each frame is there once, as its sender put it on the wire, with the instant of sending in
nanoseconds since the run began and a comment naming the sender.  Pure: `bytes` come out.

    +-----------+-----------+-----------+-----------+-----------+---
    | section   | interface | interface | packet    | packet    | ...
    | header    | A         | B         | from A    | from B    |
    +-----------+-----------+-----------+-----------+-----------+---

Every block is: type u32, total length u32, body padded to 4, total length u32 again.  An option
is: code u16, length u16, value padded to 4; option 0 ends the list.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Final

SECTION_HEADER: Final = 0x0A0D0D0A
INTERFACE: Final = 0x00000001
ENHANCED_PACKET: Final = 0x00000006

_BYTE_ORDER_MAGIC: Final = 0x1A2B3C4D
_LENGTH_UNKNOWN: Final = 0xFFFFFFFFFFFFFFFF
_LINKTYPE_ETHERNET: Final = 1
_SNAP_BYTES: Final = 65_535

_END: Final = 0
_COMMENT: Final = 1
_SHB_APPLICATION: Final = 4
_IF_NAME: Final = 2
_IF_MAC: Final = 6
_IF_RESOLUTION: Final = 9
_NANOSECONDS: Final = bytes([9])  # 10 to the power of minus 9.

# A capture larger than this is not evidence anyone reads, and it is held in memory until the end.
CAPTURE_BYTES_MAX: Final = 64 << 20


class Capture:
    """A capture in the making."""

    def __init__(self, machines: Mapping[str, bytes]) -> None:
        """Begin a capture with one interface per machine (name -> MAC address)."""
        self._index = {name: index for index, name in enumerate(machines)}
        self.frames = dict.fromkeys(machines, 0)
        self.dropped = 0
        self._data = bytearray(_section_header())
        for name, mac in machines.items():
            self._data += _interface(name, mac)

    def add(self, machine: str, sent_ns: int, frame: bytes) -> None:
        """Append one frame; beyond the bound it is only counted."""
        self.frames[machine] += 1
        if len(self._data) > CAPTURE_BYTES_MAX:
            self.dropped += 1
            return
        body = struct.pack(
            "<IIIII",
            self._index[machine],
            sent_ns >> 32,
            sent_ns & 0xFFFFFFFF,
            len(frame),
            len(frame),
        )
        comment = f"sent by node {machine}".encode()
        self._data += _block(ENHANCED_PACKET, body + _pad(frame) + _options([(_COMMENT, comment)]))

    def content(self) -> bytes:
        """The whole file so far."""
        return bytes(self._data)


def _section_header() -> bytes:
    body = struct.pack("<IHHQ", _BYTE_ORDER_MAGIC, 1, 0, _LENGTH_UNKNOWN)
    return _block(SECTION_HEADER, body + _options([(_SHB_APPLICATION, b"nexus os2vm")]))


def _interface(name: str, mac: bytes) -> bytes:
    body = struct.pack("<HHI", _LINKTYPE_ETHERNET, 0, _SNAP_BYTES)
    options = [(_IF_NAME, name.encode()), (_IF_MAC, mac), (_IF_RESOLUTION, _NANOSECONDS)]
    return _block(INTERFACE, body + _options(options))


def _block(kind: int, body: bytes) -> bytes:
    total = len(body) + 12
    return struct.pack("<II", kind, total) + body + struct.pack("<I", total)


def _options(options: Iterable[tuple[int, bytes]]) -> bytes:
    parts = [struct.pack("<HH", code, len(value)) + _pad(value) for code, value in options]
    return b"".join(parts) + struct.pack("<HH", _END, 0)


def _pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
