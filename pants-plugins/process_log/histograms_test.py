"""Sums of histograms, against the form as it is specified."""

from __future__ import annotations

import json
import struct
import zlib
from typing import List

import pytest

from process_log.histograms import HistogramError, line_of_bytes, numbers, total_of


def number(value: int) -> bytes:
    """A number in seven bits a byte, with its sign in the lowest bit."""
    left = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while len(out) < 8 and left >= 0x80:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*out, left])


def histogram(counts: List[int], *, digits: int = 3, lowest: int = 1) -> bytes:
    data = b"".join(map(number, counts))
    plain = struct.pack(">iiiiqqd", 0x1C849313, len(data), 0, digits, lowest, 1 << 40, 1.0) + data
    packed = zlib.compress(plain)
    return struct.pack(">ii", 0x1C849314, len(packed)) + packed


# The package `hdrhistogram` 0.10 writes this of 5, 5 and 100: five values that were not seen, two
# of the value 5, 94 that were not seen, one of the value 100.
GOLDEN = bytes.fromhex("1c849313 00000005 00000000 00000003 0000000000000001 000000000000ffff") + (
    struct.pack(">d", 1.0) + bytes.fromhex("09 04 bb01 02")
)


def test_the_golden_bytes_are_read() -> None:
    packed = zlib.compress(GOLDEN)
    assert total_of(struct.pack(">ii", 0x1C849314, len(packed)) + packed) == 110
    assert list(numbers(GOLDEN[-5:])) == [-5, 2, -94, 1]


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0, 0),
        (2047, 2047),
        # From here on two values share a count, then four: the one in the middle stands for them.
        (2048, 2049),
        (3071, 4095),
        (3072, 4098),
        (1024 * 20 + 500, ((1024 + 500) << 19) + (1 << 18)),
    ],
)
def test_an_index_stands_for_a_value(index: int, value: int) -> None:
    assert total_of(histogram([-index, 3] if index else [3])) == 3 * value


@pytest.mark.parametrize("value", [0, 1, -1, 63, 64, -64, 2**31, -(2**40), 2**62, -(2**62)])
def test_numbers_are_read_with_their_signs(value: int) -> None:
    assert list(numbers(number(value))) == [value]


def test_a_line_says_bytes_of_both_ways() -> None:
    found = {"remote_store_blob_bytes_downloaded": histogram([-7, 2]), "other": b""}
    assert json.loads(line_of_bytes(found)) == {"bytes": {"fetched": 14, "written": 0}}


def test_what_breaks_off_is_refused() -> None:
    whole = histogram([-7, 2, -300, 1])
    for end in range(len(whole)):
        with pytest.raises(HistogramError):
            total_of(whole[:end])


def test_what_is_not_one_is_refused() -> None:
    far = histogram([-(2**50), 1])  # A value of 2^40 bits.
    for blob in (b"", bytes(40), histogram([1], digits=9), histogram([1], lowest=0), far):
        with pytest.raises(HistogramError):
            total_of(blob)
    bomb = zlib.compress(bytes(20_000_000))
    with pytest.raises(HistogramError, match="over"):
        total_of(struct.pack(">ii", 0x1C849314, len(bomb)) + bomb)
