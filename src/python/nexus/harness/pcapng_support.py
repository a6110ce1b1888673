"""Reads captures back, as a reader that knows the format and not our writer would; for tests."""

from __future__ import annotations

import struct

_ENHANCED_PACKET = 6
_PACKET_HEADER_BYTES = 20


def read_blocks(data: bytes) -> list[tuple[int, bytes]]:
    """Split a capture into (type, body); both lengths of every block must agree."""
    blocks = []
    while data:
        kind, total = struct.unpack_from("<II", data)
        assert total % 4 == 0
        assert struct.unpack_from("<I", data, total - 4) == (total,)
        blocks.append((kind, data[8 : total - 4]))
        data = data[total:]
    return blocks


def read_options(data: bytes) -> dict[int, bytes]:
    """Read a block's options, code -> value."""
    options: dict[int, bytes] = {}
    while True:
        code, length = struct.unpack_from("<HH", data)
        if code == 0:
            assert data[4:] == b""
            return options
        options[code] = data[4 : 4 + length]
        data = data[4 + length + -length % 4 :]


def read_frames(data: bytes) -> list[bytes]:
    """The bytes of every frame, in the order of the file."""
    frames = []
    for kind, body in read_blocks(data):
        if kind == _ENHANCED_PACKET:
            (captured,) = struct.unpack_from("<I", body, 12)
            frames.append(body[_PACKET_HEADER_BYTES : _PACKET_HEADER_BYTES + captured])
    return frames
