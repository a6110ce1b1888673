"""Floating-point arithmetic in integers, as generated code: what the host's unit may not decide.

The rules are those of `reference/arithmetic.py`.  A format is given by the bits of its fraction: 52
or 23; everything else follows.  Numbers are not boxed here.  A finite number that is not zero has
a *significand* of 64 bits whose highest is set, and the *exponent* of that bit; bits that are lost
on the way are remembered in the lowest one, which is far below any that rounding looks at.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.native.constants import CONSTANTS
from nexus.emulator.native.float_values import COMPARISON, CONVERSION, DIVISION
from nexus.emulator.native.routine import routines
from nexus.emulator.reference import ieee

_CONSTANTS: Final = {
    **CONSTANTS,
    **{f"MODE_{mode.name}": int(mode) for mode in ieee.Rounding},
    **{
        name: getattr(ieee, name)
        for name in ("INEXACT", "UNDERFLOW", "OVERFLOW", "DIVIDE_BY_ZERO", "INVALID")
    },
    "TOP": 1 << 63,
}

_PARTS: Final = """
def float_sign(frac):
    return 1 << 63 if frac == 52 else 1 << 31

def float_infinity(frac):
    return 0x7ff << 52 if frac == 52 else 0xff << 23

def float_nan(frac):
    return 0xfff << 51 if frac == 52 else 0x1ff << 22

def float_bias(frac):
    return 1023 if frac == 52 else 127

def float_is_nan(a, frac):
    return 1 if (a & float_sign(frac) - 1) > float_infinity(frac) else 0

def float_is_signaling(a, frac):
    return float_is_nan(a, frac) & (a >> frac - 1 ^ 1) & 1

def float_significand(a, frac):
    fraction = a & (1 << frac) - 1
    if a & float_infinity(frac):
        fraction |= 1 << frac
    return fraction << clz(fraction)

def float_exponent(a, frac):
    biased = (a & float_infinity(frac)) >> frac
    if biased:
        return biased - float_bias(frac)
    return 1 - float_bias(frac) + 63 - frac - clz(a & (1 << frac) - 1)

def float_raise(flags):
    state[FCSR] |= flags
    return 0

def float_invalid(frac):
    float_raise(INVALID)
    return float_nan(frac)
"""

_ROUNDING: Final = """
def float_grows(sign, rest, half, mode):
    # Rounding adds this to the bits below the last place; a tie is made even afterwards.
    if mode == MODE_NEAREST_EVEN or mode == MODE_NEAREST_AWAY:
        return half
    if rest and mode == (MODE_DOWN if sign else MODE_UP):
        return half + half - 1
    return 0

def float_round(sign, exponent, significand, mode, frac):
    drop = 63 - frac
    half = 1 << drop - 1
    lowest = 1 - float_bias(frac)
    flags = 0
    is_subnormal = 1 if lts(exponent, lowest) else 0
    if is_subnormal:
        distance = lowest - exponent
        flags = UNDERFLOW
        if distance == 1:
            # Tiny is what is below the normal numbers even if exponents had no end.
            rest = significand & half + half - 1
            if significand + float_grows(sign, rest, half, mode) < significand:
                flags = 0
        if distance > 63:
            significand = 1
        else:
            lost = significand << 64 - distance
            significand = significand >> distance | (1 if lost else 0)
    rest = significand & half + half - 1
    total = significand + float_grows(sign, rest, half, mode)
    if not is_subnormal and total < significand:
        total = TOP
        exponent += 1
    kept = total >> drop
    if rest == half and mode == MODE_NEAREST_EVEN:
        kept = kept & ~1
    if rest:
        float_raise(flags | INEXACT)
    placed = sign << (63 if frac == 52 else 31)
    if is_subnormal:
        return placed | kept
    if ges(exponent, float_bias(frac) + 1):
        float_raise(OVERFLOW | INEXACT)
        if mode == MODE_TOWARDS_ZERO or mode == (MODE_UP if sign else MODE_DOWN):
            return placed | float_infinity(frac) - 1
        return placed | float_infinity(frac)
    return placed | (exponent + float_bias(frac) << frac) + kept - (1 << frac)
