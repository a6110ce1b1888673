"""The extensions that an executable was built for, beyond those of this machine.

An ELF says so in two places: the flags of its header (how floating-point values are passed) and
the attribute `Tag_RISCV_arch` (psABI, "ELF Object Files").  Neither proves that an instruction
of the extension is ever executed: firmware that is built for everything asks `misa` first.  So it
is reported at load; it is not a reason to refuse.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from nexus.emulator.isa.cpu import RV64IMAC, Cpu

_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER: Final = struct.Struct("<IIQQQQQQ")
_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_PT_ATTRIBUTES: Final = 0x7000_0003
_SHT_ATTRIBUTES: Final = 0x7000_0003
_SECTIONS_MAX: Final = 1 << 12
_ATTRIBUTES_BYTES_MAX: Final = 1 << 16

# Every machine has these, single letters and names; the parts that M, A and C are made of; and
# hints, which do nothing on a machine that does not know them.
_PRESENT: Final = frozenset(
    (
        "i",
        "m",
        "a",
        "c",
        "zicsr",
        "zifencei",
        "zicntr",
        "zihpm",
        "sstc",
        "zmmul",
        "zaamo",
        "zalrsc",
        "zca",
        "zihintpause",
        "zihintntl",
        "za64rs",
        "za128rs",
        "ziccif",
        "ziccrse",
        "ziccamoa",
        "zicclsm",
        "ssccptr",
        "sstvala",
        "sstvecd",
        "svbare",
        "svadu",
        "sscounterenw",
    )
)
_G: Final = ("i", "m", "a", "f", "d", "zicsr", "zifencei")
_FLOAT_ABIS: Final = {1: "f", 2: "d", 3: "q"}
# Values of a section of the file; the tag is `Tag_RISCV_arch`.
_TAG_FILE: Final = 1
_TAG_ARCH: Final = 5


# Names for what optional extensions are made of, or are part of.
_ALSO_PRESENT: Final[dict[str, frozenset[str]]] = {
    "zcf": frozenset("f"),
    "zcd": frozenset("d"),
    "b": frozenset(("zba", "zbb", "zbs")),
}


def describe_needs(image: bytes, cpu: Cpu = RV64IMAC) -> str | None:
    """One line about what the image may need and the machine lacks; None if there is nothing.

    Damaged attributes say nothing, and neither does what is not an executable at all.
    """
    if len(image) < _HEADER.size or image[:6] != b"\x7fELF\x02\x01":
        return None
    arch = _arch_of(image)
    flags = _HEADER.unpack_from(image)[7]
    wanted = list(extensions_of(arch)) if arch else []
    abi = _FLOAT_ABIS.get(flags >> 1 & 3)
    if abi is not None and abi not in wanted:
        wanted.append(abi)
    present = set(_PRESENT | cpu.extensions)
    present |= {name for name, parts in _ALSO_PRESENT.items() if parts <= cpu.extensions}
    lacking = [name for name in wanted if name not in present]
    if not lacking:
        return None
    said = f"its attributes say {arch}" if arch else "its flags say so"
    passes = f", and it passes floating-point values in registers of {abi.upper()}" if abi else ""
    names = ", ".join(name.upper() if len(name) == 1 else name.capitalize() for name in lacking)
    return (
        f"built for {names}, which this machine does not have ({said}{passes}): "
        f"such instructions are illegal here; build with {_build(cpu)}"
    )


def _build(cpu: Cpu) -> str:
    """The options with which compilers build for a set."""
    abi = "lp64d" if "d" in cpu.extensions else "lp64"
    base, _, named = str(cpu).partition("_")
    return f"-march={base}_zicsr_zifencei{'_' + named if named else ''} -mabi={abi}"


def extensions_of(arch: str) -> tuple[str, ...]:
    """The extensions of a string such as `rv64i2p1_m2p0_zicsr2p0`, without versions."""
    found: list[str] = []
    base, *named = arch.lower().split("_")
    for letter, _ in re.findall(r"([a-z])(\d+p\d+)?", base.removeprefix("rv64")):
        found += _G if letter == "g" else [letter]
    for name in named:
        found.append(re.sub(r"\d+p\d+$", "", name))
    return tuple(dict.fromkeys(name for name in found if name))


def _arch_of(image: bytes) -> str:
    try:
        for start, size in _attribute_ranges(image):
            if size <= _ATTRIBUTES_BYTES_MAX:
                arch = _arch_in(image[start : start + size])
                if arch:
                    return arch
    except (struct.error, IndexError, OverflowError, ValueError):
        pass  # Attributes are for tools; what cannot be read is not there.
    return ""


def _attribute_ranges(image: bytes) -> list[tuple[int, int]]:
    header = _HEADER.unpack_from(image)
    programs_at, sections_at, programs, sections = header[5], header[6], header[10], header[12]
    ranges = []
    for index in range(programs):
        fields = _PROGRAM_HEADER.unpack_from(image, programs_at + index * _PROGRAM_HEADER.size)
        if fields[0] == _PT_ATTRIBUTES:
            ranges.append((fields[2], fields[5]))
    for index in range(min(sections, _SECTIONS_MAX) if sections_at else 0):
        entry = _SECTION.unpack_from(image, sections_at + index * _SECTION.size)
        if entry[1] == _SHT_ATTRIBUTES:
            ranges.append((entry[4], entry[5]))
    return ranges


def _arch_in(data: bytes) -> str:
    """`A`, then: length u32, vendor, then: tag, length u32, attributes."""
    if data[:1] != b"A":
        return ""
    vendor_end = data.index(b"\0", 5) + 1
    if data[5:vendor_end] != b"riscv\0" or data[vendor_end] != _TAG_FILE:
        return ""
    at, end = vendor_end + 5, len(data)
    while at < end:
        tag, at = _uleb(data, at)
        if tag % 2:  # Odd tags have strings, even ones numbers.
            stop = data.index(b"\0", at)
            if tag == _TAG_ARCH:
                return data[at:stop].decode("ascii")
            at = stop + 1
        else:
            _, at = _uleb(data, at)
    return ""


def _uleb(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
