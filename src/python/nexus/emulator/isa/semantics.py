"""The language in which a row of the table says what its instruction does.

Python syntax, parsed once by `ast` and compiled to as many targets as there are engines.  A row is
one or more statements separated by `;`:

    rd = EXPRESSION            write the destination register (x0 stays zero)
    NAME = EXPRESSION          a temporary
    jump(TARGET)               continue at TARGET instead of after the instruction
    branch(CONDITION, TARGET)  the same if CONDITION holds
    store_N(ADDRESS, VALUE)    write the low N bytes
    rd = load_uN(ADDRESS), load_sN(ADDRESS), reserve_N, conditional_N, atomic_N
    nothing()                  no effect
    system()                   not expressed here: the engine has a handler under the row's name

Every value is a 64-bit word.  `+ - * & | ^ << >>` wrap, compare and shift as unsigned; signed
meanings have names: `sra`, `lts`, `ges`, `mulh`, `mulhsu`, `divs`, `rems`.  `sext32` and `zext32`
take the low half.  `bit(CONDITION)` is 1 or 0.  Operands: `rs1 rs2 imm pc length`.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from nexus.emulator.isa.decode import BY_NAME

# Loads: function -> (bytes, signed).  Stores: function -> bytes.
LOADS: Final[Mapping[str, tuple[int, bool]]] = {
    "load_u1": (1, False),
    "load_u2": (2, False),
    "load_u4": (4, False),
    "load_u8": (8, False),
    "load_s1": (1, True),
    "load_s2": (2, True),
    "load_s4": (4, True),
}
STORES: Final[Mapping[str, int]] = {"store_1": 1, "store_2": 2, "store_4": 4, "store_8": 8}
ATOMICS: Final[Mapping[str, tuple[str, int]]] = {
    f"{kind}_{size}": (kind, size)
    for kind in ("reserve", "conditional", "atomic")
    for size in (4, 8)
}


@dataclass(frozen=True, slots=True)
class Semantics:
    """A parsed row: its statements, and the one memory or system function it uses, if any."""

    statements: tuple[ast.stmt, ...]
    special: str | None

    @property
    def is_system(self) -> bool:
        """True if an engine's handler does the work, not these statements."""
        return self.special == "system"

    @property
    def is_atomic(self) -> bool:
        return self.special in ATOMICS

    @property
    def is_jump(self) -> bool:
        """True if the next instruction may be elsewhere."""
        return any(call_name(s) in ("jump", "branch") for s in self.statements)


def call_name(statement: ast.stmt) -> str:
    """The name of the function a statement is about (call or value assigned); else empty."""
    if isinstance(statement, ast.Expr | ast.Assign):
        value = statement.value
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            return value.func.id
    return ""


@cache
def semantics_of(name: str) -> Semantics:
    """Parse the semantics of the base instruction `name`."""
    statements = tuple(ast.parse(BY_NAME[name].semantics).body)
    special = None
    for statement in statements:
        function = call_name(statement)
        if function in LOADS or function in STORES or function in ATOMICS or function == "system":
            special = function
    return Semantics(statements, special)
