"""Division, comparison and conversion of floating-point numbers: see `float_routines`."""

from __future__ import annotations

from typing import Final

DIVISION: Final = """
def float_div(a, b, mode, frac):
    mask = float_sign(frac) - 1
    infinity = float_infinity(frac)
    placed = (a ^ b) & float_sign(frac)
    high_a = a & mask
    high_b = b & mask
    if high_a > infinity or high_b > infinity:
        if float_is_signaling(a, frac) or float_is_signaling(b, frac):
            float_raise(INVALID)
        return float_nan(frac)
    if high_a == infinity:
        if high_b == infinity:
            return float_invalid(frac)
        return infinity | placed
    if high_b == infinity:
        return placed
    if high_b == 0:
        if high_a == 0:
            return float_invalid(frac)
        float_raise(DIVIDE_BY_ZERO)
        return infinity | placed
    if high_a == 0:
        return placed
    # Significands of 53 bits leave room for 11 places of the quotient at a time.
    rest = float_significand(a, frac) >> 11
    divisor = float_significand(b, frac) >> 11
    quotient = 0
    step = 0
    while step < 6:
        quotient = quotient << 11 | divu(rest, divisor)
        rest = remu(rest, divisor) << 11
        step += 1
    places = clz(quotient)
    exponent = float_exponent(a, frac) - float_exponent(b, frac) + 8 - places
    significand = quotient << places | (1 if rest else 0)
    return float_round(1 if placed else 0, exponent, significand, mode, frac)

def float_sqrt(a, mode, frac):
    sign = float_sign(frac)
    if float_is_nan(a, frac):
        if float_is_signaling(a, frac):
            float_raise(INVALID)
        return float_nan(frac)
    if (a & sign - 1) == 0:
        return a
    if a & sign:
        return float_invalid(frac)
    if a == float_infinity(frac):
        return a
    # 54 bits, so that the exponent is even; two of them make a place of the root.
    radicand = float_significand(a, frac) >> 11
    exponent = float_exponent(a, frac)
    if exponent & 1:
        radicand = radicand << 1
        exponent -= 1
    root = 0
    rest = 0
    step = 0
    while step < 55:
        rest = rest << 2
        if step < 27:
            rest |= radicand >> 52 - 2 * step & 3
        root = root << 1
        trial = root << 1 | 1
        if rest >= trial:
            rest -= trial
            root += 1
        step += 1
    significand = root << 9 | (1 if rest else 0)
    return float_round(0, sra(exponent, 1), significand, mode, frac)
"""

COMPARISON: Final = """
def float_order(a, frac):
    # Signed order of the result is that of numbers; both zeros are the same.
    magnitude = a & float_sign(frac) - 1
    return 0 - magnitude if a & float_sign(frac) else magnitude

def float_any_signaling(a, b, frac):
    if float_is_signaling(a, frac) or float_is_signaling(b, frac):
        float_raise(INVALID)
    return 0

def float_eq(a, b, frac):
    if float_is_nan(a, frac) or float_is_nan(b, frac):
        return float_any_signaling(a, b, frac)
    return 1 if float_order(a, frac) == float_order(b, frac) else 0

def float_lt(a, b, frac):
    if float_is_nan(a, frac) or float_is_nan(b, frac):
        float_raise(INVALID)
        return 0
    return 1 if lts(float_order(a, frac), float_order(b, frac)) else 0

def float_le(a, b, frac):
    if float_is_nan(a, frac) or float_is_nan(b, frac):
        float_raise(INVALID)
        return 0
    return 1 if ges(float_order(b, frac), float_order(a, frac)) else 0

def float_min(a, b, frac):
    float_any_signaling(a, b, frac)
    if float_is_nan(a, frac):
        return float_nan(frac) if float_is_nan(b, frac) else b
    if float_is_nan(b, frac):
        return a
    if float_order(a, frac) == float_order(b, frac):
        return a | b
    return a if lts(float_order(a, frac), float_order(b, frac)) else b

def float_max(a, b, frac):
    float_any_signaling(a, b, frac)
    if float_is_nan(a, frac):
        return float_nan(frac) if float_is_nan(b, frac) else b
    if float_is_nan(b, frac):
        return a
    if float_order(a, frac) == float_order(b, frac):
        return a & b
    return b if lts(float_order(a, frac), float_order(b, frac)) else a

def float_class(a, frac):
    if float_is_nan(a, frac):
        return 256 if float_is_signaling(a, frac) else 512
    place = 2
    magnitude = a & float_sign(frac) - 1
    if magnitude == float_infinity(frac):
        place = 0
    elif magnitude & float_infinity(frac):
        place = 1
    elif magnitude == 0:
        place = 3
    return 1 << (place if a & float_sign(frac) else 7 - place)
"""