"""

# Two words of significand here, `high` and `low`; x is the larger of both terms.
_FUSED: Final = """
def float_fused(a, b, c, mode, frac):
    mask = float_sign(frac) - 1
    infinity = float_infinity(frac)
    sign = 1 if (a ^ b) & float_sign(frac) else 0
    c_sign = 1 if c & float_sign(frac) else 0
    high_a = a & mask
    high_b = b & mask
    high_c = c & mask
    is_wrong = 0
    if (high_a == infinity and high_b == 0) or (high_b == infinity and high_a == 0):
        is_wrong = 1
    if high_a > infinity or high_b > infinity or high_c > infinity:
        signaling = float_is_signaling(a, frac) | float_is_signaling(b, frac)
        if signaling or float_is_signaling(c, frac) or is_wrong:
            float_raise(INVALID)
        return float_nan(frac)
    if high_a == infinity or high_b == infinity:
        if is_wrong or (high_c == infinity and c_sign != sign):
            return float_invalid(frac)
        return infinity | (a ^ b) & float_sign(frac)
    if high_c == infinity:
        return c
    if high_a == 0 or high_b == 0:
        if high_c or sign == c_sign:
            return c
        return float_sign(frac) if mode == MODE_DOWN else 0
    x_high = float_significand(a, frac)
    x_low = float_significand(b, frac)
    exponent = float_exponent(a, frac) + float_exponent(b, frac) + 1
    high = mulhu(x_high, x_low)
    x_low = x_high * x_low
    x_high = high
    if x_high < TOP:
        x_high = x_high << 1 | x_low >> 63
        x_low = x_low << 1
        exponent -= 1
    if high_c == 0:
        return float_round(sign, exponent, x_high | (1 if x_low else 0), mode, frac)
    y_high = float_significand(c, frac)
    y_low = 0
    other = float_exponent(c, frac)
    is_less = 1 if lts(exponent, other) else 0
    if exponent == other and x_high < y_high:
        is_less = 1
    x_sign = sign
    if is_less:
        swap = x_high
        x_high = y_high
        y_high = swap
        y_low = x_low
        x_low = 0
        swap = exponent
        exponent = other
        other = swap
        x_sign = c_sign
    distance = exponent - other
    if distance > 127:
        y_high = 0
        y_low = 1
    elif distance > 63:
        lost = y_low
        if distance > 64:
            lost |= y_high << 128 - distance
        y_low = y_high >> distance - 64 | (1 if lost else 0)
        y_high = 0
    elif distance:
        lost = y_low << 64 - distance
        y_low = y_low >> distance | y_high << 64 - distance | (1 if lost else 0)
        y_high = y_high >> distance
    if sign == c_sign:
        low = x_low + y_low
        carry = 1 if low < x_low else 0
        high = x_high + y_high
        over = 1 if high < x_high else 0
        high += carry
        if carry and high == 0:
            over = 1
        if over:
            low = low >> 1 | high << 63 | low & 1
            high = high >> 1 | TOP
            exponent += 1
    else:
        low = x_low - y_low
        high = x_high - y_high - (1 if x_low < y_low else 0)
        if high == 0 and low == 0:
            return float_sign(frac) if mode == MODE_DOWN else 0
        if high == 0:
            high = low
            low = 0
            exponent -= 64
        places = clz(high)
        if places:
            high = high << places | low >> 64 - places
            low = low << places
            exponent -= places
    return float_round(x_sign, exponent, high | (1 if low else 0), mode, frac)

def float_add(a, b, mode, frac):
    return float_fused(a, float_bias(frac) << frac, b, mode, frac)

def float_sub(a, b, mode, frac):
    if not float_is_nan(b, frac):
        b = b ^ float_sign(frac)
    return float_add(a, b, mode, frac)

def float_mul(a, b, mode, frac):
    return float_fused(a, b, (a ^ b) & float_sign(frac), mode, frac)

def float_madd(a, b, c, mode, frac):
    return float_fused(a, b, c, mode, frac)

def float_msub(a, b, c, mode, frac):
    return float_fused(a, b, c ^ float_sign(frac), mode, frac)

def float_nmsub(a, b, c, mode, frac):
    return float_fused(a ^ float_sign(frac), b, c, mode, frac)

def float_nmadd(a, b, c, mode, frac):
    return float_fused(a ^ float_sign(frac), b, c ^ float_sign(frac), mode, frac)
"""


def float_routines() -> list[str]:
    """Everything in this file, and what it is used for in `float_values`."""
    text = _PARTS + _ROUNDING + _FUSED + DIVISION + COMPARISON + CONVERSION
    return routines(text, _CONSTANTS)
