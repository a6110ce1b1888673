"""The notation of instruction encodings, and what can be derived from it.

An encoding is written most significant bit first, in groups separated by blanks, as the manual
draws it.  A digit 0 or 1 is fixed; a letter belongs to an operand:

    d  rd        a  rs1 (also the 5-bit zimm of the csr instructions)      b  rs2
    x  rd and rs1 at once (compressed two-operand forms)
    D  A  B  the same, of floating-point registers
    i  immediate, scattered as the row's `immediate` says
    -  ignored

A register field three bits wide names registers 8 to 15.  Floating-point registers have numbers of
their own, from FLOAT_BASE on.  The immediate's scatter is the manual's own
notation: `s12|10:5|4:1|11` says that the `i` bits, left to right, are bits 12, 10..5, 4..1 and 11
of the value; a leading `s` means the value is sign-extended from its highest bit.

Rules of this file: no instruction is named here; everything works on the notation alone.
"""

from __future__ import annotations

from itertools import groupby
from typing import Final

from nexus.core.record import dataclass

# Where a letter's bits end up: (operand, ...).
ROLES: Final = {
    "d": ("rd",),
    "a": ("rs1",),
    "b": ("rs2",),
    "x": ("rd", "rs1"),
    "D": ("rd",),
    "A": ("rs1",),
    "B": ("rs2",),
}

# The number of f0 where x0 has 0: where the engines' state has it (see `reference/state.py`).
FLOAT_BASE: Final = 133


class EncodingError(ValueError):
    """A row of the table is not well formed: our own mistake, found when the table is built."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """One parsed bit pattern."""

    width: int
    mask: int
    match: int
    # (operand, shift, width, number of the first register) of each register field.
    registers: tuple[tuple[str, int, int, int], ...]
    scatter: tuple[tuple[int, int, int], ...]  # (shift in word, width, shift in value).
    sign_bit: int | None  # Highest bit of a signed immediate.

    @property
    def float_operands(self) -> frozenset[str]:
        """The operands that are floating-point registers."""
        return frozenset(it[0] for it in self.registers if it[3] >= FLOAT_BASE)

    def operands(self, word: int) -> dict[str, int]:
        """Extract register numbers and the immediate (`imm`) from a word that matches."""
        values = {}
        for operand, shift, width, first in self.registers:
            values[operand] = (word >> shift & (1 << width) - 1) + first
        if self.scatter:
            value = 0
            for shift, width, to in self.scatter:
                value |= (word >> shift & (1 << width) - 1) << to
            if self.sign_bit is not None and value >> self.sign_bit & 1:
                value -= 2 << self.sign_bit
            values["imm"] = value
        return values

    def insert(self, operands: dict[str, int]) -> int:
        """Build the word with these operands: the inverse of `operands`.

        Raises:
            ValueError: An operand does not fit; the message says which.
        """
        word = self.match
        for operand, shift, width, first in self.registers:
            number = operands.get(operand, first) - first
            if not 0 <= number < 1 << width:
                raise ValueError(f"{operand}={operands.get(operand)}: not encodable here")
            word |= number << shift
        value = operands.get("imm", 0)
        for shift, width, to in self.scatter:
            word |= (value >> to & (1 << width) - 1) << shift
        if self.operands(word).get("imm", 0) != value:
            raise ValueError(f"imm={value}: not encodable here")
        return word


# A pattern's letters and digits as the bits of a mask, and of what is under it.
_MASK_BITS: Final = str.maketrans("01-dabxiDAB", "11" + "0" * 9, " ")
_MATCH_BITS: Final = str.maketrans("01-dabxiDAB", "01" + "0" * 9, " ")


def fixed_bits(pattern: str) -> tuple[int, int]:
    """Return the common bits of a pattern's words: a mask, and the value under it.

    A decoder needs that of all rows, and the rest (`parse`), which takes longer, of few.
    """
    return int(pattern.translate(_MASK_BITS), 2), int(pattern.translate(_MATCH_BITS), 2)


def parse(pattern: str, immediate: str = "") -> Encoding:
    """Parse a pattern and its immediate scatter."""
    bits = pattern.replace(" ", "")
    width = len(bits)
    if width not in (16, 32):
        raise EncodingError(f"{pattern!r}: {width} bits; expected 16 or 32")
    if set(bits) - set("01-dabxiDAB"):
        raise EncodingError(f"{pattern!r}: unknown letter in {sorted(set(bits))}")
    fields = _fields(pattern)
    mask = match = 0
    registers: list[tuple[str, int, int, int]] = []
    immediates: list[tuple[int, int]] = []
    for letter, shift, size in fields:
        if letter in ROLES:
            first = (FLOAT_BASE if letter.isupper() else 0) + (8 if size == 3 else 0)
            registers += [(role, shift, size, first) for role in ROLES[letter]]
        elif letter == "i":
            immediates.append((shift, size))
        elif letter != "-":
            mask |= (1 << size) - 1 << shift
            match |= (int(letter) * ((1 << size) - 1)) << shift
    scatter, sign_bit = _scatter(immediates, immediate)
    return Encoding(width, mask, match, tuple(registers), scatter, sign_bit)


def _fields(pattern: str) -> list[tuple[str, int, int]]:
    """Split into (letter or digit, shift, width) runs, most significant first."""
    bits = pattern.replace(" ", "")
    shift = len(bits)
    found = []
    for group in pattern.split():  # A blank separates two fields of the same letter.
        for letter, run in groupby(group):
            size = len(list(run))
            shift -= size
            found.append((letter, shift, size))
    return found


def _scatter(
    places: list[tuple[int, int]], immediate: str
) -> tuple[tuple[tuple[int, int, int], ...], int | None]:
    """Pair the `i` groups of a pattern with the bit ranges of its immediate notation."""
    signed = immediate.startswith("s")
    ranges = []
    for part in immediate.lstrip("s").split("|") if immediate else []:
        high, _, low = part.partition(":")
        ranges.append((int(high), int(low or high)))
    order = [bit for high, low in ranges for bit in range(high, low - 1, -1)]
    holes = [shift + i for shift, size in places for i in range(size - 1, -1, -1)]
    if len(order) != len(holes):
        raise EncodingError(f"{immediate!r}: {len(order)} bits for {len(holes)} places")
    pieces: list[list[int]] = []
    for hole, bit in zip(holes, order, strict=True):
        last = pieces[-1] if pieces else None
        if last and last[0] == hole + 1 and last[2] == bit + 1:
            last[0], last[1], last[2] = hole, last[1] + 1, bit  # Extend the run downwards.
        else:
            pieces.append([hole, 1, bit])
    return tuple((p[0], p[1], p[2]) for p in pieces), max(order) if signed else None
