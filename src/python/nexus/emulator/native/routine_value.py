"""The expressions of routines (see `routine.py`), compiled into LLVM IR."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

from nexus.emulator.native.expression import FUNCTIONS
from nexus.emulator.native.ir import LIKELY, UNLIKELY, Function, Handler

_COMPARE: Final = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "ult",
    ast.LtE: "ule",
    ast.Gt: "ugt",
    ast.GtE: "uge",
}
_SIGNED: Final = {"lts": "slt", "ges": "sge"}
BINARY: Final = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.FloorDiv: "udiv",
    ast.Mod: "urem",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.LShift: "shl",
    ast.RShift: "lshr",
}
_MEMORY: Final = {"u8": "i8", "u16": "i16", "u32": "i32", "u64": "i64"}
_HINTS: Final = {"likely": LIKELY, "unlikely": UNLIKELY}

Constants = Mapping[str, int]


class RoutineError(ValueError):
    """A routine is not in the language: our own mistake, found when the engine is generated."""


def unknown(what: str, node: ast.AST) -> RoutineError:
    """Quote a part that is not in the language; `routine.py` adds the name of the routine."""
    return RoutineError(f"{ast.unparse(node)!r} is unknown; expected a form of {what}")


class Values:
    """Compiles conditions and values into `function`."""

    def __init__(self, function: Function, constants: Constants) -> None:
        self._f = function
        self._constants = constants
        self._variables: dict[str, None] = {}

    # -- Conditions ------------------------------------------------------------------------------

    def _test(self, node: ast.expr, yes: str, no: str, hint: str = "") -> None:
        match node:
            case ast.BoolOp(op=op, values=values):
                for value in values[:-1]:
                    following = self._f.name()
                    if isinstance(op, ast.And):
                        self._test(value, following, no)
                    else:
                        self._test(value, yes, following)
                    self._f.label(following)
                self._test(values[-1], yes, no)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self._test(operand, no, yes)
            case ast.Call(func=ast.Name(id=name), args=[inner]) if name in _HINTS:
                self._test(inner, yes, no, _HINTS[name])
            case _:
                self._f.branch(self._truth(node), yes, no, hint)

    def _truth(self, node: ast.expr) -> str:
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
                return self._f.compare(_COMPARE[type(op)], self._value(left), self._value(right))
            case ast.Call(func=ast.Name(id=name), args=[left, right]) if name in _SIGNED:
                return self._f.compare(_SIGNED[name], self._value(left), self._value(right))
        return self._f.compare("ne", self._value(node), 0)

    # -- Values ----------------------------------------------------------------------------------

    def _value(self, node: ast.expr) -> str:
        match node:
            case ast.Name(id=name) if name in self._variables:
                return self._load(name)
            case ast.Name(id=name) if name in self._constants:
                return str(_signed(self._constants[name]))
            case ast.Name(id=name):
                raise RoutineError(f"{name!r} is neither a variable of it nor a constant")
            case ast.Constant(value=int(value)):
                return str(_signed(value))
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                return self._f.op("xor", self._value(operand), -1)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._f.op("sub", 0, self._value(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
                return self._f.op(BINARY[type(op)], self._value(left), self._value(right))
            case ast.IfExp(test=test, body=body, orelse=other):
                chosen, yes, no = self._truth(test), self._value(body), self._value(other)
                return self._f.value(f"select i1 {chosen}, i64 {yes}, i64 {no}")
            case ast.Compare(ops=[op]) if type(op) in _COMPARE:
                return self._f.value(f"zext i1 {self._truth(node)} to i64")
            case ast.Subscript():
                kind, address = self._place(node)
                loaded = self._f.load(kind, address)
                return loaded if kind == "i64" else self._f.value(f"zext {kind} {loaded} to i64")
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(name, arguments)
        raise unknown("value", node)

    def _load(self, name: str) -> str:
        return self._f.load("i64", f"%v_{name}")

    def _place(self, node: ast.Subscript) -> tuple[str, str]:
        """Type and address of a state word or of host memory."""
        match node.value:
            case ast.Name(id="state"):
                index = self._value(node.slice)
                return "i64", self._f.value(f"getelementptr i64, ptr %st, i64 {index}")
            case ast.Name(id=name) if name in _MEMORY:
                return _MEMORY[name], self._f.pointer(self._value(node.slice))
        raise unknown("memory", node)

    def _call(self, name: str, arguments: list[ast.expr]) -> str:
        if name == "symbol":
            (target,) = arguments
            assert isinstance(target, ast.Name)
            return self._f.value(f"ptrtoint ptr @{target.id} to i64")
        if name == "pc":
            assert isinstance(self._f, Handler)
            return self._f.pc()
        values = [self._value(argument) for argument in arguments]
        if name == "ctz":
            return self._f.value(f"call i64 @llvm.cttz.i64(i64 {values[0]}, i1 true)")
        if name in ("min", "max"):
            left, right = values
            first = self._f.compare("ult" if name == "min" else "ugt", left, right)
            return self._f.value(f"select i1 {first}, i64 {left}, i64 {right}")
        if name in FUNCTIONS:
            return FUNCTIONS[name](self._f, *values)
        passed = ", ".join(["ptr %st", *(f"i64 {value}" for value in values)])
        return self._f.value(f"call i64 @{name}({passed})")


def _signed(value: int) -> int:
    """A 64-bit constant as LLVM writes it."""
    return (value & (1 << 64) - 1 ^ 1 << 63) - (1 << 63)
