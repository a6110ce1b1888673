"""The compressed instructions of Zcb, each on a register or a word of memory that was drawn.

They have no rows of their own: each stands for another instruction, and what can be wrong is their
encoding.  Operands are in a0 and a1, the result is in a3; a2 points to a word of memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nexus.emulator.isa.compressed import ZCB as ROWS

_ON_REGISTER: Final = ("c.zext.b", "c.sext.b", "c.zext.h", "c.sext.h", "c.zext.w", "c.not")
_LOADS: Final = {"c.lbu": (0, 1, 2, 3), "c.lhu": (0, 2), "c.lh": (0, 2)}
_STORES: Final = {"c.sb": (0, 1, 2, 3), "c.sh": (0, 2)}

# Where the word is: beyond the program, and inside of the least memory that a test gives it.
_WORD: Final = "li a2, 0x80080000\nsd a0, 0(a2)\n"
_A1, _A2, _A3 = 11, 12, 13
_ROWS: Final = {row.name: row for row in ROWS}


def _access(name: str, offset: int, **registers: int) -> str:
    """The half word of a load or a store, whose operands the assembler does not write."""
    word = _ROWS[name].encoding.insert({"rs1": _A2, "imm": offset, **registers})
    return f"{_WORD}.byte {word & 0xFF}, {word >> 8}"


# Texts of each, one for each offset.
ZCB: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: (f"mv a3, a0\n{name} a3",) for name in _ON_REGISTER},
    "c.mul": ("mv a3, a0\nc.mul a3, a1",),
    **{
        name: tuple(_access(name, offset, rd=_A3) for offset in offsets)
        for name, offsets in _LOADS.items()
    },
    **{
        name: tuple(f"{_access(name, offset, rs2=_A1)}\nld a3, 0(a2)" for offset in offsets)
        for name, offsets in _STORES.items()
    },
}
