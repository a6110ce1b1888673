"""Reads a packet capture back: pcapng of Ethernet, as `nexus.harness.pcapng` or Wireshark write it.

Bounded and strict: a block that is damaged ends the reading with one error that says where; what
was read before it is kept by the caller, which gets it piece by piece.  Format: the pcapng draft of
the IETF (draft-ietf-opsawg-pcapng), sections 3 and 4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from nexus.core.errors import NexusError

_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_ENHANCED_PACKET: Final = 6
_MAGIC: Final = b"\x4d\x3c\x2b\x1a"
_OPTION_NAME: Final = 2
_OPTION_RESOLUTION: Final = 9
_ETHERNET: Final = 1

# No block of ours is larger than a frame with a comment; Wireshark's own limit is 16 MiB.
BLOCK_BYTES_MAX: Final = 16 << 20


class CaptureError(NexusError):
    """A file that is not a capture, or not to its end; the message names the place."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured frame: its number from 1, the interface, and the instant of sending."""

    number: int
    machine: str
    sent_ns: int
    data: bytes


@dataclass(slots=True)
class _Section:
    order: str
    interfaces: list[tuple[str, int]] = field(default_factory=list)  # Name, ticks a second.


def read_capture(data: bytes) -> Iterator[Frame]:
    """Yield the frames of a capture in their order.

    Raises:
        CaptureError: what follows the frames given so far is damaged, or not Ethernet.
    """
    if len(data) < 12 or data[:4] != _SECTION.to_bytes(4, "little"):
        raise CaptureError("byte 0: not a pcapng file; its first block must be a section header")
    section = _Section("<")
    at = number = 0
    while at < len(data):
        kind, body, at = _block(data, at, section)
        if kind == _INTERFACE:
            section.interfaces.append(_interface(section, body, len(section.interfaces)))
        elif kind == _ENHANCED_PACKET:
            number += 1
            yield _packet(section, body, number)


def _block(data: bytes, at: int, section: _Section) -> tuple[int, bytes, int]:
    if len(data) - at < 12:
        raise CaptureError(f"byte {at}: {len(data) - at} bytes are left, a block has at least 12")
    if data[at : at + 4] == _SECTION.to_bytes(4, "little"):
        section.order = "<" if data[at + 8 : at + 12] == _MAGIC else ">"
        section.interfaces.clear()
    kind, length = struct.unpack_from(section.order + "II", data, at)
    if not 12 <= length <= BLOCK_BYTES_MAX or length % 4:
        raise CaptureError(f"byte {at}: a block of {length} bytes; expected 12..{BLOCK_BYTES_MAX}")
    end = at + length
    if end > len(data):
        raise CaptureError(f"byte {at}: a block of {length} bytes ends behind the file's end")
    if struct.unpack_from(section.order + "I", data, end - 4)[0] != length:
        raise CaptureError(f"byte {end - 4}: the block's second length is not {length}")
    return kind, data[at + 8 : end - 4], end


def _interface(section: _Section, body: bytes, index: int) -> tuple[str, int]:
    name, ticks = f"interface {index}", 1_000_000
    if len(body) < 8 or struct.unpack_from(section.order + "H", body)[0] != _ETHERNET:
        raise CaptureError(f"interface {index}: not Ethernet")
    for code, value in _options(section, body[8:]):
        if code == _OPTION_NAME:
            name = value.decode("utf-8", "backslashreplace")
        elif code == _OPTION_RESOLUTION and value:
            ticks = 1 << (value[0] & 0x7F) if value[0] & 0x80 else 10 ** min(value[0], 18)
    return name, ticks


def _packet(section: _Section, body: bytes, number: int) -> Frame:
    if len(body) < 20:
        raise CaptureError(f"frame {number}: {len(body)} bytes, a packet block has at least 20")
    index, high, low, captured, _ = struct.unpack_from(section.order + "IIIII", body)
    if index >= len(section.interfaces):
        raise CaptureError(f"frame {number}: there is no interface {index}")
    if captured > len(body) - 20:
        raise CaptureError(f"frame {number}: {captured} bytes are more than its block has")
    name, ticks = section.interfaces[index]
    instant_ns = (high << 32 | low) * 1_000_000_000 // ticks
    return Frame(number, name, instant_ns, body[20 : 20 + captured])


def _options(section: _Section, data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from(section.order + "HH", data, at)
        if code == 0:
            return
        yield code, data[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
