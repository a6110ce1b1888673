"""The second target of the semantics: expressions as LLVM IR.

Every value is an i64 and wraps by itself, so there is nothing to track: compare with
`isa/python_source.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Final

from nexus.emulator.native.ir import Function

Bindings = Mapping[str, str]

_COMPARE: Final = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "ult", ast.GtE: "uge"}
_BINARY: Final = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.LShift: "shl",
    ast.RShift: "lshr",
}
_SIGNED_COMPARE: Final = {"lts": "slt", "ges": "sge"}


def condition(function: Function, node: ast.expr, names: Bindings) -> str:
    """Compile a truth value to an i1."""
    if isinstance(node, ast.Compare):
        left = expression(function, node.left, names)
        right = expression(function, node.comparators[0], names)
        return function.compare(_COMPARE[type(node.ops[0])], left, right)
    name, arguments = _call(node)
    left, right = (expression(function, a, names) for a in arguments)
    return function.compare(_SIGNED_COMPARE[name], left, right)


def expression(function: Function, node: ast.expr, names: Bindings) -> str:
    """Compile a word to an i64."""
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.UnaryOp):
        return f"-{expression(function, node.operand, names)}"
    if isinstance(node, ast.IfExp):
        chosen = condition(function, node.test, names)
        yes = expression(function, node.body, names)
        no = expression(function, node.orelse, names)
        return function.value(f"select i1 {chosen}, i64 {yes}, i64 {no}")
    if isinstance(node, ast.BinOp):
        left = expression(function, node.left, names)
        right = expression(function, node.right, names)
        return function.op(_BINARY[type(node.op)], left, right)
    name, arguments = _call(node)
    if name == "bit":
        return function.value(f"zext i1 {condition(function, arguments[0], names)} to i64")
    return FUNCTIONS[name](function, *(expression(function, a, names) for a in arguments))


def _call(node: ast.expr) -> tuple[str, list[ast.expr]]:
    assert isinstance(node, ast.Call), ast.dump(node)
    assert isinstance(node.func, ast.Name), ast.dump(node)
    return node.func.id, node.args


def sext32(function: Function, a: str) -> str:
    """Sign-extend the low half."""
    return function.value(f"sext i32 {function.value(f'trunc i64 {a} to i32')} to i64")


def _zext32(function: Function, a: str) -> str:
    return function.op("and", a, 0xFFFF_FFFF)


def _high(first: str, second: str) -> Callable[[Function, str, str], str]:
    """The upper half of a product; the operands are extended as told."""

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
}
