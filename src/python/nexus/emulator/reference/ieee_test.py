"""The arithmetic against fractions, and against the host's unit where that is the same thing."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.emulator.reference import arithmetic
from nexus.emulator.reference.ieee import (
    DIVIDE_BY_ZERO,
    DOUBLE,
    INEXACT,
    INVALID,
    OVERFLOW,
    SINGLE,
    UNDERFLOW,
    Layout,
    Rounding,
    is_infinite,
    is_nan,
    take_apart,
)

EDGES_D = (
    0,
    1,
    2,
    0xF_FFFF_FFFF_FFFF,
    0x10_0000_0000_0000,
    0x10_0000_0000_0001,
    0x3FE << 52,
    0x3FF << 52,
    (0x3FF << 52) + 1,
    0x400 << 52,
    0x43E << 52,
    0x43F << 52,
    0x7FEF_FFFF_FFFF_FFFF,
    0x7FF << 52,
    0x7FF8 << 48,
    (0x7FF << 52) + 1,
    0x3CA << 52,
)
DOUBLES = st.one_of(
    st.integers(0, (1 << 64) - 1),
    st.sampled_from([sign << 63 | it for it in EDGES_D for sign in (0, 1)]),
    st.floats().map(lambda it: int.from_bytes(struct.pack("<d", it), "little")),
)
MODES = st.sampled_from(list(Rounding))


def host(bits: int) -> float:
    value: float = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
    return value


def bits_of(value: float) -> int:
    return 0x7FF8 << 48 if math.isnan(value) else int.from_bytes(struct.pack("<d", value), "little")


def exact(layout: Layout, bits: int) -> Fraction:
    sign, mantissa, exponent = take_apart(layout, bits)
    return Fraction(-mantissa if sign else mantissa) * (
        Fraction(1 << exponent) if exponent >= 0 else Fraction(1, 1 << -exponent)
    )


def neighbours(layout: Layout, bits: int) -> tuple[Fraction, Fraction]:
    """The numbers on both sides of a finite one; beyond the largest, as if exponents went on."""
    magnitude, sign = bits & ~layout.sign, bits & layout.sign
    value = abs(exact(layout, magnitude))
    step = Fraction(2) ** (layout.lowest + max((magnitude >> layout.fraction_bits) - 1, 0))
    below = exact(layout, magnitude - 1) if magnitude else -step
    pair = (below, value + step)
    return (-pair[1], -pair[0]) if sign else pair


def check(layout: Layout, truth: Fraction, result: tuple[int, int], mode: Rounding) -> None:
    """The result is the right one of the numbers around the true value, and says if it is not."""
    bits, flags = result
    assert not is_nan(layout, bits)
    largest = exact(layout, layout.infinity - 1)
    if is_infinite(layout, bits) or flags & OVERFLOW:
        step = largest - exact(layout, layout.infinity - 2)
        assert flags == OVERFLOW | INEXACT
        assert abs(truth) > largest
        if mode in (Rounding.NEAREST_EVEN, Rounding.NEAREST_AWAY):
            assert abs(truth) >= largest + step / 2
        return
    value = exact(layout, bits)
    assert bool(flags & INEXACT) == (value != truth)
    below, above = neighbours(layout, bits)
    match mode:
        case Rounding.TOWARDS_ZERO:
            assert abs(value) <= abs(truth) < max(abs(below), abs(above))
        case Rounding.DOWN:
            assert value <= truth < above
        case Rounding.UP:
            assert below < truth <= value
        case _:
            assert (below + value) / 2 <= truth <= (value + above) / 2
            if truth in ((below + value) / 2, (value + above) / 2):
                further = abs(value) > abs(truth)
                assert further if mode is Rounding.NEAREST_AWAY else not bits & 1
    smallest = exact(layout, 1 << layout.fraction_bits)
    if abs(truth) < smallest and value != truth and abs(value) < smallest:
        assert flags & UNDERFLOW
    if abs(truth) >= smallest or value == truth:
        assert not flags & UNDERFLOW


def is_finite(*values: int) -> bool:
    return all(it & 0x7FF << 52 != 0x7FF << 52 for it in values)


FINITE = DOUBLES.filter(is_finite)
NOT_FINITE = st.integers(0, (1 << 64) - 1).map(lambda bits: bits | DOUBLE.infinity) | (
    st.sampled_from([DOUBLE.infinity, DOUBLE.sign | DOUBLE.infinity])
)
NONZERO = FINITE.filter(lambda bits: bits & ~DOUBLE.sign != 0)


def check_unless_zero(truth: Fraction, result: tuple[int, int], mode: Rounding) -> None:
    """Check all but a zero, whose sign has rules of its own."""
    if truth:
        check(DOUBLE, truth, result, mode)


@given(FINITE, FINITE, FINITE, MODES)
def test_a_fused_sum_is_rounded_once(a: int, b: int, c: int, mode: Rounding) -> None:
    truth = exact(DOUBLE, a) * exact(DOUBLE, b) + exact(DOUBLE, c)
    check_unless_zero(truth, arithmetic.fused(DOUBLE, a, b, c, mode), mode)


@given(FINITE, FINITE, MODES)
def test_sums_are_rounded_once(a: int, b: int, mode: Rounding) -> None:
    one, other = exact(DOUBLE, a), exact(DOUBLE, b)
    check_unless_zero(one + other, arithmetic.add(DOUBLE, a, b, mode), mode)
    check_unless_zero(one - other, arithmetic.subtract(DOUBLE, a, b, mode), mode)


@given(NONZERO, NONZERO, MODES)
def test_products_and_quotients_are_rounded_once(a: int, b: int, mode: Rounding) -> None:
    one, other = exact(DOUBLE, a), exact(DOUBLE, b)
    check(DOUBLE, one * other, arithmetic.multiply(DOUBLE, a, b, mode), mode)
    check(DOUBLE, one / other, arithmetic.divide(DOUBLE, a, b, mode), mode)


def is_rounded_root(
    truth: Fraction, below: Fraction, found: Fraction, above: Fraction, mode: Rounding
) -> bool:
    """Whether `found`, of three neighbours, is the right root of a number."""
    if mode in (Rounding.DOWN, Rounding.TOWARDS_ZERO):
        return found * found <= truth < above * above
    if mode is Rounding.UP:
        return below * below < truth <= found * found
    return ((below + found) / 2) ** 2 < truth < ((found + above) / 2) ** 2


@given(NONZERO, MODES)
def test_roots_are_rounded_once(a: int, mode: Rounding) -> None:
    a &= ~DOUBLE.sign
    bits, flags = arithmetic.root(DOUBLE, a, mode)
    below, above = neighbours(DOUBLE, bits)
    truth, found = exact(DOUBLE, a), exact(DOUBLE, bits)
    assert bool(flags & INEXACT) == (found * found != truth)
    assert is_rounded_root(truth, below, found, above, mode)


@given(NONZERO, MODES)
def test_a_shorter_format_is_rounded_to_once(a: int, mode: Rounding) -> None:
    check(SINGLE, exact(DOUBLE, a), arithmetic.convert(DOUBLE, SINGLE, a, mode), mode)


@given(DOUBLES, DOUBLES)
def test_the_hosts_unit_agrees_in_its_only_mode(a: int, b: int) -> None:
    one, other, mode = host(a), host(b), Rounding.NEAREST_EVEN
    assert arithmetic.add(DOUBLE, a, b, mode)[0] == bits_of(one + other)
    assert arithmetic.subtract(DOUBLE, a, b, mode)[0] == bits_of(one - other)
    assert arithmetic.multiply(DOUBLE, a, b, mode)[0] == bits_of(one * other)
    assert other == 0 or arithmetic.divide(DOUBLE, a, b, mode)[0] == bits_of(one / other)
    flags = INVALID if math.isnan(one) or math.isnan(other) else 0
    assert arithmetic.less(DOUBLE, a, b) == (one < other, flags)
    assert arithmetic.less_or_equal(DOUBLE, a, b) == (one <= other, flags)
    found, raised = arithmetic.equal(DOUBLE, a, b)
    assert found == (one == other)
    assert raised in (0, flags)  # A quiet NaN is equal to nothing and raises no flag.


INTEGER_OF: Mapping[Rounding, Callable[[Fraction], int]] = {
    Rounding.NEAREST_EVEN: round,
    Rounding.DOWN: math.floor,
    Rounding.UP: math.ceil,
    Rounding.TOWARDS_ZERO: math.trunc,
    Rounding.NEAREST_AWAY: lambda truth: (
        math.floor(abs(truth) + Fraction(1, 2)) * (-1 if truth < 0 else 1)
    ),
}
LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1


@given(FINITE, MODES)
def test_integers_are_rounded_as_asked(a: int, mode: Rounding) -> None:
    truth = exact(DOUBLE, a)
    rounded = INTEGER_OF[mode](truth)
    fits = LOWEST <= rounded <= HIGHEST
    found, flags = arithmetic.to_integer(DOUBLE, a, LOWEST, HIGHEST, mode)
    assert found == min(max(rounded, LOWEST), HIGHEST)
    assert flags == (INEXACT if truth != rounded else 0) if fits else flags == INVALID


@given(NOT_FINITE, MODES)
def test_what_is_not_finite_is_the_integer_at_its_end(a: int, mode: Rounding) -> None:
    end = LOWEST if a == DOUBLE.sign | DOUBLE.infinity else HIGHEST
    assert arithmetic.to_integer(DOUBLE, a, LOWEST, HIGHEST, mode) == (end, INVALID)


INF, NAN, SNAN, ONE = 0x7FF << 52, 0x7FF8 << 48, (0x7FF << 52) + 1, 0x3FF << 52
MINUS = 1 << 63


@pytest.mark.parametrize(
    ("found", "bits", "flags"),
    [
        (arithmetic.fused(DOUBLE, INF, 0, NAN, 0), NAN, INVALID),
        (arithmetic.fused(DOUBLE, ONE, ONE, NAN | MINUS, 0), NAN, 0),
        (arithmetic.fused(DOUBLE, INF, ONE, INF | MINUS, 0), NAN, INVALID),
        (arithmetic.fused(DOUBLE, MINUS, ONE, 0, 0), 0, 0),
        (arithmetic.fused(DOUBLE, MINUS, ONE, 0, 2), MINUS, 0),
        (arithmetic.add(DOUBLE, ONE, ONE | MINUS, 2), MINUS, 0),
        (arithmetic.add(DOUBLE, INF, INF | MINUS, 0), NAN, INVALID),
        (arithmetic.multiply(DOUBLE, MINUS, ONE, 2), MINUS, 0),
        (arithmetic.multiply(DOUBLE, INF, MINUS, 0), NAN, INVALID),
        (arithmetic.divide(DOUBLE, ONE, MINUS, 0), INF | MINUS, DIVIDE_BY_ZERO),
        (arithmetic.divide(DOUBLE, 0, 0, 0), NAN, INVALID),
        (arithmetic.divide(DOUBLE, SNAN, ONE, 0), NAN, INVALID),
        (arithmetic.root(DOUBLE, MINUS, 0), MINUS, 0),
        (arithmetic.root(DOUBLE, ONE | MINUS, 0), NAN, INVALID),
        (arithmetic.minimum(DOUBLE, MINUS, 0), MINUS, 0),
        (arithmetic.maximum(DOUBLE, MINUS, 0), 0, 0),
        (arithmetic.minimum(DOUBLE, SNAN, ONE), ONE, INVALID),
        (arithmetic.maximum(DOUBLE, NAN, SNAN), NAN, INVALID),
        (arithmetic.equal(DOUBLE, NAN, ONE), 0, 0),
        (arithmetic.less(DOUBLE, NAN, ONE), 0, INVALID),
        (arithmetic.convert(SINGLE, DOUBLE, 0x7F80_0001, 0), NAN, INVALID),
        (arithmetic.to_integer(DOUBLE, 0xBFE << 52, 0, 9, 0), 0, INEXACT),
        (arithmetic.to_integer(DOUBLE, 0xBFF << 52, 0, 9, 0), 0, INVALID),
        (arithmetic.multiply(DOUBLE, 1, 0x3FE << 52, 0), 0, UNDERFLOW | INEXACT),
        (arithmetic.multiply(DOUBLE, 1, 0x3FE << 52, 3), 1, UNDERFLOW | INEXACT),
        # Both are rounded to the smallest normal number, but only the first is tiny if exponents
        # had no end.
        (arithmetic.multiply(DOUBLE, (2 << 52) - 1, 0x3FE << 52, 0), 1 << 52, UNDERFLOW | INEXACT),
        (arithmetic.fused(DOUBLE, 1, 0xBCA << 52, 1 << 52, 0), 1 << 52, INEXACT),
    ],
)
def test_a_special_operand_has_its_result_and_flags(
    found: tuple[int, int], bits: int, flags: int
) -> None:
    assert found == (bits, flags)


def test_every_class_has_its_bit() -> None:
    values = [
        INF | MINUS,
        ONE | MINUS,
        1 | MINUS,
        MINUS,
        0,
        1,
        ONE,
        INF,
        SNAN,
        NAN,
    ]
    assert [arithmetic.classify(DOUBLE, it) for it in values] == [1 << n for n in range(10)]


@pytest.mark.parametrize("sign", [0, 1])
def test_what_is_exact_raises_no_flag(sign: int) -> None:
    one, infinity = 0x3FF << 52, 0x7FF << 52 | sign << 63
    assert arithmetic.divide(DOUBLE, one, infinity, 0) == (sign << 63, 0)
    assert arithmetic.divide(DOUBLE, infinity, one, 0) == (infinity, 0)
    assert arithmetic.divide(DOUBLE, 0, one | sign << 63, 0) == (sign << 63, 0)
    assert arithmetic.multiply(DOUBLE, one, infinity, 0) == (infinity, 0)
    assert arithmetic.divide(DOUBLE, one, sign << 63, 0) == (infinity, DIVIDE_BY_ZERO)
