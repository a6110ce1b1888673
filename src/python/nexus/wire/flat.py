"""Structs of numbers, texts and data as bytes at once: most parameters and results are such.

A short cut beside `nexus.contract.message`, which knows every layout: what is written here are its
bytes, and what is read here is what it reads.  Only the layout that our writers make is read; any
other one, be it good or bad, is left to the reader of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from struct import Struct as Layout
from typing import Any, Final, Generic

from nexus.contract.message_layout import AnyStruct, Field, Struct

_WORD: Final = 8
_EMPTY: Final = (0xFFFF_FFFC).to_bytes(_WORD, "little")
_CODES: Final = {8: "B", 16: "H", 32: "I", 64: "Q"}
_U64: Final = Layout("<Q")

# A pointer to bytes: kind 1, items of size 2, and their number above that.
_BYTES: Final = 1 | 2 << 32
_COUNT_SHIFT: Final = 35
_ANY_LENGTH: Final = 1 << 32
# The zeros that bring so many bytes beyond a word to the next one.
_PADS: Final = tuple(bytes(-length % _WORD) for length in range(_WORD))


class Flat(Generic[AnyStruct]):
    """One kind of struct."""

    __slots__ = ("_data", "_enums", "_get", "_make", "_pointer", "_pointers", "_size", "_table")

    def __init__(self, kind: type[AnyStruct], values: list[Field], pointers: list[Field]) -> None:
        """Prepare for a kind whose fields are these, in the order of its own."""
        layout = kind.LAYOUT
        self._make: Callable[..., AnyStruct] = kind
        high = layout.data_words | layout.pointers << 16
        self._pointer = _U64.pack(high << 32) if high else _EMPTY
        self._data = Layout("<" + "".join(_pieces(values, layout.data_words)))
        self._table = Layout(f"<{layout.pointers}Q")
        self._enums = tuple(
            (index, tuple(field.kind.enumeration))
            for index, field in enumerate(values)
            if field.kind.name == "enum"
        )
        self._pointers = tuple(
            (attrgetter(field.name), field.kind.name == "text", field.bytes_max or _ANY_LENGTH)
            for field in pointers
        )
        self._get = tuple(attrgetter(field.name) for field in values)
        self._size = _WORD * (layout.data_words + layout.pointers)

    def write(self, value: AnyStruct) -> bytes:
        """Return the segment of a message: the pointer to the struct, and the struct."""
        out = self._pointer + self._data.pack(*[get(value) for get in self._get])
        if not self._pointers:
            return out
        table, tail, words = [], b"", len(self._pointers)
        for get, is_text, _ in self._pointers:
            words -= 1
            octets = get(value)
            if not octets:
                table.append(0)
                continue
            if is_text:
                octets = octets.encode() + b"\0"
            length = len(octets)
            table.append(_BYTES | length << _COUNT_SHIFT | words << 2)
            tail += octets + _PADS[length & 7]
            words += (length + 7) // _WORD
        return out + self._table.pack(*table) + tail

    def read(self, message: bytes, at: int) -> AnyStruct | None:
        """Return the struct whose pointer stands there; None if it has to be read otherwise."""
        start = at + _WORD
        end = start + self._size
        if message[at:start] != self._pointer or end > len(message):
            return None
        values = [*self._data.unpack_from(message, start)]
        for index, members in self._enums:
            raw = values[index]
            if raw >= len(members):
                return None
            values[index] = members[raw]
        if not self._pointers:
            return self._make(*values)
        at = start + self._data.size
        table = self._table.unpack_from(message, at)
        for pointer, (_, is_text, most) in zip(table, self._pointers, strict=True):
            at += _WORD
            length = pointer >> _COUNT_SHIFT
            if not pointer:
                values.append("" if is_text else b"")
                continue
            octets = message[end : end + length]
            is_there = length == len(octets) and 0 < length <= most + is_text
            if not is_there or pointer != _BYTES | length << _COUNT_SHIFT | (end - at) >> 1:
                return None
            end += length + 7 & ~7
            if is_text:
                if octets[-1]:
                    return None
                try:
                    values.append(octets[:-1].decode())
                except UnicodeDecodeError:
                    return None
            else:
                values.append(octets)
        return self._make(*values)


# As many as there are kinds of structs in the contract.
_FLATS: Final[dict[type[Struct], Flat[Any] | None]] = {}  # Any: each kind has its own.


def flat_of(kind: type[AnyStruct]) -> Flat[AnyStruct] | None:
    """Return the short cut for a kind of struct; None if it has lists, unions or the like."""
    if kind not in _FLATS:
        _FLATS[kind] = _make(kind)
    return _FLATS[kind]


def _make(kind: type[AnyStruct]) -> Flat[AnyStruct] | None:
    layout = kind.LAYOUT
    values, pointers = [], []
    for field in layout.fields:
        if field.kind.name in ("text", "data"):
            pointers.append(field)
        elif _is_plain(field):
            values.append(field)
        else:
            return None
    in_order = [*sorted(values, key=_place), *pointers]
    is_known = not layout.members and [*layout.fields] == in_order
    places = [field.offset for field in pointers]
    is_known = is_known and places == list(range(layout.pointers))
    return Flat(kind, values, pointers) if is_known else None


def _is_plain(field: Field) -> bool:
    kind = field.kind
    if field.default or field.member is not None:
        return False
    if kind.name == "enum":
        return [member.value for member in kind.enumeration] == list(range(len(kind.enumeration)))
    return kind.name == "int" and kind.bits > 0


def _place(field: Field) -> int:
    return field.offset * _bits(field)


def _bits(field: Field) -> int:
    return 16 if field.kind.name == "enum" else field.kind.bits


def _pieces(values: list[Field], words: int) -> Iterator[str]:
    at = 0
    for field in values:
        bits = _bits(field)
        gap = field.offset * bits // 8 - at
        if gap:
            yield f"{gap}x"
        yield _CODES[bits]
        at += gap + bits // 8
    if words * _WORD > at:
        yield f"{words * _WORD - at}x"
