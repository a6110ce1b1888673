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
    for length in range(len(data)):
        with suppress(CaptureError):
            found = list(read_capture(data[:length]))
            assert found == whole[: len(found)]


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
