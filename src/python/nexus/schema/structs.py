"""Reads structs from the nodes of pycapnp's compiler, with the places that it gave to fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nexus.schema.model import Field, SchemaError, Struct, Type
from nexus.schema.nodes import FieldNode, Node, Slot, TypeNode, marks_of, value_of

# The compiler's number for a field that is in no union.
_NO_MEMBER: Final = 0xFFFF

_INTEGERS: Final = {
    **{f"uint{bits}": bits for bits in (8, 16, 32, 64)},
    **{f"int{bits}": -bits for bits in (8, 16, 32, 64)},
}


@dataclass(frozen=True, slots=True)
class Scope:
    """The scope of a node, which names its numbers: types and annotations; and comments by name."""

    types: Mapping[int, str]
    docs: Mapping[str, str]
    annotations: Mapping[int, str]


def read_struct(name: str, node: Node, scope: Scope) -> Struct:
    """Read one struct.

    Raises:
        SchemaError: it has a field of a kind that no message of the contract needs.
    """
    body = node.struct
    fields = tuple(_field(name, field, scope) for field in body.fields)
    return Struct(
        name,
        body.dataWordCount,
        body.pointerCount,
        fields,
        body.discriminantOffset if body.discriminantCount else None,
        scope.docs.get(name, ""),
    )


def _field(struct: str, field: FieldNode, scope: Scope) -> Field:
    own = f"{struct}.{field.name}"
    if field.which() != "slot":
        raise SchemaError(f"{own}: a group; a field is a value, a text, data, a struct or a list")
    slot = field.slot
    kind = type_of(own, slot.type, scope)
    marks = marks_of(field, scope.annotations)
    return Field(
        field.name,
        field.ordinal.explicit,
        kind,
        slot.offset,
        _default(own, kind, slot),
        None if field.discriminantValue == _NO_MEMBER else field.discriminantValue,
        marks.number("bytesMax"),
        marks.number("itemsMax"),
        marks.number("serviceMax"),
        "optional" in marks,
        scope.docs.get(own, ""),
    )


def type_of(own: str, node: TypeNode, scope: Scope) -> Type:
    """Read the type of a field, or of the items of a list."""
    which = node.which()
    if which in _INTEGERS:
        return Type("int", _INTEGERS[which])
    if which in ("void", "bool", "text", "data"):
        return Type(which)
    if which == "anyPointer":
        return Type("any")
    if which == "list":
        return Type("list", item=type_of(own, node.list.elementType, scope))
    if which in ("enum", "struct"):
        number = getattr(node, which).typeId
        if number not in scope.types:
            raise SchemaError(f"{own}: its type is not at the top of one of these schemas")
        return Type(which, 16 if which == "enum" else 0, scope.types[number])
    raise SchemaError(f"{own}: {which}; a field is a value, a text, data, a struct or a list")


def _default(own: str, kind: Type, slot: Slot) -> int:
    if not slot.hadExplicitDefault:
        return 0
    if kind.kind not in ("int", "enum", "bool"):
        raise SchemaError(f"{own}: a default; only numbers have one")
    default = value_of(slot.defaultValue)
    assert isinstance(default, int), f"{own}: its kind is a number"
    return int(default)
