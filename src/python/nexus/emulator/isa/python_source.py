"""The first target of the semantics: expressions as Python source.

Python's integers are unbounded, so the compiler tracks which sub-expressions may have left the
64-bit range and masks only where it matters: before a comparison, a right shift, an address or a
register.  The source refers to these names, which the reference engine provides:

    M  2**64 - 1      S  2**63      divs, divu, rems, remu  with RISC-V's results for zero

Rules of this file: no state; text in, text out.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

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

_COMPARE: Final = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.GtE: ">="}


def condition(node: ast.expr, names: Bindings) -> str:
    """Compile a truth value."""
    if isinstance(node, ast.Compare):
        operator = _COMPARE[type(node.ops[0])]
        left = expression(node.left, names).word()
        return f"{left} {operator} {expression(node.comparators[0], names).word()}"
    name, arguments = _call(node)
    left_value, right = (expression(a, names) for a in arguments)
    below = name == "lts"
    assert below or name == "ges", name
    if right.is_constant and right.addend == 0:  # A test of the sign bit.
        return f"{left_value.word()} {'>=' if below else '<'} S"
    return f"{left_value.biased()} {'<' if below else '>='} {right.biased()}"


def expression(node: ast.expr, names: Bindings) -> Value:
    """Compile a word."""
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int)
        return Value("", node.value)
    if isinstance(node, ast.UnaryOp):
        inner = expression(node.operand, names)
        assert inner.is_constant
        assert isinstance(node.op, ast.USub)
        return Value("", -inner.addend)
    if isinstance(node, ast.IfExp):
        yes, no = expression(node.body, names), expression(node.orelse, names)
        return Value(f"({yes.word()} if {condition(node.test, names)} else {no.word()})", 0, True)
    if isinstance(node, ast.BinOp):
        left, right = expression(node.left, names), expression(node.right, names)
        return _binary(node.op, left, right)
    name, arguments = _call(node)
    if name == "bit":
        return Value(f"(1 if {condition(arguments[0], names)} else 0)", 0, True)
    return _FUNCTIONS[name](*(expression(a, names) for a in arguments))


def _call(node: ast.expr) -> tuple[str, list[ast.expr]]:
    assert isinstance(node, ast.Call), ast.dump(node)
    assert isinstance(node.func, ast.Name), ast.dump(node)
    return node.func.id, node.args


def _binary(operator: ast.operator, left: Value, right: Value) -> Value:
    if isinstance(operator, ast.Add):
        return _add(left, right)
    if isinstance(operator, ast.Sub):
        if right.is_constant:
            return _add(left, Value("", -right.addend))
        return Value(f"({left.any()} - {right.any()})")
    if isinstance(operator, ast.Mult):
        return Value(f"({left.any()} * {right.any()})")
    if isinstance(operator, ast.LShift):
        return Value(f"({left.any()} << {right.word()})")
    if isinstance(operator, ast.RShift):
        return Value(f"({left.word()} >> {right.word()})", 0, True)
    return _bitwise(operator, left, right)


def _add(left: Value, right: Value) -> Value:
    if left.is_constant:
        left, right = right, left
    if right.is_constant:
        if left.is_constant:
            return Value("", left.addend + right.addend)
        return Value(left.text, left.addend + right.addend, left.exact)
    return Value(f"({left.any()} + {right.any()})")


_BITWISE: Final = {ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^"}


def _bitwise(operator: ast.operator, left: Value, right: Value) -> Value:
    symbol = _BITWISE[type(operator)]
    if symbol == "&":
        # One operand in range brings the result into range, whatever the other one is.
        if right.is_constant and right.addend >= 0:
            return Value(f"({left.any()} & {right.addend})", 0, True)
        return Value(f"({left.word()} & {right.any()})", 0, True)
    return Value(f"({left.word()} {symbol} {right.word()})", 0, True)


def _sext32(a: Value) -> Value:
    if a.is_constant:
        return Value("", ((a.addend & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000)
    # Small positive numbers, the common case, cost one comparison.
    low = f"(t := {a.any()} & 0xffffffff)"
    return Value(f"(t if {low} < 0x80000000 else t + 0xffffffff00000000)", 0, True)


def _zext32(a: Value) -> Value:
    return Value(f"({a.any()} & 0xffffffff)", 0, True)


_FUNCTIONS: Final[Mapping[str, Callable[..., Value]]] = {
    "sext32": _sext32,
    "zext32": _zext32,
    "sra": lambda a, n: Value(f"({a.signed()} >> {n.word()})"),
    "mulh": lambda a, b: Value(f"({a.signed()} * {b.signed()} >> 64)"),
    "mulhsu": lambda a, b: Value(f"({a.signed()} * {b.word()} >> 64)"),
    "mulhu": lambda a, b: Value(f"({a.word()} * {b.word()} >> 64)", 0, True),
    "divs": lambda a, b: Value(f"divs({a.word()}, {b.word()})"),
    "divu": lambda a, b: Value(f"divu({a.word()}, {b.word()})", 0, True),
    "rems": lambda a, b: Value(f"rems({a.word()}, {b.word()})"),
    "remu": lambda a, b: Value(f"remu({a.word()}, {b.word()})", 0, True),
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


NAMESPACE: Final = {
    "M": M64,
    "S": SIGN,
    "divs": divs,
    "divu": divu,
    "rems": rems,
    "remu": remu,
}
