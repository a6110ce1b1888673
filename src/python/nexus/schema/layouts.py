"""Reads structs that are bytes on the wire and not messages: frames, and lines of text.

A frame's fields are packed in their order, little-endian unless they say otherwise.  Fields of a
fixed width that stand together are a part; a text, data or a list ends it, and has its length in a
field before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nexus.schema.layout_model import Frame, Line, Part, Piece, Tail
from nexus.schema.model import Enumeration, SchemaError, Type
from nexus.schema.nodes import Marks, Node, marks_of, value_of
from nexus.schema.structs import Scope, type_of

_PLACE: Final = re.compile(r"\{(\w+)\}")
_VARIABLE: Final = ("text", "data", "list")


@dataclass(frozen=True, slots=True)
class _Slot:
    """One field as the compiler has it."""

    own: str
    name: str
    kind: Type
    marks: Marks
    value: int | str | bytes | None
    doc: str


def _slots(name: str, node: Node, scope: Scope) -> list[_Slot]:
    found = []
    for field in sorted(node.struct.fields, key=lambda field: field.codeOrder):
        own = f"{name}.{field.name}"
        if field.which() != "slot":
            raise SchemaError(f"{own}: a group; a field of bytes is a number, a text, data or list")
        slot = field.slot
        kind = type_of(own, slot.type, scope)
        marks = marks_of(field, scope.annotations)
        doc = scope.docs.get(own, "")
        value = value_of(slot.defaultValue) if slot.hadExplicitDefault else None
        if not isinstance(value, int | str | bytes | None):
            raise SchemaError(f"{own}: a default; only numbers, texts and data have one")
        found.append(_Slot(own, field.name, kind, marks, value, doc))
    return found


def read_frame(name: str, node: Node, scope: Scope, known: Mapping[str, Enumeration]) -> Frame:
    """Read a struct that is marked as bytes.

    Raises:
        SchemaError: a field has no place in bytes, or no length.
    """
    parts: list[Part] = []
    pieces: list[Piece] = []
    at, after = 0, ""
    for slot in _slots(name, node, scope):
        end = parts[-1].tail if parts else None
        if end is not None and not end.length:
            raise SchemaError(f"{slot.own}: behind {end.name}, which goes on to the frame's end")
        if slot.kind.kind in _VARIABLE and "width" not in slot.marks:
            tail = _tail(slot, pieces)
            parts.append(Part(after, tuple(pieces), tail))
            pieces, at, after = [], 0, slot.name
            continue
        piece = _piece(slot, at, known)
        pieces.append(piece)
        at += piece.width
    if pieces or not parts:
        parts.append(Part(after, tuple(pieces), None))
    frame = Frame(name, tuple(parts), scope.docs.get(name, ""))
    expected = marks_of(node, scope.annotations).number("headBytes", frame.parts[0].width)
    if expected != frame.parts[0].width:
        raise SchemaError(f"{name}: headBytes {expected}; its fields take {frame.parts[0].width}")
    return frame


def _piece(slot: _Slot, at: int, known: Mapping[str, Enumeration]) -> Piece:
    always: int | bytes | None = None
    enumeration = ""
    if slot.kind.kind in ("text", "data"):
        width = slot.marks.number("width")
        if "always" in slot.marks:
            always = _octets(slot.value)
            if len(always) != width:
                raise SchemaError(f"{slot.own}: {len(always)} bytes always; its width is {width}")
        elif "reserved" in slot.marks:
            always = bytes(width)
    elif slot.kind.kind == "enum":
        found = known[slot.kind.name]
        if not found.bits:
            raise SchemaError(f"{slot.own}: {slot.kind.name} has no numbers; give it `bits`")
        width, enumeration = found.bits // 8, slot.kind.name
        if "always" in slot.marks:
            always = found.members[int(slot.value or 0)].code
    elif slot.kind.kind == "int" and slot.kind.bits > 0:
        width = slot.kind.bits // 8
        if "always" in slot.marks:
            always = int(slot.value or 0)
        elif "reserved" in slot.marks:
            always = 0
    else:
        raise SchemaError(f"{slot.own}: {slot.kind}; bytes are numbers without sign, text or data")
    is_data = slot.kind.kind in ("text", "data")
    return Piece(
        slot.name, at, width, is_data, "bigEndian" in slot.marks, always, enumeration, slot.doc
    )


def _octets(value: int | str | bytes | None) -> bytes:
    """The bytes of a text's or data's default; without one it is empty."""
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else b""


def _tail(slot: _Slot, pieces: list[Piece]) -> Tail:
    length = slot.marks.text("lengthIn") or ""
    if length and length not in {piece.name for piece in pieces}:
        raise SchemaError(
            f"{slot.own}: lengthIn {length!r}; before it stand "
            f"{', '.join(piece.name for piece in pieces) or 'no fields'}"
        )
    item = slot.kind.item
    if item is not None and (item.kind != "text" or slot.marks.number("prefix") != 8):
        raise SchemaError(f"{slot.own}: {slot.kind}; a list in bytes is of texts with `prefix(8)`")
    if item is not None and not (length and "itemsMax" in slot.marks):
        raise SchemaError(f"{slot.own}: a list in bytes has `lengthIn` and `itemsMax`")
    return Tail(
        slot.name,
        slot.kind.kind,
        length,
        slot.marks.number("bytesMax"),
        slot.marks.number("itemsMax"),
        slot.doc,
    )


def read_line(name: str, node: Node, scope: Scope) -> Line:
    """Read a struct that is marked as a line of text.

    Raises:
        SchemaError: the text does not name just the fields, in their order.
    """
    text = marks_of(node, scope.annotations).text("line") or ""
    fields = [(slot.name, _form(slot), slot.doc) for slot in _slots(name, node, scope)]
    placed = _PLACE.findall(text)
    if placed != [field for field, _, _ in fields]:
        raise SchemaError(
            f"{name}: its line has {', '.join(placed) or 'no fields'}; the struct has "
            f"{', '.join(field for field, _, _ in fields) or 'none'}"
        )
    return Line(name, text, tuple(fields), scope.docs.get(name, ""))


def _form(slot: _Slot) -> str:
    if slot.kind.kind == "text":
        return next((form for form in ("shown", "member") if form in slot.marks), "text")
    if slot.kind.kind == "enum":
        return "member"
    if slot.kind.kind == "int":
        return f"hex{slot.marks.number('hex')}" if "hex" in slot.marks else "number"
    raise SchemaError(f"{slot.own}: {slot.kind}; a line has numbers, texts and members")
