"""The capture is read back block by block, as a reader that knows only the format would."""

from __future__ import annotations

import struct

from nexus.harness import pcapng
from nexus.harness.pcapng import Capture
from nexus.simulation.machine_fake import mac

MACHINES = {"A": mac(1), "node-b": mac(2)}


def _blocks(data: bytes) -> list[tuple[int, bytes]]:
    blocks = []
    while data:
        kind, total = struct.unpack_from("<II", data)
        assert total % 4 == 0
        assert struct.unpack_from("<I", data, total - 4) == (total,)
        blocks.append((kind, data[8 : total - 4]))
        data = data[total:]
    return blocks


def _options(data: bytes) -> dict[int, bytes]:
    options: dict[int, bytes] = {}
    while True:
        code, length = struct.unpack_from("<HH", data)
        if code == 0:
            assert data[4:] == b""
            return options
        options[code] = data[4 : 4 + length]
        data = data[4 + length + -length % 4 :]


def test_section_and_one_interface_a_machine() -> None:
    section, *interfaces = _blocks(Capture(MACHINES).content())
    assert section[0] == 0x0A0D0D0A
    assert section[1][:8] == struct.pack("<IHH", 0x1A2B3C4D, 1, 0)
    assert [kind for kind, _ in interfaces] == [1, 1]
    for (_, body), (name, address) in zip(interfaces, MACHINES.items(), strict=True):
        assert struct.unpack_from("<H", body) == (1,)
        assert _options(body[8:]) == {2: name.encode(), 6: address, 9: b"\x09"}


def test_frames_with_their_instant_sender_and_bytes() -> None:
    capture = Capture(MACHINES)
    sent = [("A", 5, bytes(60)), ("node-b", (7 << 32) + 9, bytes(range(61))), ("A", 10**12, b"x")]
    for name, at, frame in sent:
        capture.add(name, at, frame)
    packets = [body for kind, body in _blocks(capture.content()) if kind == 6]
    for body, (name, at, frame) in zip(packets, sent, strict=True):
        index, high, low, captured, original = struct.unpack_from("<IIIII", body)
        assert list(MACHINES)[index] == name
        assert high << 32 | low == at
        assert captured == original == len(frame)
        assert body[20 : 20 + captured] == frame
        options = body[20 + captured + -captured % 4 :]
        assert _options(options) == {1: f"sent by node {name}".encode()}
    assert capture.frames == {"A": 2, "node-b": 1}


def test_size_is_bounded() -> None:
    capture = Capture(MACHINES)
    frame = bytes(1514)
    limit = pcapng.CAPTURE_BYTES_MAX // len(frame) + 10
    for at in range(limit):
        capture.add("A", at, frame)
    assert capture.frames["A"] == limit
    assert 0 < capture.dropped < limit
    assert len(capture.content()) < pcapng.CAPTURE_BYTES_MAX + 2_000
