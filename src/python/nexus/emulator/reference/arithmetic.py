"""The operations of F and D on bit patterns: each gives the result's bits and the flags raised."""

from __future__ import annotations

from math import isqrt

from nexus.emulator.reference.ieee import (
    DIVIDE_BY_ZERO,
    INEXACT,
    INVALID,
    Layout,
    Number,
    Rounding,
    is_infinite,
    is_nan,
    is_signaling,
    put_together,
    round_to,
    take_apart,
    zero,
)

Result = tuple[int, int]


def _not_a_number(layout: Layout, *sources: int) -> Result:
    """The result if a source is a NaN."""
    return layout.nan, INVALID if any(is_signaling(layout, a) for a in sources) else 0


def fused(layout: Layout, a: int, b: int, c: int, mode: int) -> Result:
    """a * b + c, rounded once."""
    is_wrong = (is_infinite(layout, a) and not b & ~layout.sign) or (
        is_infinite(layout, b) and not a & ~layout.sign
    )
    if any(is_nan(layout, it) for it in (a, b, c)):
        nan, flags = _not_a_number(layout, a, b, c)
        return nan, flags | (INVALID if is_wrong else 0)
    sign = (a ^ b) >> layout.bits - 1
    if is_infinite(layout, a) or is_infinite(layout, b):
        against = is_infinite(layout, c) and c >> layout.bits - 1 != sign
        if is_wrong or against:
            return layout.nan, INVALID
        return layout.infinity | zero(layout, sign), 0
    if is_infinite(layout, c):
        return c, 0
    one, other, third = (take_apart(layout, it) for it in (a, b, c))
    product = Number(sign, one.mantissa * other.mantissa, one.exponent + other.exponent)
    return _sum(layout, product, third, mode)


def _sum(layout: Layout, a: Number, b: Number, mode: int) -> Result:
    """The sum of two finite numbers, which may be zeros."""
    exponent = min(a.exponent, b.exponent)
    terms = [(-it.mantissa if it.sign else it.mantissa) << it.exponent - exponent for it in (a, b)]
    total = sum(terms)
    if total:
        return put_together(layout, Number(int(total < 0), abs(total), exponent), mode)
    if a.sign == b.sign:
        return zero(layout, a.sign), 0
    return zero(layout, int(mode == Rounding.DOWN)), 0


def add(layout: Layout, a: int, b: int, mode: int) -> Result:
    """a + b."""
    if is_nan(layout, a) or is_nan(layout, b):
        return _not_a_number(layout, a, b)
    if is_infinite(layout, a):
        return (layout.nan, INVALID) if is_infinite(layout, b) and a != b else (a, 0)
    if is_infinite(layout, b):
        return b, 0
    return _sum(layout, take_apart(layout, a), take_apart(layout, b), mode)


def subtract(layout: Layout, a: int, b: int, mode: int) -> Result:
    """a - b."""
    return add(layout, a, b if is_nan(layout, b) else b ^ layout.sign, mode)


def multiply(layout: Layout, a: int, b: int, mode: int) -> Result:
    """a * b: what adding a zero of the product's own sign does not change."""
    sign = (a ^ b) & layout.sign
    return fused(layout, a, b, sign, mode)


def divide(layout: Layout, a: int, b: int, mode: int) -> Result:
    """a / b."""
    if is_nan(layout, a) or is_nan(layout, b):
        return _not_a_number(layout, a, b)
    sign = (a ^ b) & layout.sign
    if is_infinite(layout, a):
        return (layout.nan, INVALID) if is_infinite(layout, b) else (layout.infinity | sign, 0)
    if is_infinite(layout, b):
        return sign, 0
    one, other = take_apart(layout, a), take_apart(layout, b)
    if not other.mantissa:
        return (layout.infinity | sign, DIVIDE_BY_ZERO) if one.mantissa else (layout.nan, INVALID)
    if not one.mantissa:
        return sign, 0
    # Enough places that what is left of the division can only matter as "more than nothing".
    places = 2 * layout.precision + 3
    quotient, rest = divmod(one.mantissa << places, other.mantissa)
    number = Number(sign >> layout.bits - 1, 2 * quotient + (rest != 0), 0)
    exponent = one.exponent - other.exponent - places - 1
    return put_together(layout, number._replace(exponent=exponent), mode)


