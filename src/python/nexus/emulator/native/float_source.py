"""Floating-point operations as IR: the host's unit where it is proven right, else a routine.

The unit always rounds to nearest even, and its flags are never read.  So it may decide where no
flag can be new and no special rule of RISC-V applies: the mode is nearest even, the inexact flag
is raised already, and the result is a normal number that is larger than the smallest.  Such a
result is neither a NaN nor infinite, so no operand was a NaN; it did not overflow; and it is not
tiny, before or after rounding.  Everything else is for `float_routines`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from nexus.emulator.isa.statement import Float, FloatOperation, Format
from nexus.emulator.native.expression import FUNCTIONS
from nexus.emulator.native.ir import Function
from nexus.emulator.reference import state as s
from nexus.emulator.reference.ieee import DOUBLE, DYNAMIC, INEXACT, SINGLE

LAYOUTS: Final = {Format.SINGLE: SINGLE, Format.DOUBLE: DOUBLE}
_TYPES: Final = {Format.SINGLE: "float", Format.DOUBLE: "double"}
_BITS: Final = {Format.SINGLE: 32, Format.DOUBLE: 64}

# What the host's unit has one instruction for.
_HOST: Final = {
    FloatOperation.ADD: "fadd",
    FloatOperation.SUB: "fsub",
    FloatOperation.MUL: "fmul",
    FloatOperation.DIV: "fdiv",
}
_INTEGER_RESULTS: Final = ("to_", "le", "lt", "eq", "class")

# Calls a routine: its name and arguments to the result.
Call = Callable[[str, Sequence[str]], str]


def routine_name(operation: FloatOperation) -> str:
    """The routine of an operation."""
    return f"float_{operation}"


def source_format(it: Float) -> Format | None:
    """The format of the sources; None if they are integers."""
    if it.operation.startswith("from_"):
        return None
    wider = {FloatOperation.FROM_SINGLE: Format.SINGLE, FloatOperation.FROM_DOUBLE: Format.DOUBLE}
    return wider.get(it.operation, it.format)


def has_boxed_result(it: Float) -> bool:
    """True if the result is a number of single precision."""
    return it.format is Format.SINGLE and not it.operation.startswith(_INTEGER_RESULTS)


def mode_of(function: Function, said: str) -> str:
    """The rounding mode: what the instruction says, or what `frm` says."""
    own = function.op("and", said, DYNAMIC)
    is_dynamic = function.compare("eq", own, DYNAMIC)
    current = function.op("lshr", function.word(s.FCSR), 5)
    return function.value(f"select i1 {is_dynamic}, i64 {current}, i64 {own}")


def by_routine(
    function: Function, it: Float, sources: Sequence[str], mode: str | None, call: Call
) -> str:
    """The result as the routine of the operation gives it."""
    if source_format(it) is Format.SINGLE:
        sources = [FUNCTIONS["unbox"](function, source) for source in sources]
    rounding = [] if mode is None else [mode]
    fraction = str(LAYOUTS[it.format].fraction_bits)
    result = call(routine_name(it.operation), [*sources, *rounding, fraction])
    return FUNCTIONS["box"](function, result) if has_boxed_result(it) else result


def has_host_form(it: Float) -> bool:
    """True if the host's unit may be asked."""
    return it.operation in _HOST


def by_host(function: Function, it: Float, sources: Sequence[str]) -> tuple[str, str]:
    """The host's result as a word, and whether it is one that the unit may decide."""
    kind, bits, layout = _TYPES[it.format], _BITS[it.format], LAYOUTS[it.format]
    numbers = [_number(function, it.format, source) for source in sources]
    result = function.value(f"{_HOST[it.operation]} {kind} {', '.join(numbers)}")
    word = function.value(f"bitcast {kind} {result} to i{bits}")
    magnitude = function.op("and", word, (1 << bits - 1) - 1, f"i{bits}")
    smallest = (1 << layout.fraction_bits) + 1
    above = function.op("sub", magnitude, smallest, f"i{bits}")
    is_plain = function.compare("ult", above, layout.infinity - smallest, f"i{bits}")
    return _word(function, it.format, word), is_plain


def is_settled(function: Function, mode: str) -> str:
    """Whether the mode is the host's, and the inexact flag is raised already."""
    flag = function.op("and", function.word(s.FCSR), INEXACT)
    wanted = function.op("xor", flag, INEXACT)
    return function.compare("eq", function.op("or", wanted, mode), 0)


def _number(function: Function, kind: Format, word: str) -> str:
    """A register's word as a number of the host."""
    if kind is Format.SINGLE:
        word = FUNCTIONS["unbox"](function, word)
        low = function.value(f"trunc i64 {word} to i32")
        return function.value(f"bitcast i32 {low} to float")
    return function.value(f"bitcast i64 {word} to double")


def _word(function: Function, kind: Format, bits: str) -> str:
    """The host's bits as a register's word."""
    if kind is Format.SINGLE:
        wide = function.value(f"zext i32 {bits} to i64")
        return FUNCTIONS["box"](function, wide)
    return bits
