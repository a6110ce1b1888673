"""The first target of the semantics: expressions as Python source.

Python's integers are unbounded, so the compiler tracks which sub-expressions may have left the
64-bit range and masks only where it matters: before a comparison, a right shift, an address or a
register.  The source refers to these names, which the reference engine provides:

    M  2**64 - 1      S  2**63      divs, divu, rems, remu  with RISC-V's results for zero
    ctz, rev8, orcb, unbox          what Python has no short form for

Rules of this file: no state; text in, text out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from nexus.emulator.isa.statement import (
    Binary,
    Call,
    Choice,
    Condition,
    Constant,
    Expression,
    Function,
    Name,
    Operator,
    Relation,
    Truth,
)

M64: Final = (1 << 64) - 1
SIGN: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class Value:
    """Source text of `text + addend`; `exact` if it is known to lie in 0..2**64-1.

    An empty text is the constant `addend`.
    """

    text: str
    addend: int = 0
    exact: bool = False

    @property
    def is_constant(self) -> bool:
        return not self.text

    def any(self) -> str:
        """Text that is right modulo 2**64."""
        if not self.text:
            return str(self.addend) if self.addend >= 0 else f"({self.addend})"
        if not self.addend:
            return self.text
        sign = "+" if self.addend > 0 else "-"
        return f"({self.text} {sign} {abs(self.addend)})"

    def word(self) -> str:
        """Text whose value is the 64-bit word itself."""
        if not self.text:
            return str(self.addend & M64)
        if self.exact and not self.addend:
            return self.text
        return f"({self.any()} & M)"

    def signed(self) -> str:
        """Text of the two's complement value."""
        if not self.text:
            return f"({((self.addend & M64) ^ SIGN) - SIGN})"
        return f"(({self.word()} ^ S) - S)"

    def biased(self) -> str:
        """Text whose unsigned order is the signed order of the value."""
        if not self.text:
            return str((self.addend & M64) ^ SIGN)
        return f"({self.word()} ^ S)"


Bindings = Mapping[str, Value]

_RELATIONS: Final = {
    Relation.EQUAL: "==",
    Relation.NOT_EQUAL: "!=",
    Relation.BELOW: "<",
    Relation.NOT_BELOW: ">=",
}


def condition(test: Condition, names: Bindings) -> str:
    """Compile a truth value."""
    left, right = expression(test.left, names), expression(test.right, names)
    match test.relation:
        case Relation.LESS_SIGNED | Relation.NOT_LESS_SIGNED as relation:
            below = relation is Relation.LESS_SIGNED
            if right.is_constant and right.addend == 0:  # A test of the sign bit.
                return f"{left.word()} {'>=' if below else '<'} S"
            return f"{left.biased()} {'<' if below else '>='} {right.biased()}"
        case relation:
            return f"{left.word()} {_RELATIONS[relation]} {right.word()}"


def expression(it: Expression, names: Bindings) -> Value:
    """Compile a word."""
    match it:
        case Name(name):
            return names[name]
        case Constant(value):
            return Value("", value)
        case Choice(test, yes, no):
            texts = [expression(chosen, names).word() for chosen in (yes, no)]
            return Value(f"({texts[0]} if {condition(test, names)} else {texts[1]})", 0, True)
        case Truth(test):
            return Value(f"(1 if {condition(test, names)} else 0)", 0, True)
        case Binary(operator, left, right):
            return _binary(operator, expression(left, names), expression(right, names))
        case Call(function, arguments):
            return FUNCTIONS[function](*(expression(a, names) for a in arguments))
        case _:
            assert_never(it)


def _binary(operator: Operator, left: Value, right: Value) -> Value:
    match operator:
        case Operator.ADD:
            return _add(left, right)
        case Operator.SUBTRACT:
            if right.is_constant:
                return _add(left, Value("", -right.addend))
            return Value(f"({left.any()} - {right.any()})")
        case Operator.MULTIPLY:
            return Value(f"({left.any()} * {right.any()})")
        case Operator.SHIFT_LEFT:
            return Value(f"({left.any()} << {right.word()})")
        case Operator.SHIFT_RIGHT:
            return Value(f"({left.word()} >> {right.word()})", 0, True)
        case Operator.AND:
            # One operand in range brings the result into range, whatever the other one is.
            if right.is_constant and right.addend >= 0:
                return Value(f"({left.any()} & {right.addend})", 0, True)
            return Value(f"({left.word()} & {right.any()})", 0, True)
        case Operator.OR | Operator.XOR:
            return Value(f"({left.word()} {operator} {right.word()})", 0, True)
        case _:
            assert_never(operator)


