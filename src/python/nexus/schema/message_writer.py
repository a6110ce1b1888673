"""Writes values as messages of Cap'n Proto in one segment; the mirror of `message_writer.zig`."""

from __future__ import annotations

from typing import Any, Final  # Any: fields of generated kinds, known when it runs.

from nexus.schema.message_layout import (
    STRUCT_ITEMS,
    Field,
    Kind,
    Layout,
    Limits,
    Struct,
    Unread,
)

_WORD: Final = 8
_BYTE_ITEMS: Final = 2
_EMPTY_STRUCT: Final = 0xFFFF_FFFC


class NoRoom(Exception):
    """A value whose message has more words than the limit."""


def encode(value: Struct, limits: Limits) -> bytes:
    """Write a message: its table, and one segment in the order of the fields, depth first.

    Raises:
        NoRoom: it has more words than the limit.
    """
    builder = _Builder(limits.words)
    builder.struct(builder.take(1), value)
    words = len(builder.bytes) // _WORD
    return bytes(4) + words.to_bytes(4, "little") + bytes(builder.bytes)


class _Builder:
    def __init__(self, words_max: int) -> None:
        self.bytes = bytearray()
        self._max = words_max * _WORD

    def take(self, words: int) -> int:
        at = len(self.bytes) // _WORD
        if len(self.bytes) + words * _WORD > self._max:
            raise NoRoom(f"more than {self._max // _WORD} words")
        self.bytes += bytes(words * _WORD)
        return at

    def _store(self, target: int, offset: int, bits: int, value: int) -> None:
        size = bits // 8
        start = target * _WORD + offset * size
        self.bytes[start : start + size] = value.to_bytes(size, "little")

    def _point(self, at: int, target: int, kind: int, high: int) -> None:
        self._store(at, 0, 64, (target - at - 1) << 2 | kind | high << 32)

    def struct(self, at: int, value: Struct) -> None:
        layout = value.LAYOUT
        high = layout.data_words | layout.pointers << 16
        target = self.take(layout.data_words + layout.pointers)
        if high:
            self._point(at, target, 0, high)
        else:
            self._store(at, 0, 64, _EMPTY_STRUCT)
        self._fields(target, layout, value)

    def _fields(self, target: int, layout: Layout, value: Struct) -> None:
        member = None
        if layout.members:
            member = layout.members.index(getattr(value, "which"))  # noqa: B009 (not of all)
            self._store(target, layout.union_offset, 16, member)
        for field in layout.fields:
            if field.member is None or field.member == member:
                item = getattr(value, field.name)
                if field.is_pointer:
                    self._pointer(target + layout.data_words + field.offset, field.kind, item)
                else:
                    self._value(target, field, item)

    def _value(self, target: int, field: Field, value: Any) -> None:
        kind = field.kind
        if kind.name == "bool":
            if value != bool(field.default):
                self.bytes[target * _WORD + field.offset // 8] |= 1 << field.offset % 8
        elif kind.name != "void":
            bits = 16 if kind.name == "enum" else abs(kind.bits)
            raw = _ordinal(kind, value) if kind.name == "enum" else value
            mask = (1 << bits) - 1
            self._store(target, field.offset, bits, (raw & mask) ^ (field.default & mask))

    def _pointer(self, at: int, kind: Kind, value: Any) -> None:
        if kind.name == "any":
            assert isinstance(value, Unread), "a field of unknown type"
            if value.value is not None:
                self.struct(at, value.value)
        elif kind.name == "struct":
            self.struct(at, value)
        elif kind.name == "list":
            assert kind.item is not None, "a list is one of something"
            self._list(at, kind.item, value)
        elif value:
            octets = value.encode() + b"\0" if kind.name == "text" else value
            target = self.take((len(octets) + 7) // 8)
            self._point(at, target, 1, _BYTE_ITEMS | len(octets) << 3)
            self.bytes[target * _WORD : target * _WORD + len(octets)] = octets

    def _list(self, at: int, item: Kind, values: Any) -> None:
        if not values:
            return
        count = len(values)
        if item.name == "struct":
            layout = item.struct.LAYOUT
            each = layout.data_words + layout.pointers
            target = self.take(1 + count * each)
            self._point(at, target, 1, STRUCT_ITEMS | count * each << 3)
            high = layout.data_words | layout.pointers << 16
            self._store(target, 0, 64, count << 2 | high << 32)
            for index, value in enumerate(values):
                self._fields(target + 1 + index * each, layout, value)
            return
        bits = {1: 1, 6: 64}.get(item.size) or abs(item.bits)
        target = self.take((count * bits + 63) // 64)
        self._point(at, target, 1, item.size | count << 3)
        for index, value in enumerate(values):
            if item.size == 6:
                self._pointer(target + index, item, value)
            elif item.name == "bool":
                self.bytes[target * _WORD + index // 8] |= int(value) << index % 8
            else:
                self._store(target, index, bits, value & ((1 << bits) - 1))


def _ordinal(kind: Kind, value: Any) -> int:
    return 0 if value is None else list(kind.enumeration).index(value)
