"""Floating-point operations as IR: the host's unit where it is proven right, else a routine.

The unit always rounds to nearest even (conversions to integers: towards zero), and its flags are
never read.  So it may decide where no flag can be new and no rule of RISC-V differs:

- Arithmetic: the mode is nearest even, the inexact flag is raised already, and the result is a
  normal number larger than the smallest.  Then it is not a NaN, so no operand was one; it did not
  overflow; and it is not tiny, neither before rounding nor after.
- To an integer: the mode is towards zero, the number is within the range, and the inexact flag is
  raised already or the integer is the number.
- From an integer: the mode is nearest even, and the inexact flag is raised already or the format
  holds every integer.
- To a longer format, comparisons, minimum and maximum: no operand is a NaN.

Everything else is for `float_routines`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from nexus.emulator.isa.statement import Float, FloatOperation, Format
from nexus.emulator.native import layout
from nexus.emulator.native.expression import FUNCTIONS, sext32
from nexus.emulator.native.ir import LIKELY, Function
from nexus.emulator.reference import state as s
from nexus.emulator.reference.ieee import DOUBLE, DYNAMIC, INEXACT, SINGLE, Rounding

_O = FloatOperation
_LAYOUTS: Final = {Format.SINGLE: SINGLE, Format.DOUBLE: DOUBLE}
TYPES: Final = {Format.SINGLE: "float", Format.DOUBLE: "double"}
BITS: Final = {Format.SINGLE: 32, Format.DOUBLE: 64}

_BASIC: Final = {_O.ADD: "fadd", _O.SUB: "fsub", _O.MUL: "fmul", _O.DIV: "fdiv"}
# Whether the product and the addend are negated.
_FUSED: Final = {
    _O.MADD: (False, False),
    _O.MSUB: (False, True),
    _O.NMSUB: (True, False),
    _O.NMADD: (True, True),
}
_COMPARISONS: Final = {_O.EQ: "oeq", _O.LT: "olt", _O.LE: "ole"}
# Bits of a signed result; of an unsigned one, half of what there is: the rest is rare.
_TO_BITS: Final = {_O.TO_W: 31, _O.TO_WU: 32, _O.TO_L: 63, _O.TO_LU: 63}
_FROM: Final = {
    _O.FROM_W: "sitofp i32",
    _O.FROM_WU: "uitofp i32",
    _O.FROM_L: "sitofp i64",
    _O.FROM_LU: "uitofp i64",
}
_INTEGER_RESULTS: Final = ("to_", "le", "lt", "eq", "class")

# Calls a function of the interpreter by its name: result type, arguments with types.
Call = Callable[[str, str, str], str]


def routine_names() -> list[str]:
    """The routines of all operations, and the functions for the host's fused unit."""
    return [*(_routine(operation) for operation in _O), *(unit_of(kind) for kind in Format)]


def _routine(operation: FloatOperation) -> str:
    return f"float_{operation}"


def unit_of(kind: Format) -> str:
    """The function that uses the host's fused unit."""
    return f"float_unit_{TYPES[kind]}"


def _source_format(it: Float) -> Format:
    """The format of the sources, where they are numbers."""
    wider = {_O.FROM_SINGLE: Format.SINGLE, _O.FROM_DOUBLE: Format.DOUBLE}
    return wider.get(it.operation, it.format)


def mode_of(function: Function, said: str) -> str:
    """The rounding mode: what the instruction says, or what `frm` says."""
    own = function.op("and", said, DYNAMIC)
    is_dynamic = function.compare("eq", own, DYNAMIC)
    current = function.op("lshr", function.word(s.FCSR), 5)
    return function.value(f"select i1 {is_dynamic}, i64 {current}, i64 {own}")


def is_legal(function: Function, mode: str) -> str:
    """Whether the mode is one."""
    return function.compare("ule", mode, Rounding.NEAREST_AWAY)


def by_routine(
    function: Function, it: Float, sources: Sequence[str], mode: str | None, call: Call
) -> str:
    """The result as the routine of the operation gives it."""
    has_numbers = it.operation not in _FROM
    if has_numbers and _source_format(it) is Format.SINGLE:
        sources = [FUNCTIONS["unbox"](function, source) for source in sources]
    words = [*sources, *([] if mode is None else [mode]), str(_LAYOUTS[it.format].fraction_bits)]
    arguments = ", ".join(["ptr %st", *(f"i64 {word}" for word in words)])
    result = call(_routine(it.operation), "i64", arguments)
    is_boxed = it.format is Format.SINGLE and not it.operation.startswith(_INTEGER_RESULTS)
    return FUNCTIONS["box"](function, result) if is_boxed else result


