"""Compiles routines: pieces of the native engine that are written as small Python functions.

The semantics of instructions are expressions (`expression.py`); what the engine does beside them
(walks, traps, registers, devices) needs branches, loops and memory.  A routine is the text of one
or more functions in a subset of Python.  Every value is a 64-bit word, unsigned, and wraps.

    state[INDEX]              a state word, also on the left of `=`
    u8[A] u16[A] u32[A] u64[A]   host memory at address A, zero-extended; also on the left of `=`
    lts(a, b)  ges(a, b)      signed comparisons; `<` and `>=` are unsigned
    ctz(a) min(a, b) max(a, b)   trailing zeros of what is not zero; unsigned comparisons
    symbol(name)              the address of a function
    name(a, b)                the call of another routine

A *handler* has the variables `bank slot left page` and, instead of returning, ends in

    become(name)              continue in the handler of that name
    dispatch()                continue with the instruction in `slot`
    jump_to(address)          continue in the handler at an address
    go(pc)                    continue at a virtual address
    leave()                   return to Python

Capitals are constants: state words, layout, fields of registers.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from typing import Final

from nexus.emulator.native.ir import Function, Handler
from nexus.emulator.native.lookup import go_to
from nexus.emulator.native.routine_value import BINARY, Constants, RoutineError, Values, unknown

_HANDLER_VARIABLES: Final = ("bank", "slot", "left", "page")


class _Compiler(Values):
    """Compiles the body of one function into `function`."""

    def __init__(self, tree: ast.FunctionDef, function: Function, constants: Constants) -> None:
        self._loops: list[tuple[str, str]] = []
        self._is_open = True  # The present block has no terminator yet.
        parameters = [argument.arg for argument in tree.args.args]
        super().__init__(function, constants)
        self._is_handler = isinstance(function, Handler)
        self._variables |= dict.fromkeys(parameters)
        if self._is_handler:
            self._variables |= dict.fromkeys(_HANDLER_VARIABLES)
        self._variables |= dict.fromkeys(_assigned(tree))
        for name in self._variables:
            function.emit(f"%v_{name} = alloca i64")
        for name in parameters:
            function.store("i64", f"%p_{name}", f"%v_{name}")
        if self._is_handler:
            for name in _HANDLER_VARIABLES:
                value = f"%{name}"
                if name != "left":
                    value = function.value(f"ptrtoint ptr %{name} to i64")
                function.store("i64", value, f"%v_{name}")
        self._body(tree.body)
        if self._is_open:
            function.emit("unreachable" if self._is_handler else "ret i64 0")

    # -- Statements ------------------------------------------------------------------------------

    def _body(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            if not self._is_open:
                raise RoutineError(f"{ast.unparse(statement)!r} is never reached")
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=[target], value=value):
                self._assign(target, self._value(value))
            case ast.AugAssign(target=target, op=op, value=value) if type(op) in BINARY:
                old = self._value(ast.parse(ast.unparse(target), mode="eval").body)
                self._assign(target, self._f.op(BINARY[type(op)], old, self._value(value)))
            case ast.If():
                self._if(node)
            case ast.While():
                self._while(node)
            case ast.Return(value=value):
                self._f.emit(f"ret i64 {self._value(value) if value else 0}")
                self._is_open = False
            case ast.Break():
                self._f.jump(self._loops[-1][1])
                self._is_open = False
            case ast.Continue():
                self._f.jump(self._loops[-1][0])
                self._is_open = False
            case ast.Expr(value=ast.Call(func=ast.Name(id=name), args=arguments)):
                self._call_statement(name, arguments)
            case ast.Expr(value=ast.Constant()):
                pass  # The docstring.
            case _:
                raise unknown("statement", node)

    def _assign(self, target: ast.expr, value: str) -> None:
        if isinstance(target, ast.Name):
            self._f.store("i64", value, f"%v_{target.id}")
            return
        if not isinstance(target, ast.Subscript):
            raise unknown("target", target)
        kind, address = self._place(target)
        if kind != "i64":
            value = self._f.value(f"trunc i64 {value} to {kind}")
        self._f.store(kind, value, address)

    def _if(self, node: ast.If) -> None:
        yes, no, end = self._f.name(), self._f.name(), self._f.name()
        self._test(node.test, yes, no)
        opened = False
        for label, body in ((yes, node.body), (no, node.orelse)):
            self._f.label(label)
            self._is_open = True
            self._body(body)
            if self._is_open:
                self._f.jump(end)
                opened = True
        self._is_open = opened
        if opened:
            self._f.label(end)

    def _while(self, node: ast.While) -> None:
        head, body, end = self._f.name(), self._f.name(), self._f.name()
        self._f.jump(head)
        self._f.label(head)
        self._test(node.test, body, end)
        self._f.label(body)
        self._loops.append((head, end))
        self._body(node.body)
        if self._is_open:
            self._f.jump(head)
        self._loops.pop()
        self._is_open = True
        self._f.label(end)

    def _call_statement(self, name: str, arguments: list[ast.expr]) -> None:
        if name == "become":
            (target,) = arguments
            assert isinstance(target, ast.Name)
            self._continue(f"@{target.id}")
        elif name == "dispatch":
            slot = self._f.pointer(self._load("slot"))
            self._continue(self._f.load("ptr", slot))
        elif name == "jump_to":
            self._continue(self._f.pointer(self._value(arguments[0])))
        elif name == "go":
            assert isinstance(self._f, Handler)
            bank = self._f.pointer(self._load("bank"))
            go_to(self._f, self._value(arguments[0]), self._load("left"), bank)
            self._is_open = False
        elif name == "leave":
            self._f.emit("ret void")
            self._is_open = False
        else:
            self._call(name, arguments)

    def _continue(self, target: str) -> None:
        assert isinstance(self._f, Handler)
        bank, slot, page = (self._f.pointer(self._load(n)) for n in ("bank", "slot", "page"))
        self._f.tail(target, slot, self._load("left"), page, bank)
        self._is_open = False


def _assigned(tree: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _definitions(text: str) -> Iterator[ast.FunctionDef]:
    for node in ast.parse(textwrap.dedent(text)).body:
        assert isinstance(node, ast.FunctionDef)
        yield node


def _compile(tree: ast.FunctionDef, function: Function, constants: Constants) -> str:
    try:
        _Compiler(tree, function, constants)
    except RoutineError as error:
        raise RoutineError(f"routine {tree.name}: {error}") from None
    return function.text()


def routines(text: str, constants: Constants) -> list[str]:
    """Compile functions that other code calls; each has the state as its first parameter.

    Raises:
        RoutineError: One of them is not in the language.
    """
    found = []
    for tree in _definitions(text):
        names = [f"i64 %p_{argument.arg}" for argument in tree.args.args]
        function = Function(f"i64 @{tree.name}({', '.join(['ptr %st', *names])})")
        found.append(_compile(tree, function, constants))
    return found


def handlers(text: str, constants: Constants) -> dict[str, str]:
    """Compile handlers: name and text of each.

    Raises:
        RoutineError: One of them is not in the language.
    """
    return {tree.name: _compile(tree, Handler(tree.name), constants) for tree in _definitions(text)}
