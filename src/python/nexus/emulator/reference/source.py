"""Generates the reference engine's Python from the instruction table.

Two shapes come from the same rows: a *step* function per instruction, general and slow, that does
everything including faults and devices; and a *block* function for a run of simple instructions at
known offsets, with operands folded in, that touches only registers and cached pages and gives up
(`return ~k`) before instruction k whenever something else is needed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from types import CodeType
from typing import Any, Final

from nexus.emulator.isa.decode import Decoded
from nexus.emulator.isa.python_source import NAMESPACE, Bindings, Value, condition, expression
from nexus.emulator.isa.semantics import ATOMICS, LOADS, STORES, Semantics, call_name, semantics_of
from nexus.emulator.reference.state import SINK

# A step function: (hart, state, rd, rs1, rs2, imm, length, pc) -> next pc.
Step = Callable[..., int]

_SIGN_OF: Final = {1: 0x80, 2: 0x8000, 4: 0x8000_0000}

# How many different blocks stay compiled, for all machines of a process together.
CODE_CACHE_BLOCKS: Final = 1 << 16


def _arguments(statement: ast.stmt) -> list[ast.expr]:
    assert isinstance(statement, ast.Expr | ast.Assign)
    assert isinstance(statement.value, ast.Call)
    return statement.value.args


def _target(statement: ast.Assign) -> str:
    target = statement.targets[0]
    assert isinstance(target, ast.Name)
    return target.id


class StepSource:
    """Writes the body of one step function."""

    def __init__(self, semantics: Semantics) -> None:
        self.lines: list[str] = []
        self._next = Value("pc + length").word()
        self._names: dict[str, Value] = {
            "rs1": Value("x[rs1]", exact=True),
            "rs2": Value("x[rs2]", exact=True),
            "imm": Value("imm"),
            "pc": Value("pc", exact=True),
            "length": Value("length", exact=True),
        }
        for statement in semantics.statements:
            self._statement(statement)
        self.lines.append(f"return {self._next}")

    def _statement(self, statement: ast.stmt) -> None:
        function = call_name(statement)
        if function in LOADS:
            self._load(statement, *LOADS[function])
        elif function in STORES:
            address, value = (expression(a, self._names) for a in _arguments(statement))
            size = STORES[function]
            self.lines.append(f"hart.store({address.word()}, {value.any()}, {size})")
        elif function in ATOMICS:
            self._atomic(statement, *ATOMICS[function])
        elif function == "jump":
            self._next = expression(_arguments(statement)[0], self._names).word()
        elif function == "branch":
            test, target = _arguments(statement)
            taken = expression(target, self._names).word()
            self.lines.append(f"if {condition(test, self._names)}: return {taken}")
        elif function != "nothing":
            assert isinstance(statement, ast.Assign)
            self._assign(_target(statement), expression(statement.value, self._names))

    def _assign(self, name: str, value: Value) -> None:
        if name == "rd":
            self.lines.append(f"x[rd] = {value.word()}")
        else:
            self.lines.append(f"{name} = {value.word()}")
            self._names[name] = Value(name, exact=True)

    def _load(self, statement: ast.stmt, size: int, signed: bool) -> None:
        address = expression(_arguments(statement)[0], self._names).word()
        self.lines.append(f"v = hart.load({address}, {size})")
        sign = f"((v ^ {_SIGN_OF[size]}) - {_SIGN_OF[size]}) & M" if signed else "v"
        self.lines.append(f"x[rd] = {sign}")

    def _atomic(self, statement: ast.stmt, kind: str, size: int) -> None:
        arguments = _arguments(statement)
        address = expression(arguments[0], self._names).word()
        if kind == "reserve":
            self.lines.append(f"x[rd] = hart.load_reserved({address}, {size})")
        elif kind == "conditional":
            value = expression(arguments[1], self._names).word()
            self.lines.append(f"x[rd] = hart.store_conditional({address}, {value}, {size})")
        else:
            self._assign("source", expression(arguments[1], self._names))
            self.lines += [f"address = {address}", f"old = hart.load_for_store(address, {size})"]
            self._names["old"] = Value("old", exact=True)
            value = expression(arguments[2], self._names).any()
            self.lines += [f"hart.store(address, {value}, {size})", "x[rd] = old"]


@cache
def step_function(name: str) -> Step:
    """Generate the step function of a row that is not a system row."""
    lines = ["def step(hart, x, rd, rs1, rs2, imm, length, pc):"]
    lines += ["    " + line for line in StepSource(semantics_of(name)).lines]
    namespace: dict[str, Any] = dict(NAMESPACE)
    exec(compile("\n".join(lines), f"<step {name}>", "exec"), namespace)
    step: Step = namespace["step"]
    return step


class BlockSource:
    """Writes the function of one block.

    Locals: `x` the state, `pc` the virtual address of the block's first instruction, `k` the
    instruction that is accessing memory, `a` its address.
    """

    def __init__(self, instructions: Sequence[Decoded]) -> None:
        self.lines = ["try:"]
        offset = 0
        self._ended = False
        for index, instruction in enumerate(instructions):
            self._instruction(index, instruction, offset)
            offset += instruction.length
        if not self._ended:
            self._emit(f"return {Value('pc', offset).word()}")
        self.lines += ["except BailError: return ~k"]

    def _emit(self, line: str) -> None:
        self.lines.append("    " + line)

    def _instruction(self, index: int, it: Decoded, offset: int) -> None:
        names: dict[str, Value] = {
            "rs1": _register(it.rs1),
            "rs2": _register(it.rs2),
            "imm": Value("", it.imm),
            "pc": Value("pc", offset, exact=True),
            "length": Value("", it.length),
        }
        after = Value("pc", offset + it.length).word()
        for statement in semantics_of(it.name).statements:
            function = call_name(statement)
            if function in LOADS:
                size, signed = LOADS[function]
                self._access(index, statement, names, size)
                view = f"R{'S' if signed else ''}{size}[a >> 12][{_word_index(size)}]"
                view += " & M" if signed else ""
                self._emit(f"x[{it.rd}] = {view}" if it.rd else view)
            elif function in STORES:
                size = STORES[function]
                self._access(index, statement, names, size)
                value = expression(_arguments(statement)[1], names)
                text = value.word() if size == 8 else _low(value, size)
                self._emit(f"W{size}[a >> 12][{_word_index(size)}] = {text}")
            elif function == "jump":
                self._emit(f"return {expression(_arguments(statement)[0], names).word()}")
                self._ended = True
            elif function == "branch":
                test, target = _arguments(statement)
                taken = expression(target, names).word()
                self._emit(f"return {taken} if {condition(test, names)} else {after}")
                self._ended = True
            elif function != "nothing":
                assert isinstance(statement, ast.Assign)
                self._assign(_target(statement), it.rd, statement.value, names)

    def _assign(self, name: str, rd: int, node: ast.expr, names: dict[str, Value]) -> None:
        value = expression(node, names)
        if name != "rd":
            self._emit(f"{name} = {value.word()}")
            names[name] = Value(name, exact=True)
        elif rd:
            self._emit(f"x[{rd}] = {value.word()}")

    def _access(self, index: int, statement: ast.stmt, names: Bindings, size: int) -> None:
        """Compute the address; leave if it is misaligned, which may mean two pages."""
        address = expression(_arguments(statement)[0], names).word()
        self._emit(f"k = {index}; a = {address}")
        if size > 1:
            self._emit(f"if a & {size - 1}: return {~index}")


def _word_index(size: int) -> str:
    shift = size.bit_length() - 1
    return f"(a & 4095) >> {shift}" if shift else "a & 4095"


def _low(value: Value, size: int) -> str:
    return f"{value.any()} & {(1 << 8 * size) - 1}"


def _register(number: int) -> Value:
    return Value(f"x[{number}]", exact=True) if number else Value("")


@lru_cache(maxsize=CODE_CACHE_BLOCKS)
def block_code(instructions: tuple[Decoded, ...]) -> CodeType:
    """Compile a block; the function made from the code takes `(pc, x)`."""
    lines = ["def block(pc, x):", *("    " + line for line in BlockSource(instructions).lines)]
    module = compile("\n".join(lines), "<block>", "exec")
    for constant in module.co_consts:
        if isinstance(constant, CodeType):
            return constant
    raise AssertionError("a module with a function has its code among the constants")


def step_operands(instruction: Decoded) -> tuple[int, int, int, int, int]:
    """The operands of a step function: (rd or the sink, rs1, rs2, imm, length)."""
    return (
        instruction.rd or SINK,
        instruction.rs1,
        instruction.rs2,
        instruction.imm,
        instruction.length,
    )