def may_ask_host(function: Function, it: Float, mode: str | None) -> str | None:
    """Whether the mode and the flags let the host's unit decide; None if it never does."""
    if mode is None:
        return "true" if it.operation is not _O.CLASS else None
    if it.operation in _TO_BITS:
        return function.compare("eq", mode, Rounding.TOWARDS_ZERO)
    if it.operation is _O.FROM_SINGLE:
        return "true"
    is_exact = it.format is Format.DOUBLE and it.operation in (_O.FROM_W, _O.FROM_WU)
    if is_exact:
        return "true"
    wanted = function.op("xor", _inexact(function), INEXACT)
    settled = function.compare("eq", function.op("or", wanted, mode), Rounding.NEAREST_EVEN)
    if it.operation in _FUSED:
        has_unit = function.compare("ne", function.word(layout.FUSED_UNIT), 0)
        return function.op("and", settled, has_unit, "i1")
    return settled


def by_host(function: Function, it: Float, sources: Sequence[str], call: Call) -> tuple[str, str]:
    """The host's result as a word, and whether it is one that the unit may decide."""
    kind = it.format
    if it.operation in _FROM:
        conversion = _FROM[it.operation]
        source = sources[0]
        if conversion.endswith("i32"):
            source = function.value(f"trunc i64 {source} to i32")
        result = function.value(f"{conversion} {source} to {TYPES[kind]}")
        return _word(function, kind, result), "true"
    numbers = [_number(function, _source_format(it), source) for source in sources]
    if it.operation in _TO_BITS:
        return _to_integer(function, it, numbers[0])
    if it.operation is _O.FROM_SINGLE:
        is_ordered = function.value(f"fcmp ord float {numbers[0]}, {numbers[0]}")
        if kind is Format.SINGLE:
            return _word(function, kind, numbers[0]), is_ordered
        wide = function.value(f"fpext float {numbers[0]} to double")
        return _word(function, kind, wide), is_ordered
    if it.operation in (_O.MIN, _O.MAX, *_COMPARISONS):
        return _compared(function, it, numbers)
    result = _arithmetic(function, it, numbers, call)
    return _word(function, kind, result), _is_plain(function, kind, result)


def either(
    function: Function, it: Float, sources: Sequence[str], mode: str | None, call: Call
) -> str:
    """The host's result where it may decide, else the routine's, as one value."""
    asks = may_ask_host(function, it, mode)
    if asks is None:
        return by_routine(function, it, sources, mode, call)
    ask, right, other, done = (function.name() for _ in range(4))
    function.branch(asks, ask, other, LIKELY)
    function.label(ask)
    result, is_right = by_host(function, it, sources, call)
    function.branch(is_right, right, other, LIKELY)
    function.label(right)
    function.jump(done)
    function.label(other)
    exact = by_routine(function, it, sources, mode, call)
    function.jump(done)
    function.label(done)
    return function.value(f"phi i64 [ {result}, %{right} ], [ {exact}, %{other} ]")


def _arithmetic(function: Function, it: Float, numbers: Sequence[str], call: Call) -> str:
    kind = TYPES[it.format]
    if it.operation in _BASIC:
        return function.value(f"{_BASIC[it.operation]} {kind} {', '.join(numbers)}")
    if it.operation in _FUSED:
        product, addend, last = numbers
        negates = _FUSED[it.operation]
        if negates[0]:
            product = function.value(f"fneg {kind} {product}")
        if negates[1]:
            last = function.value(f"fneg {kind} {last}")
        return call(unit_of(it.format), kind, f"{kind} {product}, {kind} {addend}, {kind} {last}")
    if it.operation is _O.FROM_DOUBLE:
        if it.format is Format.DOUBLE:
            return numbers[0]
        return function.value(f"fptrunc double {numbers[0]} to float")
    assert it.operation is _O.SQRT, it.operation
    return function.value(f"call {kind} @llvm.sqrt.f{BITS[it.format]}({kind} {numbers[0]})")