def _add(left: Value, right: Value) -> Value:
    if left.is_constant:
        left, right = right, left
    if right.is_constant:
        if left.is_constant:
            return Value("", left.addend + right.addend)
        return Value(left.text, left.addend + right.addend, left.exact)
    return Value(f"({left.any()} + {right.any()})")


def _sext32(a: Value) -> Value:
    if a.is_constant:
        return Value("", ((a.addend & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000)
    # Small positive numbers, the common case, cost one comparison.
    low = f"(t := {a.any()} & 0xffffffff)"
    return Value(f"(t if {low} < 0x80000000 else t + 0xffffffff00000000)", 0, True)


def _zext32(a: Value) -> Value:
    return Value(f"({a.any()} & 0xffffffff)", 0, True)


FUNCTIONS: Final[Mapping[Function, Callable[..., Value]]] = {
    Function.SEXT32: _sext32,
    Function.ZEXT32: _zext32,
    Function.SRA: lambda a, n: Value(f"({a.signed()} >> {n.word()})"),
    Function.MULH: lambda a, b: Value(f"({a.signed()} * {b.signed()} >> 64)"),
    Function.MULHSU: lambda a, b: Value(f"({a.signed()} * {b.word()} >> 64)"),
    Function.MULHU: lambda a, b: Value(f"({a.word()} * {b.word()} >> 64)", 0, True),
    Function.DIVS: lambda a, b: Value(f"divs({a.word()}, {b.word()})"),
    Function.DIVU: lambda a, b: Value(f"divu({a.word()}, {b.word()})", 0, True),
    Function.REMS: lambda a, b: Value(f"rems({a.word()}, {b.word()})"),
    Function.REMU: lambda a, b: Value(f"remu({a.word()}, {b.word()})", 0, True),
    Function.CLZ: lambda a: Value(f"(64 - ({a.word()}).bit_length())", 0, True),
    Function.CTZ: lambda a: Value(f"ctz({a.word()})", 0, True),
    Function.CPOP: lambda a: Value(f"({a.word()}).bit_count()", 0, True),
    Function.REV8: lambda a: Value(f"rev8({a.word()})", 0, True),
    Function.ORCB: lambda a: Value(f"orcb({a.word()})", 0, True),
    Function.BOX: lambda a: Value(f"({a.word()} | 0xffffffff00000000)", 0, True),
    Function.UNBOX: lambda a: Value(f"unbox({a.word()})", 0, True),
}


def divs(a: int, b: int) -> int:
    """Signed division, rounding towards zero; by zero gives -1, overflow gives the dividend."""
    if b == 0:
        return M64
    a, b = (a ^ SIGN) - SIGN, (b ^ SIGN) - SIGN
    quotient = abs(a) // abs(b)
    return -quotient if (a < 0) != (b < 0) else quotient


def rems(a: int, b: int) -> int:
    """Signed remainder with the sign of the dividend; by zero gives the dividend."""
    if b == 0:
        return a
    a, b = (a ^ SIGN) - SIGN, (b ^ SIGN) - SIGN
    remainder = abs(a) % abs(b)
    return -remainder if a < 0 else remainder


def divu(a: int, b: int) -> int:
    """Unsigned division; by zero gives all ones."""
    return a // b if b else M64


def remu(a: int, b: int) -> int:
    """Unsigned remainder; by zero gives the dividend."""
    return a % b if b else a


def ctz(a: int) -> int:
    """Trailing zeros, 64 for zero."""
    return (a & -a).bit_length() - 1 if a else 64


def rev8(a: int) -> int:
    """The bytes in the opposite order."""
    return int.from_bytes(a.to_bytes(8, "little"), "big")


def orcb(a: int) -> int:
    """Each byte that is not zero becomes 255."""
    return int.from_bytes(bytes(255 if byte else 0 for byte in a.to_bytes(8, "little")), "little")


def unbox(a: int) -> int:
    """The number of single precision that a register holds; what is not boxed is a NaN."""
    return a & 0xFFFF_FFFF if a >> 32 == 0xFFFF_FFFF else 0x7FC0_0000


NAMESPACE: Final = {
    "M": M64,
    "S": SIGN,
    "divs": divs,
    "divu": divu,
    "rems": rems,
    "remu": remu,
    "ctz": ctz,
    "rev8": rev8,
    "orcb": orcb,
    "unbox": unbox,
}
