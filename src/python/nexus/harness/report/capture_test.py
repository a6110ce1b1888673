"""A capture is read back as it was written; one that is damaged names the place."""

from __future__ import annotations

import contextlib
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.harness.pcapng import Capture
from nexus.harness.report.capture import CaptureError, Frame, read_capture

MACS = {"A": bytes(6), "B": bytes(6)}


def written() -> bytes:
    capture = Capture(MACS)
    capture.add("A", 5, b"one" * 10)
    capture.add("B", 1 << 40, b"two" * 7)
    return capture.content()


def test_what_was_written_is_read() -> None:
    assert list(read_capture(written())) == [
        Frame(1, "A", 5, b"one" * 10),
        Frame(2, "B", 1 << 40, b"two" * 7),
    ]


def test_a_capture_cut_short_gives_its_frames_and_then_the_place() -> None:
    data = written()
    reader = read_capture(data[:-4])
    assert next(reader).machine == "A"
    with pytest.raises(CaptureError, match=r"byte \d+: a block of \d+ bytes ends behind"):
        next(reader)


def test_every_truncation_is_frames_or_an_error() -> None:
    data = written()
    whole = list(read_capture(data))
    counts = []
    for length in range(len(data)):
        found: list[Frame] = []
        with suppress(CaptureError):
            # The frames before an error are good, so they are kept.
            found.extend(read_capture(data[:length]))
        assert found == whole[: len(found)], length
        counts.append(len(found))
    assert counts == sorted(counts)
    assert set(counts) == {0, 1}, "the second frame is the last block"


def test_a_capture_of_the_other_byte_order_and_of_microseconds() -> None:
    def block(kind: int, body: bytes) -> bytes:
        return struct.pack(">II", kind, len(body) + 12) + body + struct.pack(">I", len(body) + 12)

    data = block(0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1))
    data += block(1, struct.pack(">HHI", 1, 0, 0))
    data += block(6, struct.pack(">IIIII", 0, 0, 7, 4, 4) + b"data")
    assert list(read_capture(data)) == [Frame(1, "interface 0", 7_000, b"data")]


@pytest.mark.parametrize("data", [b"", b"x", b"\xd4\xc3\xb2\xa1" + bytes(20), b"{}" * 20])
def test_another_file_is_no_capture(data: bytes) -> None:
    with pytest.raises(CaptureError, match="byte 0: not a pcapng file"):
        list(read_capture(data))


@given(st.data())
def test_damaged_captures_raise_nothing_else(data: st.DataObject) -> None:
    capture = bytearray(written())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(capture) - 1))
        capture[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CaptureError):
        list(read_capture(bytes(capture)))


def block(kind: int, body: bytes, length: int | None = None, again: int | None = None) -> bytes:
    """A block; its two lengths may be given another value."""
    size = len(body) + 12
    first = size if length is None else length
    return (
        struct.pack("<II", kind, first) + body + struct.pack("<I", size if again is None else again)
    )


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
ETHERNET = struct.pack("<HHI", 1, 0, 0)
INTERFACE = block(1, ETHERNET)


def packet(index: int, captured: int, data: bytes, *, ticks: int = 7) -> bytes:
    return block(6, struct.pack("<IIIII", index, 0, ticks, captured, captured) + data)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (b"x" * 11, "byte 48: 11 bytes are left, a block has at least 12"),
        (block(9, b"", 8), "byte 48: a block of 8 bytes; expected 12..16777216"),
        (block(9, b"1234", 15), "byte 48: a block of 15 bytes; expected 12..16777216"),
        (block(9, b"1234", 20), "byte 48: a block of 20 bytes ends behind the file's end"),
        (
            block(9, b"", 16_777_220),
            "byte 48: a block of 16777220 bytes; expected 12..16777216",
        ),
        (
            block(9, b"", 16_777_216),
            "byte 48: a block of 16777216 bytes ends behind the file's end",
        ),
        (block(9, b"1234", again=12), "byte 60: the block's second length is not 16"),
        (block(1, b"1234"), "interface 1: not Ethernet"),
        (block(1, struct.pack("<HHI", 2, 0, 0)), "interface 1: not Ethernet"),
        (block(6, bytes(16)), "frame 1: 16 bytes, a packet block has at least 20"),
        (packet(1, 0, b""), "frame 1: there is no interface 1"),
        (packet(0, 5, b"1234"), "frame 1: 5 bytes are more than its block has"),
    ],
)
def test_a_damaged_block_is_named_with_its_place(more: bytes, said: str) -> None:
    with pytest.raises(CaptureError) as caught:
        list(read_capture(SECTION + INTERFACE + more))
    assert str(caught.value) == said


def test_blocks_of_other_kinds_are_passed_over_and_a_section_begins_anew() -> None:
    data = SECTION + INTERFACE + block(9, b"") + packet(0, 4, b"1234") + SECTION
    reader = read_capture(data + packet(0, 4, b"1234"))
    assert next(reader) == Frame(1, "interface 0", 7_000, b"1234")
    with pytest.raises(CaptureError, match=r"^frame 2: there is no interface 0$"):
        next(reader)


def option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


@pytest.mark.parametrize(
    ("options", "name", "instant_ns"),
    [
        (b"", "interface 0", 7_000),
        (option(2, b"A") + option(9, b"\x09"), "A", 7),
        (option(9, b"\x09") + option(2, b"A\xff"), "A\\xff", 7),
        (option(9, b"") + option(3, b"\x09"), "interface 0", 7_000),
        (option(0, b"") + option(2, b"A"), "interface 0", 7_000),
        (option(9, b"\x00"), "interface 0", 7_000_000_000),
        (option(9, b"\x81"), "interface 0", 3_500_000_000),
        (option(9, b"\xff"), "interface 0", 0),
    ],
)
def test_options_name_an_interface_and_its_resolution(
    options: bytes, name: str, instant_ns: int
) -> None:
    body = ETHERNET + options + bytes(-len(options) % 4)
    data = SECTION + block(1, body) + packet(0, 4, b"1234")
    assert list(read_capture(data)) == [Frame(1, name, instant_ns, b"1234")]