def _is_plain(function: Function, kind: Format, number: str) -> str:
    """Whether a number is normal and larger than the smallest such."""
    limits = _LAYOUTS[kind]
    smallest = (1 << limits.fraction_bits) + 1
    above = function.op("sub", _magnitude(function, kind, number), smallest, _whole(kind))
    return function.compare("ult", above, limits.infinity - smallest, _whole(kind))


def _compared(function: Function, it: Float, numbers: Sequence[str]) -> tuple[str, str]:
    kind = TYPES[it.format]
    pair = ", ".join(numbers)
    is_ordered = function.value(f"fcmp ord {kind} {pair}")
    if it.operation in _COMPARISONS:
        found = function.value(f"fcmp {_COMPARISONS[it.operation]} {kind} {pair}")
        return function.value(f"zext i1 {found} to i64"), is_ordered
    # Where both are the same, they differ in the sign of a zero at most.
    whole = _whole(it.format)
    bits = [function.value(f"bitcast {kind} {number} to {whole}") for number in numbers]
    is_minimum = it.operation is _O.MIN
    both = function.op("or" if is_minimum else "and", bits[0], bits[1], whole)
    is_first = function.value(f"fcmp {'olt' if is_minimum else 'ogt'} {kind} {pair}")
    is_same = function.value(f"fcmp oeq {kind} {pair}")
    other = function.value(f"select i1 {is_same}, {whole} {both}, {whole} {bits[1]}")
    chosen = function.value(f"select i1 {is_first}, {whole} {bits[0]}, {whole} {other}")
    return _register(function, it.format, chosen), is_ordered


def _to_integer(function: Function, it: Float, number: str) -> tuple[str, str]:
    kind, limits = it.format, _LAYOUTS[it.format]
    limit = (limits.bias + _TO_BITS[it.operation]) << limits.fraction_bits
    if it.operation in (_O.TO_WU, _O.TO_LU):  # A sign makes it the larger.
        size = function.value(f"bitcast {TYPES[kind]} {number} to {_whole(kind)}")
    else:
        size = _magnitude(function, kind, number)
    is_inside = function.compare("ult", size, limit, _whole(kind))
    # Outside of the range the conversion has no value: it is given another number.
    inside = f"select i1 {is_inside}, {TYPES[kind]} {number}, {TYPES[kind]} 0.0"
    value = function.value(f"fptosi {TYPES[kind]} {function.value(inside)} to i64")
    back = function.value(f"sitofp i64 {value} to {TYPES[kind]}")
    is_same = function.value(f"fcmp oeq {TYPES[kind]} {back}, {number}")
    is_raised = function.compare("ne", _inexact(function), 0)
    is_settled = function.op("or", is_same, is_raised, "i1")
    is_word = it.operation in (_O.TO_W, _O.TO_WU)
    result = sext32(function, value) if is_word else value
    return result, function.op("and", is_inside, is_settled, "i1")


def _inexact(function: Function) -> str:
    return function.op("and", function.word(s.FCSR), INEXACT)


def _whole(kind: Format) -> str:
    """The integer type as wide as a number."""
    return f"i{BITS[kind]}"


def _magnitude(function: Function, kind: Format, number: str) -> str:
    bits = function.value(f"bitcast {TYPES[kind]} {number} to {_whole(kind)}")
    return function.op("and", bits, (1 << BITS[kind] - 1) - 1, _whole(kind))


def _number(function: Function, kind: Format, word: str) -> str:
    """A register's word as a number of the host."""
    if kind is Format.SINGLE:
        word = FUNCTIONS["unbox"](function, word)
        low = function.value(f"trunc i64 {word} to i32")
        return function.value(f"bitcast i32 {low} to float")
    return function.value(f"bitcast i64 {word} to double")


def _word(function: Function, kind: Format, number: str) -> str:
    """A number of the host as a register's word."""
    bits = function.value(f"bitcast {TYPES[kind]} {number} to {_whole(kind)}")
    return _register(function, kind, bits)


def _register(function: Function, kind: Format, bits: str) -> str:
    if kind is Format.SINGLE:
        return FUNCTIONS["box"](function, function.value(f"zext i32 {bits} to i64"))
    return bits
