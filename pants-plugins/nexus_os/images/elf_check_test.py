"""The files that are taken for images, and the complaints about the others."""

from __future__ import annotations

from typing import Optional

import pytest  # pants: no-infer-dep

from nexus_os.images.elf_cases import RAM, elf
from nexus_os.images.elf_check import complaint


def test_image_in_ram_that_begins_where_the_board_does_is_taken() -> None:
    assert complaint(elf(), service=False) is None


def test_program_of_a_kernel_may_be_anywhere() -> None:
    program = elf(entry=0x10000000, address=0x10000000)

    assert complaint(program, service=True) is None
    assert "has no RAM" in (complaint(program, service=False) or "")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not an ELF file"),
        (b"#!/bin/sh\n", "is not an ELF file: it begins with b'#!/b'"),
        (elf()[:40], "is cut off: 40 bytes"),
        (elf(bits=1), "is an ELF of 32 bits"),
        (elf(order=2), "is big-endian"),
        (elf(machine=62), "is for another processor (ELF machine 62; RISC-V is 243)"),
        (elf(flags=8), "is compiled for RV64E"),
        (elf(kind=1), "is a relocatable object (ET_REL), not an executable; link it first"),
        (elf(kind=3), "-no-pie"),
        (elf(kind=4), "is of ELF type 4"),
        (elf()[:100], "program headers do not lie within the file"),
        (elf(segment=4), "has nothing to load"),
        (elf(file_bytes=5), "is cut off: the segment for 0x80000000"),
        (elf(address=0x1000), "is loaded at 0x1000, where the board has no RAM"),
        (elf(address=RAM + (2 << 30) - 4), "where the board has no RAM"),
        (elf(entry=RAM + 4), "has its entry at 0x80000004"),
    ],
)
def test_everything_else_is_told_what_it_is(content: bytes, told: Optional[str]) -> None:
    assert told in (complaint(content, service=False) or "nothing")
