import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.emulator.elf import ImageError, parse
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.program_support import build_elf

GOOD = build_elf({0x8000_0000: b"\x13\0\0\0" * 4, 0x8000_1000: b"data"})


def test_segments_keep_address_and_bytes() -> None:
    image = parse(GOOD)
    assert image.entry == 0x8000_0000
    assert [(s.address, s.data) for s in image.segments] == [
        (0x8000_0000, b"\x13\0\0\0" * 4),
        (0x8000_1000, b"data"),
    ]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        pytest.param(b"", "0 bytes", id="empty"),
        pytest.param(b"#!/bin/sh\n" * 9, "magic", id="not ELF"),
        pytest.param(build_elf({0x8000_0000: b"x"}, elf_class=1), "class 1.*32-bit", id="32-bit"),
        pytest.param(GOOD[:5] + b"\2" + GOOD[6:], "byte order 2.*big-endian", id="big-endian"),
        pytest.param(GOOD[:16] + b"\1" + GOOD[17:], "type 1.*object file", id="object"),
        pytest.param(build_elf({0x8000_0000: b"x"}, machine=62), "machine 62", id="x86-64"),
        pytest.param(build_elf({}), "0 program headers", id="no segment"),
        pytest.param(GOOD[:-1], "truncated", id="data cut"),
        pytest.param(GOOD[:100], "truncated", id="headers cut"),
        pytest.param(
            build_elf({0x8000_0000: b"abcd", 0x8000_0003: b"e"}), "overlap", id="overlapping"
        ),
    ],
)
def test_malformed_images_are_one_error(image: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        parse(image)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (build_elf({0x1000: b"x"}), "outside RAM"),
        (build_elf({0x8000_0000: b"x" * 8}, entry=0x8000_0004), "entry 0x80000004"),
    ],
)
def test_images_the_board_cannot_boot(image: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        Machine(MachineOptions(kernel=image, ram_bytes=1 << 20))


@given(st.integers(0, len(GOOD) * 8 - 1))
def test_a_flipped_bit_is_an_image_or_an_image_error(bit: int) -> None:
    damaged = bytearray(GOOD)
    damaged[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(ImageError):
        parse(bytes(damaged))
