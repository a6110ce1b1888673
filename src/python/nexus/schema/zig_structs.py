"""The messages of a schema as zig: a struct for each, with the places of its fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nexus.schema import names
from nexus.schema.model import Field, Module, Struct, Type
from nexus.schema.python_structs import Enumerations, class_name

_KINDS: Final = {"text": ".text", "data": ".data", "struct": '.@"struct"', "list": ".list"}


def write_struct(module: Module, struct: Struct, known: Enumerations) -> Iterator[str]:
    """Write one struct."""
    yield from (f"/// {line}".rstrip() for line in struct.doc.split("\n") if struct.doc)
    yield f"pub const {class_name(struct)} = struct {{"
    members = sorted(
        (field for field in struct.fields if field.member is not None),
        key=lambda field: field.member or 0,
    )
    if members:
        said = [names.zig_quoted(names.zig_member(field.name)) for field in members]
        yield f"    which: enum(u16) {{ {', '.join(said)} }} = .{said[0]},"
    for field in struct.fields:
        kind, default = _zig_type(module, field, known)
        yield f"    {names.zig_quoted(names.zig_member(field.name))}: {kind} = {default},"
    if members or struct.fields:
        yield ""
    yield "    pub const layout: message.Layout = .{"
    yield f"        .data_words = {struct.data_words},"
    yield f"        .pointers = {struct.pointers},"
    if members:
        yield f"        .union_offset = {struct.union_offset},"
    if not struct.fields:
        yield "        .fields = &.{},"
    else:
        yield "        .fields = &.{"
        yield from (f"            .{{ {_field(field)} }}," for field in struct.fields)
        yield "        },"
    yield "    };"
    yield "};"


def _field(field: Field) -> str:
    parts = [f'.name = "{names.zig_member(field.name)}"', f".offset = {field.offset}"]
    kind = field.type
    if kind.is_pointer:
        parts.append(f".kind = {_KINDS.get(kind.kind, '.any')}")
    if kind.item is not None and kind.item.is_pointer:
        parts.append(f".item = {_KINDS[kind.item.kind]}")
    if field.default:
        parts.append(f".default = {field.default}")
    if field.member is not None:
        parts.append(f".member = {field.member}")
    if field.bytes_max:
        parts.append(f".bytes_max = {field.bytes_max}")
    if field.is_optional:
        parts.append(".optional = true")
    if field.items_max:
        parts.append(f".items_max = {field.items_max}")
    return ", ".join(parts)


def _zig_type(module: Module, field: Field, known: Enumerations) -> tuple[str, str]:
    """The type of a field and its default."""
    kind = field.type
    if kind.kind == "int":
        return f"{'i' if kind.bits < 0 else 'u'}{abs(kind.bits)}", str(field.default)
    if kind.kind == "bool":
        return "bool", "true" if field.default else "false"
    if kind.kind in ("text", "data"):
        return "[]const u8", '""'
    if kind.kind == "void":
        return "void", "{}"
    if kind.kind == "any":
        return "message.Any", ".{}"
    if kind.kind == "list":
        assert kind.item is not None, "a list is one of something"
        item, _ = _zig_type(module, Field("", 0, kind.item, 0), known)
        return f"message.List({item})", ".{}"
    name = _reference(module, kind)
    if kind.kind == "struct":
        return name, ".{}"
    enumeration = known[kind.name]
    member = names.zig_quoted(names.zig_member(enumeration.members[field.default].name))
    return ("?" if enumeration.is_open else "") + name, f".{member}"


def _reference(module: Module, kind: Type) -> str:
    home, _, name = kind.name.partition(".")
    return class_name(name) if home == module.name else f"{home}.{class_name(name)}"
