"""Floating-point operations as step functions call them: on registers, with modes and flags.

    number = float_OPERATION_F(hart, pc, SOURCES..., rm)

Single precision is boxed in registers.  An instruction whose rounding mode is reserved, or is that
of an `frm` that is, is illegal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from nexus.emulator.isa.python_source import M64, unbox
from nexus.emulator.isa.statement import SOURCES, FloatOperation, Format
from nexus.emulator.reference import arithmetic
from nexus.emulator.reference import state as s
from nexus.emulator.reference.core import Core
from nexus.emulator.reference.ieee import DOUBLE, DYNAMIC, SINGLE, Layout, Rounding

# Sources and a mode (0 where there is none) to result and flags; numbers are not boxed here.
Operation = Callable[..., tuple[int, int]]

_RANGES: Final = {
    "w": (-(1 << 31), (1 << 31) - 1),
    "wu": (0, (1 << 32) - 1),
    "l": (-(1 << 63), (1 << 63) - 1),
    "lu": (0, (1 << 64) - 1),
}
_LAYOUTS: Final = {Format.SINGLE: SINGLE, Format.DOUBLE: DOUBLE}
_INTEGER_RESULTS: Final = ("le", "lt", "eq", "class")


def _signed(value: int, bits: int) -> int:
    """The number that the low bits of a word stand for in two's complement."""
    return (value & (1 << bits) - 1 ^ 1 << bits - 1) - (1 << bits - 1)


def _fused(layout: Layout, product: int, addend: int) -> Operation:
    """a * b + c with the signs of product and addend changed as asked."""

    def run(a: int, b: int, c: int, mode: int) -> tuple[int, int]:
        return arithmetic.fused(layout, a ^ product, b, c ^ addend, mode)

    return run


def _to_integer(layout: Layout, kind: str) -> Operation:
    lowest, highest = _RANGES[kind]
    is_word = kind.startswith("w")

    def run(a: int, mode: int) -> tuple[int, int]:
        value, flags = arithmetic.to_integer(layout, a, lowest, highest, mode)
        return (_signed(value, 32) if is_word else value) & M64, flags

    return run


def _from_integer(layout: Layout, kind: str) -> Operation:
    bits = 32 if kind.startswith("w") else 64

    def run(a: int, mode: int) -> tuple[int, int]:
        value = a & (1 << bits) - 1 if kind.endswith("u") else _signed(a, bits)
        return arithmetic.from_integer(layout, value, mode)

    return run


def _operations(layout: Layout) -> dict[FloatOperation, Operation]:
    f = FloatOperation
    sign = layout.sign
    two: Mapping[FloatOperation, Operation] = {
        f.MIN: arithmetic.minimum,
        f.MAX: arithmetic.maximum,
        f.LE: arithmetic.less_or_equal,
        f.LT: arithmetic.less,
        f.EQ: arithmetic.equal,
    }
    return {
        f.ADD: partial(arithmetic.add, layout),
        f.SUB: partial(arithmetic.subtract, layout),
        f.MUL: partial(arithmetic.multiply, layout),
        f.DIV: partial(arithmetic.divide, layout),
        f.SQRT: partial(arithmetic.root, layout),
        f.MADD: _fused(layout, 0, 0),
        f.MSUB: _fused(layout, 0, sign),
        f.NMSUB: _fused(layout, sign, 0),
        f.NMADD: _fused(layout, sign, sign),
        **{name: partial(operation, layout) for name, operation in two.items()},
        f.CLASS: lambda a: (arithmetic.classify(layout, a), 0),
        **{FloatOperation(f"to_{kind}"): _to_integer(layout, kind) for kind in _RANGES},
        **{FloatOperation(f"from_{kind}"): _from_integer(layout, kind) for kind in _RANGES},
        f.FROM_SINGLE: partial(arithmetic.convert, SINGLE, layout),
        f.FROM_DOUBLE: partial(arithmetic.convert, DOUBLE, layout),
    }


def name_of(operation: FloatOperation, kind: Format) -> str:
    """The functions that generated source calls."""
    return f"float_{operation}_{kind}"


def _call(operation: FloatOperation, kind: Format, run: Operation) -> Callable[..., int]:
    """The function that generated source calls."""
    takes_numbers = not operation.startswith("from_")
    source = {"s_to": Format.SINGLE, "d_to": Format.DOUBLE}.get(operation, kind)
    count = SOURCES.get(operation, 1)
    unboxes = takes_numbers and source is Format.SINGLE
    boxes = kind is Format.SINGLE and not operation.startswith(("to_", *_INTEGER_RESULTS))

    def call(hart: Core, pc: int, *operands: int) -> int:
        sources = operands[:count]
        modes = [_mode(hart, pc, said) for said in operands[count:]]
        if unboxes:
            sources = tuple(unbox(a) for a in sources)
        result, flags = run(*sources, *modes)
        if flags:
            hart.state[s.FCSR] |= flags
            hart.wrote_float()
        return result | 0xFFFF_FFFF_0000_0000 if boxes else result

    return call


def _mode(hart: Core, pc: int, said: int) -> int:
    """The rounding mode of an instruction whose immediate is `said`."""
    mode = said & 7
    if mode == DYNAMIC:
        mode = hart.state[s.FCSR] >> 5
    if mode > Rounding.NEAREST_AWAY:
        raise hart.illegal(pc)
    return mode


FLOAT_NAMESPACE: Final[Mapping[str, Callable[..., int]]] = {
    name_of(operation, kind): _call(operation, kind, run)
    for kind, layout in _LAYOUTS.items()
    for operation, run in _operations(layout).items()
}