CONVERSION: Final = """
def float_to(a, mode, frac, lowest, highest):
    # Round to an integer; `lowest` and `highest` are as large as the result may be, by sign.
    infinity = float_infinity(frac)
    magnitude = a & float_sign(frac) - 1
    if magnitude == 0:
        return 0
    sign = 1 if a & float_sign(frac) else 0
    if magnitude > infinity:
        sign = 0
    value = 0
    rest = 1
    is_wrong = 1
    exponent = float_exponent(a, frac)
    if magnitude < infinity and lts(exponent, 64):
        is_wrong = 0
        significand = float_significand(a, frac)
        if exponent == 63:
            value = significand
            rest = 0
        elif ges(exponent, 0):
            value = significand >> 63 - exponent
            rest = significand << exponent + 1
        elif exponent == ~0:
            rest = significand
        # A tie is even already if the value is; `rest` is a fraction of 64 bits.
        grows = 0
        if mode == MODE_NEAREST_EVEN:
            if rest > TOP or (rest == TOP and value & 1):
                grows = 1
        elif mode == MODE_NEAREST_AWAY:
            grows = rest >> 63
        elif rest and mode == (MODE_DOWN if sign else MODE_UP):
            grows = 1
        value += grows
        if (grows and value == 0) or value > (lowest if sign else highest):
            is_wrong = 1
    if is_wrong:
        float_raise(INVALID)
        return 0 - lowest if sign else highest
    if rest:
        float_raise(INEXACT)
    return 0 - value if sign else value

def float_to_w(a, mode, frac):
    return sext32(float_to(a, mode, frac, 1 << 31, (1 << 31) - 1))

def float_to_wu(a, mode, frac):
    return sext32(float_to(a, mode, frac, 0, (1 << 32) - 1))

def float_to_l(a, mode, frac):
    return float_to(a, mode, frac, TOP, TOP - 1)

def float_to_lu(a, mode, frac):
    return float_to(a, mode, frac, 0, ~0)

def float_from(sign, magnitude, mode, frac):
    if magnitude == 0:
        return 0
    places = clz(magnitude)
    return float_round(sign, 63 - places, magnitude << places, mode, frac)

def float_from_l(a, mode, frac):
    return float_from(a >> 63, 0 - a if a >> 63 else a, mode, frac)

def float_from_lu(a, mode, frac):
    return float_from(0, a, mode, frac)

def float_from_w(a, mode, frac):
    return float_from_l(sext32(a), mode, frac)

def float_from_wu(a, mode, frac):
    return float_from(0, zext32(a), mode, frac)

def float_convert(a, mode, source, frac):
    # Round a number to another format.
    if float_is_nan(a, source):
        if float_is_signaling(a, source):
            float_raise(INVALID)
        return float_nan(frac)
    placed = float_sign(frac) if a & float_sign(source) else 0
    magnitude = a & float_sign(source) - 1
    if magnitude == float_infinity(source):
        return float_infinity(frac) | placed
    if magnitude == 0:
        return placed
    sign = 1 if placed else 0
    return float_round(
        sign, float_exponent(a, source), float_significand(a, source), mode, frac
    )

def float_s_to(a, mode, frac):
    return float_convert(a, mode, 23, frac)

def float_d_to(a, mode, frac):
    return float_convert(a, mode, 52, frac)
"""
