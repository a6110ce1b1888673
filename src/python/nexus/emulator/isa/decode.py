"""The whole instruction table, and the decoder generated from it.

Decoding is a handful of dictionary look-ups: rows are grouped by mask, and a word belongs to the
row found under `word & mask`, masks with more fixed bits first.  That is total by construction:
every 32-bit word is one instruction or `None`.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final, Generic, NamedTuple, TypeVar

from nexus.emulator.isa.bits import ZBA, ZBB, ZBS, ZICOND
from nexus.emulator.isa.compressed import RV64C, RV64DC, ZCB
from nexus.emulator.isa.cpu import ALL_EXTENSIONS, mask_of
from nexus.emulator.isa.encoding import fixed_bits
from nexus.emulator.isa.floating import FLOATING
from nexus.emulator.isa.integer import RV64I, RV64M
from nexus.emulator.isa.row import Compressed, Instruction
from nexus.emulator.isa.system import PRIVILEGED, RV64A, ZICSR

_ALWAYS: Final = (*RV64I, *RV64M, *RV64A, *ZICSR, *PRIVILEGED)
_BY_CHOICE: Final = (*FLOATING, *ZBA, *ZBB, *ZBS, *ZICOND)
BASE: Final[tuple[Instruction, ...]] = (*_ALWAYS, *_BY_CHOICE)
BY_NAME: Final = {row.name: row for row in BASE}
_SHORT_BY_CHOICE: Final = (*RV64DC, *ZCB)
COMPRESSED: Final[tuple[Compressed, ...]] = (*RV64C, *_SHORT_BY_CHOICE)

RowT = TypeVar("RowT", Instruction, Compressed)


class Decoded(NamedTuple):
    """An instruction with its operands; registers absent from the encoding are 0.

    Floating-point registers have the numbers from FLOAT_BASE on (`isa/encoding.py`).
    """

    name: str
    rd: int
    rs1: int
    rs2: int
    imm: int
    length: int
    needs: int = 0  # Mask of the optional extensions without which it is illegal.


class _Matcher(Generic[RowT]):
    """Rows found by masked look-up, most specific mask first."""

    def __init__(self, rows: tuple[RowT, ...]) -> None:
        groups: dict[int, dict[int, RowT]] = {}
        for row in rows:
            mask, match = fixed_bits(row.pattern)
            group = groups.setdefault(mask, {})
            assert match not in group, f"{row.name}: encoding taken"
            group[match] = row
        self._groups: list[tuple[int, dict[int, RowT]]] = sorted(
            groups.items(), key=lambda item: -item[0].bit_count()
        )

    def find(self, word: int) -> RowT | None:
        for mask, rows in self._groups:
            row = rows.get(word & mask)
            if row is not None:
                return row
        return None


# The rows of every hart are looked at first, and the rest is made when it is needed: the words of
# an optional row are those of no other.
@cache
def _base() -> _Matcher[Instruction]:
    return _Matcher(_ALWAYS)


@cache
def _base_by_choice() -> _Matcher[Instruction]:
    return _Matcher(_BY_CHOICE)


@cache
def _short() -> _Matcher[Compressed]:
    return _Matcher(RV64C)


@cache
def _short_by_choice() -> _Matcher[Compressed]:
    return _Matcher(_SHORT_BY_CHOICE)


def length_of(low_half: int) -> int:
    """The length in bytes of an instruction that starts with these 16 bits."""
    return 4 if low_half & 3 == 3 else 2


# A guest of a few hundred KiB has fewer distinct instructions than this.
DECODED_WORDS_MAX: Final = 1 << 17


def needed(row: Instruction | Compressed) -> int:
    """The optional extensions without which a row is illegal, as a mask."""
    own = mask_of(row.requires)
    return own if isinstance(row, Instruction) else own | needed(BY_NAME[row.base])


@lru_cache(maxsize=DECODED_WORDS_MAX)
def decode(word: int, extensions: int = ALL_EXTENSIONS) -> Decoded | None:
    """Decode 32 fetched bits; a compressed instruction uses the low half.  `None` is illegal.

    `extensions` is the mask of a hart's set (`isa/cpu.py`).
    """
    if word & 3 != 3:
        return _expand(word & 0xFFFF, extensions)
    row = _base().find(word)
    if row is None:
        row = _base_by_choice().find(word) if extensions else None
    if row is None or needed(row) & ~extensions:
        return None
    return _decoded(row.name, row.encoding.operands(word), 4, needed(row))


def _expand(half: int, extensions: int) -> Decoded | None:
    row = _short().find(half)
    if row is None:
        row = _short_by_choice().find(half) if extensions else None
    if row is None or needed(row) & ~extensions:
        return None
    operands = row.encoding.operands(half)
    if not all(operands[name] for name in row.nonzero):
        return None
    return _decoded(row.base, {**operands, **row.fixed}, 2, needed(row))


def _decoded(name: str, operands: dict[str, int], length: int, needs: int) -> Decoded:
    get = operands.get
    return Decoded(name, get("rd", 0), get("rs1", 0), get("rs2", 0), get("imm", 0), length, needs)
