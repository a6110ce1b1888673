"""The second target of the semantics: expressions as LLVM IR.

Every value is an i64 and wraps by itself, so there is nothing to track: compare with
`isa/python_source.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, assert_never

from nexus.emulator.isa.statement import (
    Binary,
    Call,
    Choice,
    Condition,
    Constant,
    Expression,
    Name,
    Operator,
    Relation,
    Truth,
)
from nexus.emulator.native.ir import Function

Bindings = Mapping[str, str]

_RELATIONS: Final = {
    Relation.EQUAL: "eq",
    Relation.NOT_EQUAL: "ne",
    Relation.BELOW: "ult",
    Relation.NOT_BELOW: "uge",
    Relation.LESS_SIGNED: "slt",
    Relation.NOT_LESS_SIGNED: "sge",
}
_OPERATORS: Final = {
    Operator.ADD: "add",
    Operator.SUBTRACT: "sub",
    Operator.MULTIPLY: "mul",
    Operator.AND: "and",
    Operator.OR: "or",
    Operator.XOR: "xor",
    Operator.SHIFT_LEFT: "shl",
    Operator.SHIFT_RIGHT: "lshr",
}


def condition(function: Function, test: Condition, names: Bindings) -> str:
    """Compile a truth value to an i1."""
    left = expression(function, test.left, names)
    right = expression(function, test.right, names)
    return function.compare(_RELATIONS[test.relation], left, right)


def expression(function: Function, it: Expression, names: Bindings) -> str:
    """Compile a word to an i64."""
    match it:
        case Name(name):
            return names[name]
        case Constant(value):
            return str(value)
        case Choice(test, yes, no):
            chosen = condition(function, test, names)
            texts = [expression(function, either, names) for either in (yes, no)]
            return function.value(f"select i1 {chosen}, i64 {texts[0]}, i64 {texts[1]}")
        case Truth(test):
            return function.value(f"zext i1 {condition(function, test, names)} to i64")
        case Binary(operator, left, right):
            operands = [expression(function, side, names) for side in (left, right)]
            return function.op(_OPERATORS[operator], *operands)
        case Call(named, arguments):
            return FUNCTIONS[named](function, *(expression(function, a, names) for a in arguments))
        case _:
            assert_never(it)


def sext32(function: Function, a: str) -> str:
    """Sign-extend the low half."""
    return function.value(f"sext i32 {function.value(f'trunc i64 {a} to i32')} to i64")


def _zext32(function: Function, a: str) -> str:
    return function.op("and", a, 0xFFFF_FFFF)


def _high(first: str, second: str) -> Callable[[Function, str, str], str]:
    """The upper half of a product; the operands are extended as asked."""

    def multiply(function: Function, a: str, b: str) -> str:
        wide_a = function.value(f"{first} i64 {a} to i128")
        wide_b = function.value(f"{second} i64 {b} to i128")
        product = function.op("mul", wide_a, wide_b, "i128")
        return function.value(f"trunc i128 {function.op('lshr', product, 64, 'i128')} to i64")

    return multiply


def _divide(operation: str) -> Callable[[Function, str, str], str]:
    """Division with RISC-V's results where the processor would trap."""
    is_signed = operation.startswith("s")
    is_quotient = operation.endswith("div")

    def divide(function: Function, a: str, b: str) -> str:
        by_zero = function.compare("eq", b, 0)
        unsafe = by_zero
        if is_signed:
            lowest = function.compare("eq", a, -(1 << 63))
            minus_one = function.compare("eq", b, -1)
            overflow = function.op("and", lowest, minus_one, "i1")
            unsafe = function.op("or", by_zero, overflow, "i1")
        # Dividing by one gives the right answer for overflow: the dividend, remainder zero.
        divisor = function.value(f"select i1 {unsafe}, i64 1, i64 {b}")
        result = function.op(operation, a, divisor)
        special = "-1" if is_quotient else a
        return function.value(f"select i1 {by_zero}, i64 {special}, i64 {result}")

    return divide


def _orcb(function: Function, a: str) -> str:
    """Each byte that is not zero becomes 255: its bits gathered in its lowest, then multiplied."""
    for distance, mask in ((4, 0x0F), (2, 0x03), (1, 0x01)):
        moved = function.op("lshr", a, distance)
        a = function.op("or", a, function.op("and", moved, mask * _EACH_BYTE))
    return function.op("mul", function.op("and", a, _EACH_BYTE), 255)


_EACH_BYTE: Final = 0x0101_0101_0101_0101
# As LLVM writes a word whose high half is all ones.
_BOXED: Final = -(1 << 32)
_NAN: Final = 0x7FC0_0000


def _unbox(function: Function, a: str) -> str:
    """The low half of a boxed word, else a NaN."""
    is_boxed = function.compare("uge", a, _BOXED)
    low = function.op("and", a, 0xFFFF_FFFF)
    return function.value(f"select i1 {is_boxed}, i64 {low}, i64 {_NAN}")


FUNCTIONS: Final[Mapping[str, Callable[..., str]]] = {
    "sext32": sext32,
    "zext32": _zext32,
    "sra": lambda function, a, n: function.op("ashr", a, n),
    "mulh": _high("sext", "sext"),
    "mulhsu": _high("sext", "zext"),
    "mulhu": _high("zext", "zext"),
    "divs": _divide("sdiv"),
    "divu": _divide("udiv"),
    "rems": _divide("srem"),
    "remu": _divide("urem"),
    "clz": lambda function, a: function.value(f"call i64 @llvm.ctlz.i64(i64 {a}, i1 false)"),
    "ctz": lambda function, a: function.value(f"call i64 @llvm.cttz.i64(i64 {a}, i1 false)"),
    "cpop": lambda function, a: function.value(f"call i64 @llvm.ctpop.i64(i64 {a})"),
    "rev8": lambda function, a: function.value(f"call i64 @llvm.bswap.i64(i64 {a})"),
    "orcb": _orcb,
    "box": lambda function, a: function.op("or", a, _BOXED),
    "unbox": _unbox,
}
