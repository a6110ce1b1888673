"""Floating-point arithmetic in integers, as generated code: what the host's unit may not decide.

The rules are those of `reference/arithmetic.py`.  A format is given by the bits of its fraction: 52
or 23; everything else follows.  Numbers are not boxed here.  A finite number that is not zero has
a *significand* of 64 bits whose highest is set, and the *exponent* of that bit; bits that are lost
on the way are remembered in the lowest one, which is far below any that rounding looks at.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.native.constants import CONSTANTS
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
    # What rounding adds to the bits below the last place; a tie is made even afterwards.
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

_DIVISION: Final = """
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

_COMPARISON: Final = """
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

_CONVERSION: Final = """
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


def float_routines() -> list[str]:
    """Everything in this file."""
    text = _PARTS + _ROUNDING + _FUSED + _DIVISION + _COMPARISON + _CONVERSION
    return routines(text, _CONSTANTS)
