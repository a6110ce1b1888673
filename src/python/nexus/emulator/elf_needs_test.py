"""The extensions that an executable says it was built for."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.emulator.elf_needs import describe_needs, extensions_of
from nexus.emulator.isa.cpu import parse_cpu
from nexus.emulator.program_support import build_elf

_ATTRIBUTES = 0x7000_0003


def attributes(arch: str) -> bytes:
    """A section of attributes: stack alignment, then the extensions."""
    content = b"\x04\x10" + b"\x05" + arch.encode() + b"\0"
    file = b"\x01" + struct.pack("<I", 5 + len(content)) + content
    vendor = b"riscv\0" + file
    return b"A" + struct.pack("<I", 4 + len(vendor)) + vendor


def image(arch: str | None = None, flags: int = 1, *, is_section: bool = False) -> bytes:
    """An executable with attributes, found by a program header or by a section."""
    elf = bytearray(build_elf({0x8000_0000: b"\x13\0\0\0"}))
    struct.pack_into("<I", elf, 48, flags)
    if arch is None:
        return bytes(elf)
    data = attributes(arch)
    if is_section:
        start = len(elf) + 64
        section = struct.pack("<IIQQQQIIQQ", 0, _ATTRIBUTES, 0, 0, start, len(data), 0, 0, 1, 0)
        struct.pack_into("<Q", elf, 40, len(elf))
        struct.pack_into("<HH", elf, 58, 64, 1)
        return bytes(elf) + section + data
    # The headers move down by one.
    header = struct.pack("<IIQQQQQQ", _ATTRIBUTES, 4, 0, 0, 0, len(data), 0, 1)
    struct.pack_into("<H", elf, 56, 2)
    whole = elf[:64] + elf[64:120] + header + elf[120:] + data
    struct.pack_into("<Q", whole, 64 + 8, 120 + 56)
    struct.pack_into("<Q", whole, 120 + 8, len(whole) - len(data))
    return bytes(whole)


@pytest.mark.parametrize(
    ("arch", "flags", "said"),
    [
        ("rv64i2p1_m2p0_a2p1_f2p2_d2p2_c2p0_zicsr2p0", 5, "built for F, D, which"),
        ("rv64gc", 1, "built for F, D, which"),
        ("rv64imac_zba1p0_zbb1p0", 1, "built for Zba, Zbb, which"),
        ("rv64imacv", 1, "built for V, which"),
        (None, 5, "passes floating-point values in registers of D"),
        (None, 3, "passes floating-point values in registers of F"),
    ],
)
@pytest.mark.parametrize("is_section", [True, False])
def test_what_the_machine_lacks_is_named(
    arch: str | None, flags: int, said: str, is_section: bool
) -> None:
    needs = describe_needs(image(arch, flags, is_section=is_section))
    assert needs is not None
    assert said in needs
    assert "-march=rv64imac" in needs
    assert "\n" not in needs


@pytest.mark.parametrize(
    ("arch", "flags"),
    [
        (None, 1),
        (None, 0),
        ("rv64i2p1_m2p0_a2p1_c2p0_zicsr2p0_zifencei2p0_zmmul1p0_zaamo1p0_zca1p0", 1),
        ("rv64imac", 1),
    ],
)
@pytest.mark.parametrize("is_section", [True, False])
def test_an_image_for_this_machine_lacks_nothing(
    arch: str | None, flags: int, is_section: bool
) -> None:
    assert describe_needs(image(arch, flags, is_section=is_section)) is None


@pytest.mark.parametrize(
    ("cpu", "arch", "said"),
    [
        ("rv64gc", "rv64i2p1_m2p0_a2p1_f2p2_d2p2_c2p0_zicsr2p0_zcd1p0", None),
        ("rv64gc", "rv64gc_zba1p0", "-march=rv64gc_zicsr_zifencei -mabi=lp64d"),
        ("rv64gc_zba_zbb_zbs", "rv64gc_zba1p0_zbb1p0_zbs1p0_b1p0", None),
        ("rv64gc_zba", "rv64gcv", "-march=rv64gc_zicsr_zifencei_zba -mabi=lp64d"),
        ("rv64imafc", "rv64gc", "built for D, which"),
    ],
)
def test_what_a_machine_has_is_not_missed(cpu: str, arch: str, said: str | None) -> None:
    needs = describe_needs(image(arch, 5), parse_cpu(cpu))
    assert said in needs if said and needs else needs is said


def test_versions_and_g_are_taken_apart() -> None:
    assert extensions_of("rv64i2p1_m2p0_zicsr2p0_zve32x1p0") == ("i", "m", "zicsr", "zve32x")
    assert extensions_of("rv64gc")[:5] == ("i", "m", "a", "f", "d")


@given(st.data())
def test_damage_says_nothing_or_something_in_one_line(data: st.DataObject) -> None:
    whole = bytearray(image("rv64gc", 5, is_section=data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    needs = describe_needs(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    assert needs is None or "\n" not in needs
