"""The contract as zig: a file for each file of the schema, and `root.zig` that names them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from nexus.schema import names
from nexus.schema.model import (
    Constant,
    Enumeration,
    Member,
    Method,
    Module,
    Service,
    services_of,
)
from nexus.schema.python_code import NOTE, word_of
from nexus.schema.python_structs import Enumerations, class_name, imports_of, structs_of
from nexus.schema.zig_layouts import write_frame, write_line
from nexus.schema.zig_structs import write_struct


def write_root(modules: Iterable[Module]) -> str:
    """Write the file that is the module."""
    lines = [f"//! The contract between nodes. {NOTE.format('the schema')}", ""]
    parts = ["message", "methods", "services"]
    names = sorted([*(module.name for module in modules), *parts])
    lines += [f'pub const {name} = @import("{name}.zig");' for name in names]
    return "\n".join(lines) + "\n"


def write_module(module: Module, known: Enumerations) -> str:
    """Write one file; `known` are the enumerations of all."""
    lines = [*_comment("//!", module.doc), f"//! {NOTE.format(module.name + '.capnp')}", ""]
    structs = structs_of(module)
    if module.frames:
        lines += ['const std = @import("std");', ""]
    if structs:
        names = sorted([*imports_of(module), "message"])
        lines += [f'const {name} = @import("{name}.zig");' for name in names]
        lines.append("")
    for constant in module.constants:
        lines += _constant(constant)
    for line in module.lines:
        lines += write_line(line)
    for frame in module.frames:
        lines += ["", *write_frame(frame)]
    for enumeration in module.enumerations:
        write = _enumeration if not enumeration.is_failures else _failures
        lines += ["", *write(enumeration)]
    for struct in structs:
        lines += ["", *write_struct(module, struct, known)]
    return "\n".join(lines).rstrip() + "\n"


_SERVICES: Final = """\
//! The services that a peer may be allowed to call.
//! {note}

pub const Service = struct {{
    id: u8,
    /// The service of this node that answers.
    name: []const u8,
    magic: *const [2]u8,
    version_max: u8,
    /// Operations whose second execution is not the same as the first, of those that rules allow.
    changes: []const u8 = "",
    /// Operations that no rule lets through: they are for the node's own services.
    never: []const u8 = "",
}};

pub const services = [_]Service{{
{rows}}};
"""


def write_services(services: Iterable[Service]) -> str:
    """Write the table of all services that the gateway forwards to."""
    return _SERVICES.format(
        note=NOTE.format("the interfaces of the schema"),
        rows="".join(map(_service, services)),
    )


def _service(service: Service) -> str:
    fields = [
        f".id = {service.number}",
        f'.name = "{service.name}"',
        f".magic = {_literal(service.magic)}",
        f".version_max = {service.version_max}",
    ]
    changes = [code for code in service.changes if code not in service.never]
    if changes:
        fields.append(f'.changes = "{_bytes(changes)}"')
    if service.never:
        fields.append(f'.never = "{_bytes(service.never)}"')
    body = "".join(f"        {text},\n" for text in fields)
    return f"    .{{\n{body}    }},\n"


_METHODS: Final = """\
//! The methods that services answer: their numbers, and the messages of what they take and give.
//! {note}

{imports}

pub const Method = struct {{
    /// Of the service, as in `services`.
    service: u8,
    /// Its place in the service's interface.
    number: u16,
    /// Its operation in the service's frames.
    opcode: u8,
    Params: type,
    Results: type,
}};

pub const methods = [_]Method{{
{rows}}};
"""


def write_methods(modules: tuple[Module, ...]) -> str:
    """Write the table of all methods, by service and number."""
    services = {service.name: service for service in services_of(modules)}
    found = [
        (services[interface.serves], module, interface)
        for module in modules
        for interface in module.interfaces
    ]
    found.sort(key=lambda row: row[0].number)
    return _METHODS.format(
        note=NOTE.format("the interfaces of the schema"),
        imports="\n".join(
            f'const {name} = @import("{name}.zig");'
            for name in sorted({module.name for _, module, _ in found})
        ),
        rows="".join(
            _method(service, module, number, method)
            for service, module, interface in found
            for number, method in enumerate(interface.methods)
        ),
    )


def _method(service: Service, module: Module, number: int, method: Method) -> str:
    fields = [
        f".service = {service.number}",
        f".number = {number}",
        f".opcode = {service.operations[number][1]}",
        f".Params = {module.name}.{class_name(method.params)}",
        f".Results = {module.name}.{class_name(method.results)}",
    ]
    body = "".join(f"        {text},\n" for text in fields)
    return f"    .{{\n{body}    }},\n"


def _bytes(codes: Iterable[int]) -> str:
    return "".join(f"\\x{code:02x}" for code in codes)


def _comment(mark: str, text: str, indent: str = "") -> Iterator[str]:
    for line in text.split("\n") if text else ():
        yield f"{indent}{mark} {line}".rstrip()


def _constant(constant: Constant) -> Iterator[str]:
    yield from _comment("///", constant.doc)
    yield f"pub const {names.zig_quoted(names.snake(constant.name))} = {_literal(constant.value)};"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, bytes):
        text = value.decode("latin-1")
        return _literal(text) if text.isascii() and text.isprintable() else f'"{_bytes(value)}"'
    if isinstance(value, tuple):
        kind = "[]const u8" if isinstance(value[0], str) else "u8" if max(value) < 256 else "u32"
        return f"[_]{kind}{{ {', '.join(map(_literal, value))} }}"
    return str(value)


def _enumeration(enumeration: Enumeration) -> Iterator[str]:
    yield from _comment("///", enumeration.doc)
    tag = f"enum(u{enumeration.bits})" if enumeration.bits else "enum"
    yield f"pub const {names.pascal(enumeration.name)} = {tag} {{"
    for member in enumeration.members:
        yield from _comment("///", member.doc, "    ")
        if enumeration.bits:
            yield f"    {names.zig_quoted(names.zig_member(member.name))} = {member.code},"
        else:
            yield f"    {names.zig_quoted(word_of(member))},"
    if enumeration.is_open:
        yield "    _,"
    yield "};"


def _error(member: Member) -> str:
    """The name of an error: the last part of the member's text, `mux.reject.bad_name` `BadName`."""
    return "".join(map(names.pascal, word_of(member).rsplit(".", 1)[-1].split("_")))


def _failures(enumeration: Enumeration) -> Iterator[str]:
    """An error set, and a function that gives the text of each."""
    kind = names.pascal(enumeration.name)
    yield from _comment("///", enumeration.doc)
    yield f"pub const {kind} = error{{"
    yield from (f"    {_error(member)}," for member in enumeration.members)
    yield "};"
    yield ""
    yield f"/// The text of a `{kind}` in records."
    yield f"pub fn {names.snake(enumeration.name)}Text(failure: {kind}) []const u8 {{"
    yield "    return switch (failure) {"
    for member in enumeration.members:
        yield f'        error.{_error(member)} => "{word_of(member)}",'
    yield "    };"
    yield "}"
