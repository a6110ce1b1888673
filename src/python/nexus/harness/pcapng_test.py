"""The capture is read back block by block, as a reader that knows only the format would."""

from __future__ import annotations

import struct

import pytest

from nexus.harness import pcapng
from nexus.harness.pcapng import Capture
from nexus.harness.pcapng_support import read_blocks, read_options
from nexus.simulation.machine_fake import mac

MACHINES = {"A": mac(1), "node-b": mac(2)}


def test_section_and_one_interface_a_machine() -> None:
    section, *interfaces = read_blocks(Capture(MACHINES).content())
    assert section[0] == 0x0A0D0D0A
    assert section[1][:8] == struct.pack("<IHH", 0x1A2B3C4D, 1, 0)
    assert [kind for kind, _ in interfaces] == [1, 1]
    for (_, body), (name, address) in zip(interfaces, MACHINES.items(), strict=True):
        assert struct.unpack_from("<H", body) == (1,)
        assert read_options(body[8:]) == {2: name.encode(), 6: address, 9: b"\x09"}


def test_frames_with_their_instant_sender_and_bytes() -> None:
    capture = Capture(MACHINES)
    sent = [("A", 5, bytes(60)), ("node-b", (7 << 32) + 9, bytes(range(61))), ("A", 10**12, b"x")]
    for name, at, frame in sent:
        capture.add(name, at, frame)
    packets = [body for kind, body in read_blocks(capture.content()) if kind == 6]
    for body, (name, at, frame) in zip(packets, sent, strict=True):
        index, high, low, captured, original = struct.unpack_from("<IIIII", body)
        assert list(MACHINES)[index] == name
        assert high << 32 | low == at
        assert captured == original == len(frame)
        assert body[20 : 20 + captured] == frame
        options = body[20 + captured + -captured % 4 :]
        assert read_options(options) == {1: f"sent by node {name}".encode()}
    assert capture.frames == {"A": 2, "node-b": 1}


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pcapng, "CAPTURE_BYTES_MAX", 10_000)
    capture = Capture(MACHINES)
    for at in range(20):
        capture.add("A", at, bytes(1514))
    assert capture.frames["A"] == 20
    assert 0 < capture.dropped < 20
    assert len(capture.content()) < 12_000


def test_the_whole_file_of_one_frame_to_the_byte() -> None:
    capture = Capture({"AB": bytes(range(6))})
    capture.add("AB", (3 << 32) + 4, b"frame")
    words = (
        "0a0d0d0a 30000000 4d3c2b1a 01000000 ffffffff ffffffff"  # The section: length unknown.
        " 04000b00 6e657875 73206f73 32766d00 00000000 30000000"  # Made by `nexus os2vm`.
        " 01000000 34000000 01000000 ffff0000 02000200 41420000"  # The interface `AB` ...
        " 06000600 00010203 04050000 09000100 09000000 00000000 34000000"  # ... in nanoseconds.
        " 06000000 40000000 00000000 03000000 04000000 05000000 05000000"  # The frame, sent ...
        " 6672616d 65000000 01000f00 73656e74 20627920 6e6f6465 20414200 00000000 40000000"
    )
    assert capture.content() == bytes.fromhex(words)
    assert (capture.frames, capture.dropped) == ({"AB": 1}, 0)


@pytest.mark.parametrize(("more", "dropped"), [(-1, 1), (0, 0), (1, 0)])
def test_a_capture_takes_a_frame_while_it_is_not_longer_than_its_bound(
    monkeypatch: pytest.MonkeyPatch, more: int, dropped: int
) -> None:
    capture = Capture(MACHINES)
    assert pcapng.CAPTURE_BYTES_MAX == 64 << 20
    monkeypatch.setattr(pcapng, "CAPTURE_BYTES_MAX", len(capture.content()) + more)
    capture.add("A", 0, bytes(60))
    assert capture.dropped == dropped
    kinds = [kind for kind, _ in read_blocks(capture.content())]
    assert kinds == [0x0A0D0D0A, 1, 1, *[6] * (1 - dropped)]
