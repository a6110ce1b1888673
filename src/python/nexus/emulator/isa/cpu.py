"""The extensions of a hart: how a set is named, checked, and shown to the guest.

A name is that of the ISA manual (chapter "ISA Extension Naming Conventions"): `rv64`, letters, and
longer names after underscores, `rv64gc_zba_zbb_zbs`.  I, M, A, C, Zicsr and Zifencei are always
there, as are supervisor and user mode; the rest is a choice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from nexus.core.record import dataclass

# The extensions that rows can require; each has its bit in an engine's mask.
OPTIONAL: Final = ("f", "d", "zicond", "zcb", "zba", "zbb", "zbs", "sv48")
_BIT: Final = {name: 1 << index for index, name in enumerate(OPTIONAL)}
HAS_F: Final = _BIT["f"]
HAS_SV48: Final = _BIT["sv48"]
ALL_EXTENSIONS: Final = (1 << len(OPTIONAL)) - 1

_G: Final = "imafd"
_BASE: Final = "imac"
# In the order of the manual.
_LETTERS: Final = "imafdc"
_ALWAYS: Final = ("zicsr", "zifencei", "sstc")
# Always there too, and shown where a set is other than the one that this machine had at first.
_COUNTERS: Final = ("zicntr", "zihpm")
_PAGING: Final = "sv48"  # Shown elsewhere: see `paging`.
_NEEDS: Final = {"d": "f"}
# Longer names go by the letter after the z; those of the supervisor come last.
_FAMILIES: Final = "imafdcb"

_MISA_MODES: Final = ("s", "u")
_MXL_64: Final = 2 << 62

ACCEPTED: Final = (
    "rv64imac or rv64gc, which may be followed by any of"
    f" {', '.join('_' + name for name in OPTIONAL if len(name) > 1)}"
)


class CpuError(ValueError):
    """The text names no set of extensions that the machine can have; the message says why."""


def _order(name: str) -> tuple[int, str]:
    """Extensions of one letter's family together, families in the order of letters."""
    if name.startswith("s"):
        return len(_FAMILIES), name
    return _FAMILIES.index(name[1]), name


def mask_of(names: Iterable[str]) -> int:
    """The bits of some optional extensions."""
    return sum(_BIT[name] for name in set(names))


@dataclass(frozen=True, slots=True)
class Cpu:
    """A set of extensions."""

    extensions: frozenset[str]  # The optional ones.

    @property
    def mask(self) -> int:
        """A bit for each optional extension, for engines."""
        return mask_of(self.extensions)

    @property
    def has_float(self) -> bool:
        """True if there are floating-point registers."""
        return "f" in self.extensions

    @property
    def is_plain(self) -> bool:
        """True for rv64imac, the set that the project's own guest is built for."""
        return not self.extensions

    @property
    def paging(self) -> str:
        """The widest addresses that page tables can have: the device tree's `mmu-type`."""
        return "riscv,sv48" if "sv48" in self.extensions else "riscv,sv39"

    @property
    def misa(self) -> int:
        """The register of that name."""
        letters = (*self._letters, *_MISA_MODES)
        return _MXL_64 | sum(1 << ord(letter) - ord("a") for letter in letters)

    @property
    def _letters(self) -> tuple[str, ...]:
        return tuple(it for it in _LETTERS if it in _BASE or it in self.extensions)

    @property
    def names(self) -> tuple[str, ...]:
        """Every extension, in the manual's order: the device tree's `riscv,isa-extensions`."""
        counters = () if self.is_plain else _COUNTERS
        chosen = [name for name in self.extensions if len(name) > 1 and name != _PAGING]
        return (*self._letters, *sorted((*_ALWAYS, *counters, *chosen), key=_order))

    @property
    def isa(self) -> str:
        """The whole set as one name: the device tree's `riscv,isa`."""
        named = [name for name in self.names if len(name) > 1]
        return "_".join(["rv64" + "".join(self._letters), *named])

    def __str__(self) -> str:
        """The shortest name that `parse_cpu` accepts."""
        letters = "".join(self._letters).replace("imafd", "g")
        chosen = [name for name in OPTIONAL if len(name) > 1 and name in self.extensions]
        return "_".join(["rv64" + letters, *chosen])


RV64IMAC: Final = Cpu(frozenset())
RV64GC: Final = Cpu(frozenset("fd"))


@cache
def parse_cpu(text: str) -> Cpu:
    """The set of a name such as `rv64gc_zba`.

    Raises:
        CpuError: The name is not one that the machine can have.
    """
    letters, *named = text.lower().split("_")
    if not re.fullmatch(r"rv64[a-z]+", letters):
        raise CpuError(f"{text!r} is not a name of a 64-bit RISC-V processor: expected {ACCEPTED}")
    found = set(letters.removeprefix("rv64").replace("g", _G))
    known = {*OPTIONAL, *_ALWAYS, *_COUNTERS} - set(_LETTERS)
    for name in (*sorted(found - set(_LETTERS)), *(it for it in named if it not in known)):
        raise CpuError(f"{text!r}: extension {name!r} is not one of this machine: use {ACCEPTED}")
    for name in sorted(set(_BASE) - found):
        raise CpuError(f"{text!r}: the machine always has extension {name!r}: use {ACCEPTED}")
    found = (found | set(named)) & set(OPTIONAL)
    for name, needed in _NEEDS.items():
        if name in found and needed not in found:
            raise CpuError(f"{text!r}: extension {name!r} needs {needed!r}: use {ACCEPTED}")
    return Cpu(frozenset(found))
