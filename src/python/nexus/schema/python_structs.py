"""The messages of a schema as Python: a dataclass for each, with the places of its fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from nexus.schema import names
from nexus.schema.model import Enumeration, Field, Module, SchemaError, Struct, Type

Enumerations = dict[str, Enumeration]


def structs_of(module: Module) -> list[Struct]:
    """All structs of a module, parameters and results included, those that others need first."""
    found = list(module.structs)
    for interface in module.interfaces:
        for method in interface.methods:
            found += [method.params, method.results]
    return _in_order(module, found)


def _in_order(module: Module, structs: list[Struct]) -> list[Struct]:
    by_name = {f"{module.name}.{struct.name}": struct for struct in structs}
    ordered: list[Struct] = []

    def place(struct: Struct, within: tuple[str, ...]) -> None:
        if struct.name in within:
            raise SchemaError(f"{module.name}.capnp: {struct.name} holds itself")
        for field in struct.fields:
            needed = by_name.get((field.type.item or field.type).name)
            if needed is not None:
                place(needed, (*within, struct.name))
        if struct not in ordered:
            ordered.append(struct)

    for struct in structs:
        place(struct, ())
    return ordered


def class_name(struct: Struct | str) -> str:
    """`Samgr.resolveStatus.params` as `ResolveStatusParams`."""
    text = struct if isinstance(struct, str) else struct.name
    parts = text.split(".")
    return "".join(map(names.pascal, parts[1:] if len(parts) == 3 else parts))


def enumerations_of(modules: Iterable[Module]) -> Enumerations:
    """All enumerations, by module and name."""
    return {
        f"{module.name}.{enumeration.name}": enumeration
        for module in modules
        for enumeration in module.enumerations
    }


def imports_of(module: Module) -> list[str]:
    """The other modules whose types a module's structs have."""
    used = {
        (field.type.item or field.type).name.split(".")[0]
        for struct in structs_of(module)
        for field in struct.fields
    }
    return sorted(used - {"", module.name})


def write_struct(module: Module, struct: Struct, known: Enumerations) -> Iterator[str]:
    """Write the class of one struct."""
    yield "@dataclass(frozen=True, slots=True)"
    yield f"class {class_name(struct)}:"
    yield f'    """{struct.doc or _DOCS.get(struct.name.rsplit(".", 1)[-1], struct.name + ".")}"""'
    yield ""
    members = [field for field in struct.fields if field.member is not None]
    if members:
        yield f'    which: str = "{names.python_field(members[0].name)}"'
    for field in struct.fields:
        kind, default = python_type(module, field, known)
        if kind:
            yield f"    {names.python_field(field.name)}: {kind} = {default}"
    yield ""
    yield from _layout(module, struct, members, known)


_DOCS: Final = {"params": "What a call says.", "results": "What a service answers."}


def _layout(
    module: Module, struct: Struct, members: list[Field], known: Enumerations
) -> Iterator[str]:
    yield "    LAYOUT: ClassVar[_Layout] = _Layout("
    yield f"        {struct.data_words},"
    yield f"        {struct.pointers},"
    yield "        (" if struct.fields else "        (),"
    for field in struct.fields:
        yield f"            {_field(module, field, known)},"
    if struct.fields:
        yield "        ),"
    if members:
        ordered = sorted(members, key=lambda field: field.member or 0)
        said = ", ".join(f'"{names.python_field(field.name)}"' for field in ordered)
        yield f"        ({said}{',' if len(members) == 1 else ''}),"
        yield f"        {struct.union_offset},"
    yield "    )"


def _field(module: Module, field: Field, known: Enumerations) -> str:
    parts = [
        f'"{names.python_field(field.name)}"',
        _kind(module, field.type, known),
        str(field.offset),
    ]
    if field.default:
        parts.append(f"default={field.default}")
    if field.member is not None:
        parts.append(f"member={field.member}")
    if field.bytes_max:
        parts.append(f"bytes_max={field.bytes_max}")
    if field.items_max:
        parts.append(f"items_max={field.items_max}")
    if field.service_max:
        parts.append(f"service_max={field.service_max}")
    if field.is_optional:
        parts.append("is_optional=True")
    return f"_Field({', '.join(parts)})"


def _kind(module: Module, kind: Type, known: Enumerations) -> str:
    parts = [f'"{kind.kind}"']
    if kind.kind == "int":
        parts.append(str(kind.bits))
    if kind.name:
        parts.append(f"type={_reference(module, kind)}")
    if kind.kind == "enum" and known[kind.name].is_open:
        parts.append("is_open=True")
    if kind.item is not None:
        parts.append(f"item={_kind(module, kind.item, known)}")
    return f"_Kind({', '.join(parts)})"


def _reference(module: Module, kind: Type, prefix: str = "") -> str:
    home, _, name = kind.name.partition(".")
    here = prefix if home == module.name else f"{home}."
    return here + class_name(name)


def python_type(
    module: Module, field: Field, known: Enumerations, prefix: str = ""
) -> tuple[str, str]:
    """The annotation of a field and its default; `prefix` stands before the module's own names."""
    kind = field.type
    simple = {"int": ("int", str(field.default)), "text": ("str", '""'), "data": ("bytes", 'b""')}
    if kind.kind in simple:
        return simple[kind.kind]
    if kind.kind == "bool":
        return "bool", str(bool(field.default))
    if kind.kind == "any":
        return "Unread", "Unread()"
    if kind.kind == "void":
        return "None", "None"
    if kind.kind == "list":
        assert kind.item is not None, "a list is one of something"
        item, _ = python_type(module, Field("", 0, kind.item, 0), known, prefix)
        return f"tuple[{item}, ...]", "()"
    name = _reference(module, kind, prefix)
    if kind.kind == "struct":
        return name, f"{name}()"
    enumeration = known[kind.name]
    member = f"{name}.{names.upper(enumeration.members[field.default].name)}"
    return (f"{name} | None" if enumeration.is_open else name), member
