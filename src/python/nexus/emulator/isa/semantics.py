"""The language in which a row of the table says what its instruction does.

Python syntax, parsed once into the types of `isa/statement.py`, from which every engine generates
its code.  A row is one or more statements separated by `;`:

    rd = EXPRESSION            write the destination register (x0 stays zero)
    NAME = EXPRESSION          a temporary
    jump(TARGET)               continue at TARGET instead of after the instruction
    branch(CONDITION, TARGET)  the same if CONDITION holds
    store_N(ADDRESS, VALUE)    write the low N bytes
    rd = load_uN(ADDRESS)      read N bytes, zero-extended; load_sN: sign-extended; load_b4: boxed
    rd = reserve_N(ADDRESS), conditional_N(ADDRESS, VALUE), atomic_N(ADDRESS, SOURCE, RESULT)
    rd = OPERATION_F(S..., RM)   floating point: F is s or d; no RM where nothing is rounded
    nothing()                  no effect
    system()                   not expressed here: the engine has a handler under the row's name

Every value is a 64-bit word.  `+ - * & | ^ << >>` wrap, compare and shift as unsigned; signed
meanings have names: `sra`, `lts`, `ges`, `mulh`, `mulhsu`, `divs`, `rems`.  `sext32` and `zext32`
take the low half.  `bit(CONDITION)` is 1 or 0.  Operands: `rs1 rs2 rs3 imm pc length`.  `box`
sets the high half of a word; `unbox` is the low half of a boxed word, else the canonical NaN.

A row that names a floating-point register needs `mstatus.FS` to be on, and makes it dirty if it
writes one: that is so for every such row, and said nowhere in its text.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, get_args

from nexus.emulator.isa.decode import BY_NAME
from nexus.emulator.isa.statement import (
    ARGUMENTS,
    MODIFY_OPERANDS,
    OPERANDS,
    PC_RELATIVE,
    SOURCES,
    UNROUNDED,
    Assign,
    Atomic,
    Binary,
    Branch,
    Call,
    Choice,
    Condition,
    Conditional,
    Constant,
    Expression,
    Extend,
    Float,
    FloatOperation,
    Format,
    Function,
    Jump,
    Load,
    Modify,
    Name,
    Nothing,
    Operator,
    Relation,
    Reserve,
    Statement,
    Store,
    System,
    Truth,
    names_in,
)

# Loads: function -> (bytes, what becomes of the rest).  Stores: function -> bytes.
_LOADS: Final[Mapping[str, tuple[int, Extend]]] = {
    "load_u1": (1, Extend.ZERO),
    "load_u2": (2, Extend.ZERO),
    "load_u4": (4, Extend.ZERO),
    "load_u8": (8, Extend.ZERO),
    "load_s1": (1, Extend.SIGN),
    "load_s2": (2, Extend.SIGN),
    "load_s4": (4, Extend.SIGN),
    "load_b4": (4, Extend.BOX),
}
_STORES: Final[Mapping[str, int]] = {"store_1": 1, "store_2": 2, "store_4": 4, "store_8": 8}

_OPERATORS: Final[Mapping[type[ast.operator], Operator]] = {
    ast.Add: Operator.ADD,
    ast.Sub: Operator.SUBTRACT,
    ast.Mult: Operator.MULTIPLY,
    ast.BitAnd: Operator.AND,
    ast.BitOr: Operator.OR,
    ast.BitXor: Operator.XOR,
    ast.LShift: Operator.SHIFT_LEFT,
    ast.RShift: Operator.SHIFT_RIGHT,
}
_RELATIONS: Final[Mapping[type[ast.cmpop], Relation]] = {
    ast.Eq: Relation.EQUAL,
    ast.NotEq: Relation.NOT_EQUAL,
    ast.Lt: Relation.BELOW,
    ast.GtE: Relation.NOT_BELOW,
}
_FUNCTIONS: Final[Mapping[str, Function]] = {function.value: function for function in Function}
_FLOAT: Final[Mapping[str, FloatOperation]] = {it.value: it for it in FloatOperation}
_FORMATS: Final[Mapping[str, Format]] = {it.value: it for it in Format}
_SIGNED: Final = {"lts": Relation.LESS_SIGNED, "ges": Relation.NOT_LESS_SIGNED}


class SemanticsError(ValueError):
    """A row is not in the language: our own mistake, found when an engine is generated."""


@dataclass(frozen=True, slots=True)
class Semantics:
    """A parsed row; of what kind its registers are is known from its encoding."""

    statements: tuple[Statement, ...]
    uses_float: bool = False  # It names a floating-point register.
    writes_float: bool = False  # Its destination is one.

    @property
    def is_system(self) -> bool:
        """True if an engine's handler does the work, not these statements."""
        return any(isinstance(it, System) for it in self.statements)

    @property
    def is_atomic(self) -> bool:
        return any(isinstance(it, get_args(Atomic)) for it in self.statements)

    @property
    def is_arithmetic(self) -> bool:
        """True for operations of floating-point numbers."""
        return any(isinstance(it, Float) for it in self.statements)

    @property
    def changes_float(self) -> bool:
        """True if a floating-point register or `fcsr` may be another afterwards."""
        return self.writes_float or self.is_arithmetic

    @property
    def access(self) -> Load | Store | None:
        """The load or store, if there is one."""
        return next((it for it in self.statements if isinstance(it, Load | Store)), None)

    @property
    def is_jump(self) -> bool:
        """True if the next instruction may be elsewhere."""
        return any(isinstance(it, Jump | Branch) for it in self.statements)

    @property
    def is_conditional(self) -> bool:
        """True for conditional branches."""
        return any(isinstance(it, Branch) for it in self.statements)

    @property
    def is_relative(self) -> bool:
        """True if it may go to a place that is known from its own address."""
        jumps = (it for it in self.statements if isinstance(it, Jump | Branch))
        return any(it.target == PC_RELATIVE for it in jumps)

    @property
    def is_plain(self) -> bool:
        """True if it reads and writes x registers alone."""
        return not self.uses_float and all(
            isinstance(it, Assign | Jump | Branch | Nothing) for it in self.statements
        )

    @property
    def writes_rd(self) -> bool:
        """True if the destination register changes."""
        writers = (Load, Float, *get_args(Atomic))
        return any(
            it.target == "rd" if isinstance(it, Assign) else isinstance(it, writers)
            for it in self.statements
        )


