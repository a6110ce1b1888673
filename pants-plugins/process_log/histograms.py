"""The bytes that a run fetched and wrote, from the histograms of Pants.

Pure.  The form is version 2 of HdrHistogram's, deflated: a cookie and a length, then deflated a
cookie, the length of the counts, four more fields, and the counts.  A count is a number of seven
bits a byte, the sign in its lowest bit; one below zero is so many that are zero.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import Iterator, Mapping, Tuple

DEFLATED = 0x1C849314
PLAIN = 0x1C849313
OUTER = struct.Struct(">ii")
# Cookie, bytes of counts, offset, digits that count, lowest and highest value, ratio.
INNER = struct.Struct(">iiiiqqd")

# No histogram of a run is larger; what unpacks to more is not one.
UNPACKED_BYTES_MAX = 16 * 1024 * 1024
# The form allows no more; Pants keeps three.
DIGITS_MAX = 5
# Each bucket doubles the values of the one before, and values have 64 bits.
BUCKETS_MAX = 64
# The ninth byte of a number has eight bits of it.
NUMBER_BYTES_MAX = 9

# The names that Pants 2.17.1 gives them.
FETCHED = "remote_store_blob_bytes_downloaded"
WRITTEN = "remote_store_blob_bytes_uploaded"


class HistogramError(ValueError):
    """The bytes are not a histogram; the text says what is wrong."""


def line_of_bytes(histograms: Mapping[str, bytes]) -> str:
    """The line of all bytes of a run; a run that neither fetched nor wrote has none counted.

    Raises:
        HistogramError: one is not a histogram.
    """
    names = {"fetched": FETCHED, "written": WRITTEN}
    totals = {
        kind: total_of(histograms[name]) if name in histograms else 0
        for kind, name in names.items()
    }
    return json.dumps({"bytes": totals}) + "\n"


def total_of(blob: bytes) -> int:
    """The sum of all values, each as exact as the histogram keeps it: three digits.

    Raises:
        HistogramError: the bytes are not a histogram.
    """
    return sum(value * count for value, count in values_of(blob))


def values_of(blob: bytes) -> Iterator[Tuple[int, int]]:
    """Values in the middle of what each count stands for, with the counts."""
    plain = unpacked(blob)
    if len(plain) < INNER.size:
        raise HistogramError(f"{len(plain)} bytes are not a header of {INNER.size}")
    cookie, length, _offset, digits, lowest, _highest, _ratio = INNER.unpack_from(plain)
    if cookie != PLAIN or not 1 <= digits <= DIGITS_MAX or lowest < 1:
        raise HistogramError(f"cookie {cookie:#x}, {digits} digits, lowest value {lowest}")
    counts = plain[INNER.size :]
    if length != len(counts):
        raise HistogramError(f"{len(counts)} bytes of counts instead of {length}")
    half_bits = max(1, (2 * 10**digits - 1).bit_length()) - 1
    unit_bits = lowest.bit_length() - 1
    index = 0
    for count in numbers(counts):
        if count <= 0:
            index += max(1, -count)
            continue
        # The first bucket has twice as many steps as the others, whose steps double each time.
        bucket = max(0, (index >> half_bits) - 1)
        if bucket >= BUCKETS_MAX:
            raise HistogramError(f"a count at {index}; expected one of {BUCKETS_MAX} buckets")
        step = index if index >> half_bits == 0 else index - (bucket << half_bits)
        shift = bucket + unit_bits
        yield (step << shift) + (1 << shift >> 1), count
        index += 1


def unpacked(blob: bytes) -> bytes:
    """The bytes that are deflated in it."""
    if len(blob) < OUTER.size:
        raise HistogramError(f"{len(blob)} bytes are not a header of {OUTER.size}")
    cookie, length = OUTER.unpack_from(blob)
    if cookie != DEFLATED or length != len(blob) - OUTER.size:
        raise HistogramError(f"cookie {cookie:#x}, {length} bytes announced of {len(blob)}")
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(blob[OUTER.size :], UNPACKED_BYTES_MAX)
    except zlib.error as exc:
        raise HistogramError(str(exc)) from exc
    if not inflater.eof:
        raise HistogramError(f"unpacked it breaks off, or has over {UNPACKED_BYTES_MAX} bytes")
    return plain


def numbers(data: bytes) -> Iterator[int]:
    """The numbers that the counts are written as."""
    place = 0
    while place < len(data):
        number = 0
        for position in range(NUMBER_BYTES_MAX):
            if place == len(data):
                raise HistogramError("it breaks off in a number")
            byte = data[place]
            place += 1
            is_last = position == NUMBER_BYTES_MAX - 1
            number |= (byte if is_last else byte & 0x7F) << 7 * position
            if is_last or byte < 0x80:
                break
        yield (number >> 1) ^ -(number & 1)
