"""The parsed semantics of a row: statements, conditions and expressions.

Engines `match` on these types and end in `assert_never`, so that a form which is added here is a
type error in every engine that does not know it.  Every expression is a 64-bit word.  They are
tuples and no data classes because making twenty of those takes longer than booting a small guest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Operator(StrEnum):
    """A binary operation; results wrap, and shifts are of unsigned words."""

    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    AND = "&"
    OR = "|"
    XOR = "^"
    SHIFT_LEFT = "<<"
    SHIFT_RIGHT = ">>"


class Relation(StrEnum):
    """A comparison of two words."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    BELOW = "<"
    NOT_BELOW = ">="
    LESS_SIGNED = "lts"
    NOT_LESS_SIGNED = "ges"


class Function(StrEnum):
    """A function of words that has a name in the language."""

    SEXT32 = "sext32"
    ZEXT32 = "zext32"
    SRA = "sra"
    MULH = "mulh"
    MULHSU = "mulhsu"
    MULHU = "mulhu"
    DIVS = "divs"
    DIVU = "divu"
    REMS = "rems"
    REMU = "remu"
    CLZ = "clz"
    CTZ = "ctz"
    CPOP = "cpop"
    REV8 = "rev8"
    ORCB = "orcb"
    BOX = "box"
    UNBOX = "unbox"


class Extend(StrEnum):
    """The way in which a word is made of the fewer bytes that a load read."""

    ZERO = "zero"
    SIGN = "sign"
    BOX = "box"  # With ones: so a register holds a number of single precision.


class Format(StrEnum):
    """A floating-point format."""

    SINGLE = "s"
    DOUBLE = "d"


class FloatOperation(StrEnum):
    """An operation of IEEE 754, as the manual's chapter on F uses it."""

    ADD = "add"
    SUB = "sub"
    MUL = "mul"
    DIV = "div"
    SQRT = "sqrt"
    MADD = "madd"
    MSUB = "msub"
    NMSUB = "nmsub"
    NMADD = "nmadd"
    MIN = "min"
    MAX = "max"
    LE = "le"
    LT = "lt"
    EQ = "eq"
    CLASS = "class"
    TO_W = "to_w"
    TO_WU = "to_wu"
    TO_L = "to_l"
    TO_LU = "to_lu"
    FROM_W = "from_w"
    FROM_WU = "from_wu"
    FROM_L = "from_l"
    FROM_LU = "from_lu"
    FROM_SINGLE = "s_to"
    FROM_DOUBLE = "d_to"


class Name(NamedTuple):
    """An operand (`rs1 rs2 rs3 imm pc length`) or a temporary."""

    name: str


class Constant(NamedTuple):
    """A number; negative ones stand for their two's complement."""

    value: int


class Binary(NamedTuple):
    """Two words combined."""

    operator: Operator
    left: Expression
    right: Expression


class Choice(NamedTuple):
    """One of two words."""

    test: Condition
    yes: Expression
    no: Expression


class Truth(NamedTuple):
    """A condition as 1 or 0."""

    test: Condition


class Call(NamedTuple):
    """A named function of words."""

    function: Function
    arguments: tuple[Expression, ...]


Expression = Name | Constant | Binary | Choice | Truth | Call


class Condition(NamedTuple):
    """A relation between two words."""

    relation: Relation
    left: Expression
    right: Expression


class Assign(NamedTuple):
    """Give a temporary a value, or write the destination register if the target is `rd`."""

    target: str
    value: Expression


class Load(NamedTuple):
    """Read `size` bytes into the destination register."""

    address: Expression
    size: int
    extend: Extend


class Store(NamedTuple):
    """Write the low `size` bytes of a value."""

    address: Expression
    value: Expression
    size: int


class Reserve(NamedTuple):
    """Load-reserved: like a signed load, and remember address and value."""

    address: Expression
    size: int


class Conditional(NamedTuple):
    """Store-conditional: the destination register becomes 0 if the store was done, else 1."""

    address: Expression
    value: Expression
    size: int


class Modify(NamedTuple):
    """Read, modify and write memory; `result` is in terms of `old` and `source`."""

    address: Expression
    source: Expression
    result: Expression
    size: int


class Float(NamedTuple):
    """Write the result of an operation to the destination register, and raise its flags.

    `rounding` is what the instruction says (7: the mode of `frm`); None if nothing is rounded.
    """

    operation: FloatOperation
    format: Format
    sources: tuple[Expression, ...]
    rounding: Expression | None


class Jump(NamedTuple):
    """Continue at the target."""

    target: Expression


class Branch(NamedTuple):
    """Continue at the target if the condition holds."""

    test: Condition
    target: Expression


class Nothing(NamedTuple):
    """No effect."""


class System(NamedTuple):
    """Not expressed in the language: each engine has a handler under the row's name."""


Atomic = Reserve | Conditional | Modify
Statement = Assign | Load | Store | Atomic | Float | Jump | Branch | Nothing | System

# The operands that every statement can read, and those of the result of a `Modify`.
OPERANDS: Final = ("rs1", "rs2", "rs3", "imm", "pc", "length")
MODIFY_OPERANDS: Final = ("old", "source")

# How many words a function takes.
ARGUMENTS: Final[Mapping[Function, int]] = {
    **dict.fromkeys(Function, 1),
    **dict.fromkeys((Function.SRA, Function.MULH, Function.MULHSU, Function.MULHU), 2),
    **dict.fromkeys((Function.DIVS, Function.DIVU, Function.REMS, Function.REMU), 2),
}

# How many sources an operation has, where it is not one, and which of them round.
SOURCES: Final[Mapping[FloatOperation, int]] = {
    **dict.fromkeys(
        (FloatOperation.MADD, FloatOperation.MSUB, FloatOperation.NMSUB, FloatOperation.NMADD), 3
    ),
    **dict.fromkeys((FloatOperation.ADD, FloatOperation.SUB), 2),
    **dict.fromkeys((FloatOperation.MUL, FloatOperation.DIV), 2),
    **dict.fromkeys((FloatOperation.MIN, FloatOperation.MAX), 2),
    **dict.fromkeys((FloatOperation.LE, FloatOperation.LT, FloatOperation.EQ), 2),
}
UNROUNDED: Final = frozenset(
    (
        FloatOperation.MIN,
        FloatOperation.MAX,
        FloatOperation.CLASS,
        FloatOperation.LE,
        FloatOperation.LT,
        FloatOperation.EQ,
    )
)

# A target or an address that many rows share, and that engines treat specially.
PC_RELATIVE = Binary(Operator.ADD, Name("pc"), Name("imm"))
REGISTER_RELATIVE = Binary(Operator.ADD, Name("rs1"), Name("imm"))


def names_in(it: object) -> Iterator[str]:
    """The operands and temporaries that a statement or an expression reads."""
    if isinstance(it, Name):
        yield it.name
    elif isinstance(it, tuple):
        for part in it:
            yield from names_in(part)
