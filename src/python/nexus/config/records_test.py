"""The container refuses every damaged form of a blob."""

from __future__ import annotations

import contextlib
import struct
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.config.records import (
    BLOB_BYTES_MAX,
    SECTION_BYTES_MAX,
    SECTIONS_MAX,
    BlobError,
    Records,
    pack,
    unpack,
    unpack_records,
)

SECTIONS: dict[int, Records] = {9: [(1, b"a"), (1, b"")], 3: [(2, b"\xff" * 300)], 5: []}


def test_reads_back() -> None:
    assert unpack(pack(SECTIONS)) == {3: [(2, b"\xff" * 300)], 5: [], 9: [(1, b"a"), (1, b"")]}


def test_golden_bytes() -> None:
    head = "4e5843460100010041000000"
    digest = "c21ba801ec2a576a1a63097e5f1ab4179de680100d94a348caa88879438c2537"
    table = "01000000000000003c00000005000000"
    assert pack({1: [(2, b"x")]}).hex() == head + digest + table + "0200010078"


def test_every_truncation_is_refused() -> None:
    blob = pack(SECTIONS)
    for length in range(len(blob)):
        with pytest.raises(BlobError):
            unpack(blob[:length])


def test_every_flipped_bit_is_refused() -> None:
    blob = pack({1: [(2, b"x")]})
    for bit in range(len(blob) * 8):
        bad = bytearray(blob)
        bad[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(BlobError):
            unpack(bytes(bad))


def test_trailing_bytes_are_refused() -> None:
    with pytest.raises(BlobError, match="length"):
        unpack(pack(SECTIONS) + b"\0")


@pytest.mark.parametrize("count", [0, SECTIONS_MAX + 1])
def test_too_few_or_many_sections_are_refused(count: int) -> None:
    with pytest.raises(BlobError, match="sections"):
        pack({i: [] for i in range(count)})


def test_the_largest_section_and_one_byte_more() -> None:
    pack({1: [(1, bytes(SECTION_BYTES_MAX - 4))]})
    with pytest.raises(BlobError, match="section of 8001 bytes"):
        pack({1: [(1, bytes(SECTION_BYTES_MAX - 3))]})


def test_the_largest_blob_and_beyond() -> None:
    with pytest.raises(BlobError, match="bytes of configuration"):
        pack({i: [(1, bytes(SECTION_BYTES_MAX - 4))] for i in range(9)})


@given(st.lists(st.tuples(st.integers(0, 65535), st.binary(max_size=40)), max_size=20))
def test_any_records_read_back(records: list[tuple[int, bytes]]) -> None:
    assert unpack(pack({7: records})) == {7: records}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(BlobError):
        unpack_records(data)


HEADER, ENTRY = struct.Struct("<4sHHI32s"), struct.Struct("<QII")
START = HEADER.size + 2 * ENTRY.size


def sealed(*entries: tuple[int, int, int], count: int | None = None) -> bytes:
    """A blob of two sections of four bytes each, with a table that says what is given."""
    table = b"".join(ENTRY.pack(*entry) for entry in entries)
    rest = table + b"\x01\x00\x00\x00" * 2
    number = len(entries) if count is None else count
    total = HEADER.size + len(rest)
    return HEADER.pack(b"NXCF", 1, number, total, sha256(rest).digest()) + rest


@pytest.mark.parametrize("length", [4, 8])
def test_a_table_within_its_bounds_is_read(length: int) -> None:
    assert list(unpack(sealed((1, START, length), (2, START + length, 8 - length)))) == [1, 2]


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ((1, START, 4), (1, START + 4, 4), "section 1: not sorted"),
        ((2, START, 4), (1, START + 4, 4), "section 1: not sorted"),
        ((1, START - 1, 4), (2, START + 4, 4), "section 0: lies at"),
        ((1, START, 4), (2, START + 4, 5), "section 1: lies at"),
        ((1, START, 4), (2, START + 9, 0), "section 1: lies at"),
    ],
)
def test_a_table_whose_digest_is_right_is_still_held_to_its_bounds(
    first: tuple[int, int, int], second: tuple[int, int, int], said: str
) -> None:
    blob = sealed(first, second)
    with pytest.raises(BlobError, match=said):
        unpack(blob)


@pytest.mark.parametrize("count", [0, 4])
def test_more_sections_than_there_are_bytes_for(count: int) -> None:
    with pytest.raises(BlobError, match=f"{count} sections do not fit"):
        unpack(sealed((1, START, 4), (2, START + 4, 4), count=count))


@pytest.mark.parametrize("count", [1, SECTIONS_MAX])
def test_as_many_sections_as_there_may_be(count: int) -> None:
    sections: dict[int, Records] = {number: [(1, b"x")] for number in range(count)}
    assert unpack(pack(sections)) == sections


def padded(total: int) -> dict[int, Records]:
    """Sections of a blob of so many bytes."""
    count = 9
    left = total - HEADER.size - count * (ENTRY.size + 4)
    sizes = [min(SECTION_BYTES_MAX - 4, max(0, left - 7996 * at)) for at in range(count)]
    return {number: [(1, bytes(size))] for number, size in enumerate(sizes)}


def test_a_blob_of_exactly_the_most_bytes_and_of_one_more() -> None:
    blob = pack(padded(BLOB_BYTES_MAX))
    assert len(blob) == BLOB_BYTES_MAX
    assert len(unpack(blob)) == 9
    with pytest.raises(BlobError) as caught:
        pack(padded(BLOB_BYTES_MAX + 1))
    more, most = BLOB_BYTES_MAX + 1, BLOB_BYTES_MAX
    assert str(caught.value) == f"{more} bytes of configuration; expected up to {most}"


def changed(at: int, value: bytes) -> bytes:
    """A blob of one section, with other bytes at a place of its header."""
    blob = bytearray(pack({1: [(2, b"x")]}))
    blob[at : at + len(value)] = value
    return bytes(blob)


@pytest.mark.parametrize(
    ("blob", "said"),
    [
        (bytes(43), "43 bytes: shorter than the header"),
        (changed(0, b"NXCG"), "magic b'NXCG' version 1; expected NXCF 1"),
        (changed(4, b"\2"), "magic b'NXCF' version 2; expected NXCF 1"),
        (changed(8, b"\x42"), "length 66 written, 65 found"),
        (changed(12, b"\0"), "the digest does not match the content"),
        (sealed((1, START, 4), (1, START + 4, 4)), "section 1: not sorted by service id"),
        (sealed((1, START - 1, 4), (2, START, 4)), f"section 0: lies at {START - 1}+4"),
        (sealed((1, START, 9), (2, START, 4)), f"section 0: lies at {START}+9"),
        (sealed(count=0), "0 sections do not fit"),
    ],
)
def test_a_blob_that_cannot_be_read_says_why(blob: bytes, said: str) -> None:
    with pytest.raises(BlobError) as caught:
        unpack(blob)
    assert str(caught.value) == said


@pytest.mark.parametrize("cut", [1, 3, 5])
def test_a_record_that_is_cut_off_is_refused(cut: int) -> None:
    section = struct.pack("<HH", 1, 2) + b"ab"
    assert unpack_records(section) == [(1, b"ab")]
    assert unpack_records(b"") == []
    with pytest.raises(BlobError, match=r"^a record is cut off$"):
        unpack_records(section + section[:cut])
