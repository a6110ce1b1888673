"""Generates the reference engine's Python from the instruction table.

Two shapes come from the same rows: a *step* function per instruction, general and slow, that does
everything including faults and devices; and a *block* function for a run of simple instructions at
known offsets, with operands folded in, that touches only registers and cached pages and gives up
(`return ~k`) before instruction k whenever something else is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from types import CodeType
from typing import Any, Final, assert_never  # Any: the namespace of generated code.

from nexus.emulator.isa.decode import Decoded
from nexus.emulator.isa.encoding import FLOAT_BASE
from nexus.emulator.isa.python_source import M64, NAMESPACE, Value, condition, expression
from nexus.emulator.isa.semantics import Semantics, semantics_of
from nexus.emulator.isa.statement import (
    Assign,
    Branch,
    Conditional,
    Expression,
    Extend,
    Float,
    Jump,
    Load,
    Modify,
    Nothing,
    Reserve,
    Statement,
    Store,
    System,
)
from nexus.emulator.reference.core import Step

_SIGN_OF: Final = {1: 0x80, 2: 0x8000, 4: 0x8000_0000}

# How many different blocks stay compiled, for all machines of a process together.
CODE_CACHE_BLOCKS: Final = 1 << 16


class StepSource:
    """Writes the body of one step function."""

    def __init__(self, semantics: Semantics) -> None:
        self.lines: list[str] = []
        self._next = Value("pc + length").word()
        self._names: dict[str, Value] = {
            "rs1": Value("x[rs1]", exact=True),
            "rs2": Value("x[rs2]", exact=True),
            "rs3": Value(f"x[{FLOAT_BASE} + (imm >> 3)]", exact=True),
            "imm": Value("imm"),
            "pc": Value("pc", exact=True),
            "length": Value("length", exact=True),
        }
        if semantics.uses_float:
            self.lines.append("hart.need_float(pc)")
        for statement in semantics.statements:
            self._statement(statement)
        if semantics.writes_float:
            self.lines.append("hart.wrote_float()")
        self.lines.append(f"return {self._next}")

    def _statement(self, statement: Statement) -> None:
        match statement:
            case Assign(target, value):
                self._assign(target, self._value(value))
            case Load(address, size, extend):
                self.lines.append(f"v = hart.load({self._value(address).word()}, {size})")
                self.lines.append(f"x[rd] = {_extended(size, extend)}")
            case Store(address, value, size):
                place, stored = self._value(address).word(), self._value(value).any()
                self.lines.append(f"hart.store({place}, {stored}, {size})")
            case Reserve(address, size):
                place = self._value(address).word()
                self.lines.append(f"x[rd] = hart.load_reserved({place}, {size})")
            case Conditional(address, value, size):
                place, stored = self._value(address).word(), self._value(value).word()
                self.lines.append(f"x[rd] = hart.store_conditional({place}, {stored}, {size})")
            case Modify():
                self._modify(statement)
            case Float():
                self._float(statement)
            case Jump(target):
                self._next = self._value(target).word()
            case Branch(test, target):
                taken = self._value(target).word()
                self.lines.append(f"if {condition(test, self._names)}: return {taken}")
            case Nothing():
                pass
            case System():
                raise AssertionError("a system row has a step function of its own")
            case _:
                assert_never(statement)

    def _value(self, it: Expression) -> Value:
        return expression(it, self._names)

    def _assign(self, name: str, value: Value) -> None:
        if name == "rd":
            self.lines.append(f"x[rd] = {value.word()}")
        else:
            self.lines.append(f"{name} = {value.word()}")
            self._names[name] = Value(name, exact=True)

    def _float(self, it: Float) -> None:
        rounding = () if it.rounding is None else (it.rounding,)
        operands = ", ".join(self._value(a).word() for a in (*it.sources, *rounding))
        from nexus.emulator.reference.float_step import name_of

        self.lines.append(f"x[rd] = {name_of(it.operation, it.format)}(hart, pc, {operands})")

    def _modify(self, it: Modify) -> None:
        place = self._value(it.address).word()
        self._assign("source", self._value(it.source))
        self.lines += [f"address = {place}", f"old = hart.load_for_store(address, {it.size})"]
        self._names["old"] = Value("old", exact=True)
        result = self._value(it.result).any()
        self.lines += [f"hart.store(address, {result}, {it.size})", "x[rd] = old"]


def _extended(size: int, extend: Extend) -> str:
    """Source of the word made of `size` bytes in `v`."""
    match extend:
        case Extend.ZERO:
            return "v"
        case Extend.SIGN:
            return f"((v ^ {_SIGN_OF[size]}) - {_SIGN_OF[size]}) & M"
        case Extend.BOX:
            return f"v | {M64 >> 8 * size << 8 * size}"
        case _:
            assert_never(extend)


@cache
def step_function(name: str) -> Step:
    """Generate the step function of a row that is not a system row."""
    semantics = semantics_of(name)
    lines = ["def step(hart, x, rd, rs1, rs2, imm, length, pc):"]
    lines += ["    " + line for line in StepSource(semantics).lines]
    namespace: dict[str, Any] = dict(NAMESPACE)
    if semantics.is_arithmetic:
        from nexus.emulator.reference.float_step import FLOAT_NAMESPACE

        namespace |= FLOAT_NAMESPACE
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
        self._index = index
        self._it = it
        self._after = Value("pc", offset + it.length).word()
        self._names: dict[str, Value] = {
            "rs1": _register(it.rs1),
            "rs2": _register(it.rs2),
            "imm": Value("", it.imm),
            "pc": Value("pc", offset, exact=True),
            "length": Value("", it.length),
        }
        for statement in semantics_of(it.name).statements:
            self._statement(statement)

    def _statement(self, statement: Statement) -> None:
        rd = self._it.rd
        match statement:
            case Assign(target, value):
                self._assign(target, self._value(value))
            case Load(address, size, extend):
                self._access(address, size)
                is_signed = extend is Extend.SIGN
                view = f"R{'S' if is_signed else ''}{size}[a >> 12][{_word_index(size)}]"
                view += " & M" if is_signed else ""
                self._emit(f"x[{rd}] = {view}" if rd else view)
            case Store(address, value, size):
                self._access(address, size)
                stored = self._value(value)
                text = stored.word() if size == 8 else _low(stored, size)
                self._emit(f"W{size}[a >> 12][{_word_index(size)}] = {text}")
            case Jump(target):
                self._emit(f"return {self._value(target).word()}")
                self._ended = True
            case Branch(test, target):
                taken = self._value(target).word()
                self._emit(f"return {taken} if {condition(test, self._names)} else {self._after}")
                self._ended = True
            case Nothing():
                pass
            case Reserve() | Conditional() | Modify() | Float() | System():
                raise AssertionError(f"{self._it.name} is not simple: it is not part of a block")
            case _:
                assert_never(statement)

    def _value(self, it: Expression) -> Value:
        return expression(it, self._names)

    def _assign(self, name: str, value: Value) -> None:
        if name != "rd":
            self._emit(f"{name} = {value.word()}")
            self._names[name] = Value(name, exact=True)
        elif self._it.rd:
            self._emit(f"x[{self._it.rd}] = {value.word()}")

    def _access(self, address: Expression, size: int) -> None:
        """Compute the address; leave if it is misaligned, which may mean two pages."""
        self._emit(f"k = {self._index}; a = {self._value(address).word()}")
        if size > 1:
            self._emit(f"if a & {size - 1}: return {~self._index}")


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