@cache
def semantics_of(name: str) -> Semantics:
    """Parse the semantics of the base instruction `name`."""
    row = BY_NAME[name]
    found = row.encoding.float_operands
    parsed = parse_semantics(name, row.semantics)
    return replace(parsed, uses_float=bool(found), writes_float="rd" in found)


def parse_semantics(name: str, text: str) -> Semantics:
    """Parse statements; `name` is the row that an error names.

    Raises:
        SemanticsError: The text is not in the language.
    """
    try:
        statements = tuple(_statement(node) for node in ast.parse(text).body)
        _check_names(statements)
        return Semantics(statements)
    except (SemanticsError, SyntaxError) as error:
        raise SemanticsError(f"row {name}: {error}") from None


def _check_names(statements: tuple[Statement, ...]) -> None:
    """Refuse a name that would have no value in an engine."""
    known = set(OPERANDS)
    for it in statements:
        for name in names_in(it):
            if name not in known and not (isinstance(it, Modify) and name in MODIFY_OPERANDS):
                accepted = f"{', '.join(OPERANDS)} or a temporary that was assigned before"
                raise SemanticsError(f"{name!r} has no value here; expected {accepted}")
        if isinstance(it, Assign) and it.target != "rd":
            known.add(it.target)


def _unknown(what: str, node: ast.AST) -> SemanticsError:
    return SemanticsError(f"{ast.unparse(node)!r} is unknown; expected a form of {what}")


def _call(node: ast.expr) -> tuple[str, list[ast.expr]]:
    """Name and arguments of a call; an empty name for anything else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return node.func.id, node.args
    return "", []


def _statement(node: ast.stmt) -> Statement:
    match node:
        case ast.Assign(targets=[ast.Name(id=target)], value=value):
            name, arguments = _call(value)
            found = _special(name, arguments) if target == "rd" else None
            return found or Assign(target, _expression(value))
        case ast.Expr(value=value):
            match _call(value):
                case "jump", [to]:
                    return Jump(_expression(to))
                case "branch", [test, to]:
                    return Branch(_condition(test), _expression(to))
                case name, [address, stored] if name in _STORES:
                    return Store(_expression(address), _expression(stored), _STORES[name])
                case "nothing", []:
                    return Nothing()
                case "system", []:
                    return System()
    raise _unknown("statement", node)


def _special(name: str, arguments: list[ast.expr]) -> Statement | None:
    """A statement that writes to the destination register what is not an expression."""
    if name in _LOADS and len(arguments) == 1:
        return Load(_expression(arguments[0]), *_LOADS[name])
    kind, _, size = name.rpartition("_")
    if kind in _FLOAT and size in _FORMATS:
        return _float(_FLOAT[kind], _FORMATS[size], arguments)
    if size not in ("4", "8"):
        return None
    match kind, [_expression(argument) for argument in arguments]:
        case "reserve", [address]:
            return Reserve(address, int(size))
        case "conditional", [address, value]:
            return Conditional(address, value, int(size))
        case "atomic", [address, source, result]:
            return Modify(address, source, result, int(size))
    return None


def _float(operation: FloatOperation, kind: Format, arguments: list[ast.expr]) -> Statement | None:
    count = SOURCES.get(operation, 1)
    has_rounding = operation not in UNROUNDED
    if len(arguments) != count + has_rounding:
        return None
    found = tuple(_expression(argument) for argument in arguments)
    return Float(operation, kind, found[:count], found[count] if has_rounding else None)


def _condition(node: ast.expr) -> Condition:
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _RELATIONS:
            return Condition(_RELATIONS[type(op)], _expression(left), _expression(right))
    match _call(node):
        case name, [left, right] if name in _SIGNED:
            return Condition(_SIGNED[name], _expression(left), _expression(right))
    raise _unknown("condition", node)


def _expression(node: ast.expr) -> Expression:
    match node:
        case ast.Name(id=name):
            return Name(name)
        case ast.Constant(value=int(value)):
            return Constant(value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            return Constant(-value)
        case ast.IfExp(test=test, body=body, orelse=other):
            return Choice(_condition(test), _expression(body), _expression(other))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return Binary(_OPERATORS[type(op)], _expression(left), _expression(right))
    match _call(node):
        case "bit", [test]:
            return Truth(_condition(test))
        case name, found if name in _FUNCTIONS and len(found) == ARGUMENTS[_FUNCTIONS[name]]:
            return Call(_FUNCTIONS[name], tuple(_expression(argument) for argument in found))
    raise _unknown("expression", node)
