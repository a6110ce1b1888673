"""Binary floating-point numbers in plain integers: taking them apart, rounding, putting together.

Everything follows IEEE 754-2019 as the RISC-V manual narrows it down: one canonical NaN, tininess
is detected after rounding.  No number of the host decides anything.  A finite number that is not
zero is `(sign, mantissa, exponent)` and stands for mantissa * 2**exponent, negated if sign is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple


class Rounding(IntEnum):
    """Rounding modes, by their number in instructions and in `frm`."""

    NEAREST_EVEN = 0
    TOWARDS_ZERO = 1
    DOWN = 2
    UP = 3
    NEAREST_AWAY = 4


# The mode that says: as `frm` says.
DYNAMIC: Final = 7

# Flags, as in `fflags`.
INEXACT, UNDERFLOW, OVERFLOW, DIVIDE_BY_ZERO, INVALID = 1, 2, 4, 8, 16


@dataclass(frozen=True, slots=True)
class Layout:
    """A binary interchange format."""

    exponent_bits: int
    fraction_bits: int

    @property
    def bits(self) -> int:
        """Bits of a whole number."""
        return 1 + self.exponent_bits + self.fraction_bits

    @property
    def precision(self) -> int:
        """Bits of a mantissa, the hidden one included."""
        return self.fraction_bits + 1

    @property
    def bias(self) -> int:
        """The exponent field of 2**0."""
        return (1 << self.exponent_bits - 1) - 1

    @property
    def lowest(self) -> int:
        """The exponent of the last place of subnormal numbers."""
        return 1 - self.bias - self.fraction_bits

    @property
    def infinity(self) -> int:
        """Positive infinity."""
        return (1 << self.exponent_bits) - 1 << self.fraction_bits

    @property
    def quiet(self) -> int:
        """The bit that makes a NaN quiet."""
        return 1 << self.fraction_bits - 1

    @property
    def nan(self) -> int:
        """The canonical NaN."""
        return self.infinity | self.quiet

    @property
    def sign(self) -> int:
        """The sign bit."""
        return 1 << self.bits - 1


SINGLE: Final = Layout(8, 23)
DOUBLE: Final = Layout(11, 52)


class Number(NamedTuple):
    """A finite number that is not zero, or, with a mantissa of 0, a zero."""

    sign: int
    mantissa: int
    exponent: int


def is_nan(layout: Layout, a: int) -> bool:
    """True for every NaN."""
    return a & ~layout.sign > layout.infinity


def is_signaling(layout: Layout, a: int) -> bool:
    """True for a NaN that raises the invalid flag wherever it appears."""
    return is_nan(layout, a) and not a & layout.quiet


def is_infinite(layout: Layout, a: int) -> bool:
    """True for both infinities."""
    return a & ~layout.sign == layout.infinity


def take_apart(layout: Layout, a: int) -> Number:
    """A finite number from its bits."""
    fraction = a & (1 << layout.fraction_bits) - 1
    biased = a >> layout.fraction_bits & (1 << layout.exponent_bits) - 1
    if biased:
        fraction |= 1 << layout.fraction_bits
    return Number(a >> layout.bits - 1, fraction, layout.lowest + max(biased, 1) - 1)


def goes_up(sign: int, kept: int, rest: int, half: int, mode: int) -> bool:
    """Whether the magnitude `kept` grows by one in rounding; `rest` is less than 2 * `half`."""
    match mode:
        case Rounding.NEAREST_EVEN:
            return rest > half or (rest == half and kept & 1 == 1)
        case Rounding.NEAREST_AWAY:
            return rest >= half
        case Rounding.UP:
            return rest > 0 and not sign
        case Rounding.DOWN:
            return rest > 0 and sign == 1
    return False


def round_to(sign: int, mantissa: int, shift: int, mode: int) -> tuple[int, bool]:
    """Divide by 2**shift and round to an integer; say whether that was inexact."""
    if shift <= 0:
        return mantissa << -shift, False
    kept, rest = mantissa >> shift, mantissa & (1 << shift) - 1
    return kept + goes_up(sign, kept, rest, 1 << shift - 1, mode), rest != 0


def put_together(layout: Layout, number: Number, mode: int) -> tuple[int, int]:
    """Round a number that is not zero to the format: its bits, and the flags raised."""
    sign, mantissa, exponent = number
    length = mantissa.bit_length()
    last = max(exponent + length - layout.precision, layout.lowest)
    kept, is_inexact = round_to(sign, mantissa, last - exponent, mode)
    flags = INEXACT if is_inexact else 0
    if is_inexact and _is_tiny(layout, number, mode):
        flags |= UNDERFLOW
    # A carry out of the mantissa is what makes the exponent grow, and a hidden bit that is missing
    # is what makes a number subnormal: one sum does for all.
    bits = (last - layout.lowest << layout.fraction_bits) + kept
    if bits >= layout.infinity:
        return _overflow(layout, sign, mode), OVERFLOW | INEXACT
    return bits | sign << layout.bits - 1, flags


def _is_tiny(layout: Layout, number: Number, mode: int) -> bool:
    """Below the normal numbers even if rounded as if exponents had no end."""
    shift = number.mantissa.bit_length() - layout.precision
    kept, _ = round_to(number.sign, number.mantissa, shift, mode)
    last = number.exponent + shift
    return kept.bit_length() + last <= layout.lowest + layout.fraction_bits


def _overflow(layout: Layout, sign: int, mode: int) -> int:
    """Infinity, or the largest number if the mode leads away from infinity."""
    stops = mode == Rounding.TOWARDS_ZERO or mode == (Rounding.UP if sign else Rounding.DOWN)
    return layout.infinity - stops | sign << layout.bits - 1


def zero(layout: Layout, sign: int) -> int:
    """A zero of that sign."""
    return sign << layout.bits - 1
