"""The appended segment is where the kernel looks, and nothing else changes."""

from __future__ import annotations

import pytest

from nexus.image.elf import append_segment, read_segments
from nexus.image.elf_cases import fake_elf
from nexus.image.error import ImageError


@pytest.mark.parametrize(
    ("memory_bytes", "expected"),
    [(4, 0x8000_1000), (4095, 0x8000_1000), (4096, 0x8000_1000), (4097, 0x8000_2000)],
)
def test_payload_lies_at_the_next_page_boundary(memory_bytes: int, expected: int) -> None:
    image = append_segment(fake_elf(memory_bytes=memory_bytes), b"payload", "k")
    added = read_segments(image, "k")[-1]
    assert (added.virtual, added.physical) == (expected, expected)
    assert image[added.offset : added.offset + added.file_bytes] == b"payload"
    assert added.flags == 4


def test_the_first_segments_are_kept() -> None:
    before = fake_elf(b"abc" * 50)
    after = append_segment(before, b"x" * 5000, "k")
    assert read_segments(after, "k")[:-1] == read_segments(before, "k")
    assert after[120 : len(before)] == before[120:]


def test_appending_twice_stacks() -> None:
    image = append_segment(append_segment(fake_elf(), b"a" * 4097, "k"), b"b", "k")
    assert [s.physical for s in read_segments(image, "k")] == [
        0x8000_0000,
        0x8000_1000,
        0x8000_3000,
    ]


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (b"", "not an ELF"),
        (b"\x7fELF", "not an ELF"),
        (b"#!/bin/sh\n", "not an ELF"),
        (fake_elf(machine=62), "EM_X86_64"),
        (fake_elf(kind=3), "ET_DYN"),
        (fake_elf()[:-1], "past the end"),
    ],
    ids=["empty", "magic-only", "script", "x86", "shared", "cut"],
)
def test_what_is_no_guest_executable_is_refused(image: bytes, said: str) -> None:
    with pytest.raises(ImageError, match=said) as caught:
        read_segments(image, "k")
    assert str(caught.value).startswith("k: ")


def test_every_truncation_is_refused() -> None:
    whole = fake_elf()
    for length in range(len(whole)):
        with pytest.raises(ImageError):
            read_segments(whole[:length], "k")