def root(layout: Layout, a: int, mode: int) -> Result:
    """The square root."""
    if is_nan(layout, a):
        return _not_a_number(layout, a)
    if not a & ~layout.sign:
        return a, 0
    if a & layout.sign:
        return layout.nan, INVALID
    if is_infinite(layout, a):
        return a, 0
    number = take_apart(layout, a)
    places = 2 * layout.precision + 4 + (number.exponent & 1)
    square = number.mantissa << places
    found = isqrt(square)
    mantissa = 2 * found + (found * found != square)
    return put_together(layout, Number(0, mantissa, (number.exponent - places) // 2 - 1), mode)


def _order(layout: Layout, a: int) -> int:
    """A number whose order is that of what is not a NaN; both zeros are 0."""
    magnitude = a & ~layout.sign
    return -magnitude if a & layout.sign else magnitude


def minimum(layout: Layout, a: int, b: int) -> Result:
    """The smaller one; a NaN gives way to a number, and -0 is smaller than +0."""
    return _extreme(layout, a, b, is_less=True)


def maximum(layout: Layout, a: int, b: int) -> Result:
    """The larger one, likewise."""
    return _extreme(layout, a, b, is_less=False)


def _extreme(layout: Layout, a: int, b: int, *, is_less: bool) -> Result:
    flags = _not_a_number(layout, a, b)[1]
    if is_nan(layout, a):
        return (layout.nan if is_nan(layout, b) else b), flags
    if is_nan(layout, b):
        return a, flags
    keys = [(_order(layout, it), not it & layout.sign, it) for it in (a, b)]
    return (min(keys) if is_less else max(keys))[2], flags


def less(layout: Layout, a: int, b: int) -> Result:
    """1 if a < b; every NaN is invalid."""
    if is_nan(layout, a) or is_nan(layout, b):
        return 0, INVALID
    return int(_order(layout, a) < _order(layout, b)), 0


def less_or_equal(layout: Layout, a: int, b: int) -> Result:
    """1 if a <= b; every NaN is invalid."""
    if is_nan(layout, a) or is_nan(layout, b):
        return 0, INVALID
    return int(_order(layout, a) <= _order(layout, b)), 0


def equal(layout: Layout, a: int, b: int) -> Result:
    """1 if a == b; only a signaling NaN is invalid."""
    if is_nan(layout, a) or is_nan(layout, b):
        return 0, _not_a_number(layout, a, b)[1]
    return int(_order(layout, a) == _order(layout, b)), 0


def classify(layout: Layout, a: int) -> int:
    """The class as `fclass` shows it: one bit of ten."""
    if is_nan(layout, a):
        return 1 << (8 if is_signaling(layout, a) else 9)
    if is_infinite(layout, a):
        place = 0
    elif a & layout.infinity:
        place = 1
    else:
        place = 2 if a & ~layout.sign else 3
    return 1 << (place if a & layout.sign else 7 - place)


def to_integer(layout: Layout, a: int, lowest: int, highest: int, mode: int) -> Result:
    """Round to an integer, as a signed number; beyond the range is invalid."""
    is_negative = a & layout.sign and not is_nan(layout, a)
    if is_nan(layout, a) or is_infinite(layout, a):
        return (lowest if is_negative else highest), INVALID
    sign, mantissa, exponent = take_apart(layout, a)
    # Any value below a quarter is rounded alike.
    shift = min(-exponent, layout.precision + 2)
    mantissa = mantissa if shift == -exponent else int(mantissa != 0)
    magnitude, is_inexact = round_to(sign, mantissa, shift, mode)
    value = -magnitude if sign else magnitude
    if not lowest <= value <= highest:
        return (lowest if sign else highest), INVALID
    return value, INEXACT if is_inexact else 0


def from_integer(layout: Layout, value: int, mode: int) -> Result:
    """Round a signed number to the format."""
    if not value:
        return 0, 0
    return put_together(layout, Number(int(value < 0), abs(value), 0), mode)


def convert(source: Layout, to: Layout, a: int, mode: int) -> Result:
    """Round a number to another format."""
    if is_nan(source, a):
        return to.nan, _not_a_number(source, a)[1]
    sign = a >> source.bits - 1
    if is_infinite(source, a):
        return to.infinity | zero(to, sign), 0
    number = take_apart(source, a)
    if not number.mantissa:
        return zero(to, sign), 0
    return put_together(to, number, mode)
