"""Reads messages of Cap'n Proto in one segment into values.

The mirror of `message.zig`, whose head gives the rules: both give the same verdict on any bytes.
Nothing here knows what the messages are about: the layouts say it, and `message_writer` writes by
the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final  # Any: fields of generated kinds, known when it runs.

from nexus.schema.message_layout import AnyStruct, Field, Kind, Limits, Unread

_WORD: Final = 8
_BYTE_ITEMS: Final = 2
_TOO_DEEP: Final = "structs and lists stand deeper in each other than the limit"
# Bits of an item, by the number that a pointer has for its size.
_ITEM_BITS: Final = (0, 1, 8, 16, 32, 64, 64, 0)


class MalformedMessage(Exception):
    """Bytes that are not a message of the kind that is read; a peer learns no more than that."""


@dataclass(frozen=True, slots=True)
class _Place:
    at: int
    data_words: int
    pointers: int


class Reader:
    """A message that is being read: its segment, and how much may still be followed."""

    def __init__(self, message: bytes, limits: Limits) -> None:
        """Check the table in front: one segment, of the length that is there."""
        if len(message) < 2 * _WORD or len(message) % _WORD or message[:4] != bytes(4):
            raise MalformedMessage("its table is not of one segment")
        words = int.from_bytes(message[4:8], "little")
        if words > limits.words or words != len(message) // _WORD - 1:
            raise MalformedMessage(
                f"{words} words of at most {limits.words}, in {len(message)} bytes"
            )
        self._bytes = message[_WORD:]
        self._words = words
        self._left = limits.traversal
        self._nesting = limits.nesting

    def root(self, kind: type[AnyStruct]) -> AnyStruct:
        """Read the message."""
        return self.read(kind, Unread(0))

    def read(self, kind: type[AnyStruct], what: Unread) -> AnyStruct:
        """Read a field of unknown type, now that it is known."""
        if what.at is None or not self._nesting:
            if what.at is not None:
                raise MalformedMessage(_TOO_DEEP)
            return kind()
        place = self._struct_at(what.at)
        return kind() if place is None else self._struct(kind, place, self._nesting - 1)

    def _word(self, at: int) -> int:
        return int.from_bytes(self._bytes[at * _WORD : (at + 1) * _WORD], "little")

    def _pay(self, count: int) -> None:
        if count > self._left:
            raise MalformedMessage("its pointers lead to more words than the limit")
        self._left -= count

    def _claim(self, at: int, pointer: int, count: int) -> int:
        offset = (pointer & 0xFFFF_FFFF) >> 2
        start = at + 1 + (offset - (1 << 30) if offset >> 29 else offset)
        if start < 0 or start + count > self._words:
            raise MalformedMessage("a pointer leads out of the segment")
        self._pay(count)
        return start

    def _struct_at(self, at: int) -> _Place | None:
        pointer = self._word(at)
        if not pointer:
            return None
        if pointer & 3:
            raise MalformedMessage("a pointer does not lead to a struct")
        data_words, pointers = pointer >> 32 & 0xFFFF, pointer >> 48
        return _Place(self._claim(at, pointer, data_words + pointers), data_words, pointers)

    def _struct(self, kind: type[AnyStruct], place: _Place, depth: int) -> AnyStruct:
        layout = kind.LAYOUT
        values: dict[str, Any] = {}
        member = None
        if layout.members:
            member = self._value(place.at, place.data_words, layout.union_offset, 16)
            if member >= len(layout.members):
                raise MalformedMessage(f"member {member} of a union")
            values["which"] = layout.members[member]
        for field in layout.fields:
            if field.member is None or field.member == member:
                values[field.name] = self._field(field, place, depth)
        return kind(**values)

    def _field(self, field: Field, place: _Place, depth: int) -> Any:
        kind = field.kind
        if field.is_pointer:
            at = None
            if field.offset < place.pointers:
                at = place.at + place.data_words + field.offset
            return self._pointer(kind, at, field, depth)
        if kind.name == "void":
            return None
        if kind.name == "bool":
            return self._bit(place.at, place.data_words, field.offset) != bool(field.default)
        bits = 16 if kind.name == "enum" else abs(kind.bits)
        raw = self._value(place.at, place.data_words, field.offset, bits)
        raw ^= field.default & ((1 << bits) - 1)
        return _member(kind, raw) if kind.name == "enum" else _signed(raw, kind.bits)

    def _pointer(self, kind: Kind, at: int | None, field: Field, depth: int) -> Any:
        if at is None or not self._word(at):
            return _nothing(kind)
        if kind.name == "any":
            return Unread(at)
        if not depth:
            raise MalformedMessage(_TOO_DEEP)
        if kind.name == "struct":
            place = self._struct_at(at)
            assert place is not None, "it is not null"
            return self._struct(kind.struct, place, depth - 1)
        if kind.name == "list":
            assert kind.item is not None, "a list is one of something"
            return self._list(kind.item, at, field, depth - 1)
        return self._octets(at, field, is_text=kind.name == "text")

    def _octets(self, at: int, field: Field, *, is_text: bool) -> str | bytes:
        pointer = self._word(at)
        count = pointer >> 35
        if pointer & 3 != 1 or pointer >> 32 & 7 != _BYTE_ITEMS:
            raise MalformedMessage("a pointer does not lead to bytes")
        start = self._claim(at, pointer, (count + 7) // 8) * _WORD
        octets = self._bytes[start : start + count]
        if is_text:
            if octets[-1:] != b"\0":
                raise MalformedMessage(f"{field.name} has no zero at its end")
            octets = octets[:-1]
        if field.bytes_max and len(octets) > field.bytes_max:
            raise MalformedMessage(
                f"{field.name} has {len(octets)} bytes; at most {field.bytes_max}"
            )
        try:
            return octets.decode() if is_text else octets
        except UnicodeDecodeError as exc:
            raise MalformedMessage(f"{field.name} is not UTF-8") from exc

    def _list(self, item: Kind, at: int, field: Field, depth: int) -> tuple[Any, ...]:
        pointer = self._word(at)
        count = pointer >> 35
        if pointer & 3 != 1 or pointer >> 32 & 7 != item.size:
            raise MalformedMessage("a pointer does not lead to a list of its items")
        if item.name == "struct":
            return self._structs(item, at, count, field, depth)
        start = self._claim(at, pointer, (count * _ITEM_BITS[item.size] + 63) // 64)
        _check_items(count, field)
        if item.name == "bool":
            return tuple(self._bit(start, 1 << 16, index) for index in range(count))
        if item.bits:
            bits = abs(item.bits)
            values = (self._value(start, 1 << 16, index, bits) for index in range(count))
            return tuple(_signed(value, item.bits) for value in values)
        return tuple(self._pointer(item, start + i, field, depth) for i in range(count))

    def _structs(
        self, item: Kind, at: int, count: int, field: Field, depth: int
    ) -> tuple[Any, ...]:
        start = 1 + self._claim(at, self._word(at), count + 1)
        tag = self._word(start - 1)
        items, data_words, pointers = (tag & 0xFFFF_FFFF) >> 2, tag >> 32 & 0xFFFF, tag >> 48
        each = data_words + pointers
        if tag & 3 or items * each > count:
            raise MalformedMessage(f"{field.name} has more items than words for them")
        if not each:
            self._pay(items)  # They cost nothing to send, and as much as any to look at.
        _check_items(items, field)
        if items and not depth:
            raise MalformedMessage(_TOO_DEEP)
        return tuple(
            self._struct(item.struct, _Place(start + i * each, data_words, pointers), depth - 1)
            for i in range(items)
        )

    def _value(self, at: int, data_words: int, offset: int, bits: int) -> int:
        size = bits // 8
        # A shorter struct is of an earlier version: the field has its default.
        if (offset + 1) * size > data_words * _WORD:
            return 0
        start = at * _WORD + offset * size
        return int.from_bytes(self._bytes[start : start + size], "little")

    def _bit(self, at: int, data_words: int, offset: int) -> bool:
        if offset >= data_words * 64:
            return False
        return bool(self._bytes[at * _WORD + offset // 8] >> offset % 8 & 1)


def _check_items(count: int, field: Field) -> None:
    if field.items_max and count > field.items_max:
        raise MalformedMessage(f"{field.name} has {count} items; at most {field.items_max}")


def _nothing(kind: Kind) -> Any:
    if kind.name == "struct":
        return kind.struct()
    return {"text": "", "data": b"", "list": ()}.get(kind.name, Unread())


def _signed(raw: int, bits: int) -> int:
    return raw - (1 << -bits) if bits < 0 and raw >> (-bits - 1) else raw


def _member(kind: Kind, ordinal: int) -> Enum | None:
    members = tuple(kind.enumeration)
    if ordinal < len(members):
        return members[ordinal]
    if not kind.is_open:
        raise MalformedMessage(f"member {ordinal} of {kind.enumeration.__name__}")
    return None


def decode(kind: type[AnyStruct], message: bytes, limits: Limits) -> AnyStruct:
    """Read a message that is wholly known.

    Raises:
        MalformedMessage: the bytes are no such message; refuse the peer that sent them.
    """
    return Reader(message, limits).root(kind)
