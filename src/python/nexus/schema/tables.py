"""The tables of the contract for readers: docs/spec/contract.md.

python -m nexus.schema.tables schemas/*.capnp > docs/spec/contract.md
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.entry.program import run_program
from nexus.schema import names
from nexus.schema.layout_model import Frame, Piece, Tail
from nexus.schema.model import (
    Constant,
    Enumeration,
    Field,
    Interface,
    Member,
    Module,
    Struct,
    services_of,
)
from nexus.schema.python_code import word_of
from nexus.schema.reading import read_modules

_HEAD: Final = """\
# The contract

Everything that nodes must agree on, as `schemas/*.capnp` has it. This page is generated from there:

    ./pants run src/python/nexus/schema/tables.py -- schemas/*.capnp > docs/spec/contract.md

In zig it is the module `contract`, in Python the package `nexus.contract`; neither is in the
repository. What the numbers are for is said by the other pages: [wire](wire.md),
[session](session.md), [streams](streams.md), [packagefs](packagefs.md), [statefs](statefs.md),
[local services](local-services.md), [node configuration](node-config.md).
"""


def write_page(modules: Sequence[Module]) -> str:
    """Write the page; the same schemas give the same bytes."""
    lines = [_HEAD, *_services(tuple(modules))]
    for module in modules:
        lines += ["", f"## {module.name}.capnp", "", *_prose(module.doc)]
        if module.constants:
            lines += ["", "| constant | value | |", "|---|---|---|"]
            lines += map(_constant, module.constants)
        for enumeration in module.enumerations:
            lines += _enumeration(enumeration)
        for frame in module.frames:
            lines += _frame(frame)
        if module.lines:
            lines += _lines(module)
        for struct in module.structs:
            lines += _struct(struct)
        for interface in module.interfaces:
            lines += _interface(interface)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _services(modules: tuple[Module, ...]) -> Iterator[str]:
    yield "## Services that a peer may call"
    yield ""
    yield "| number | name | frames | operations that a configuration may allow |"
    yield "|---|---|---|---|"
    for service in services_of(modules):
        versions = "v1" if service.version_max == 1 else f"v1 to v{service.version_max}"
        said = ", ".join(
            f"`{names.kebab(name)}` ({code}{', changes' if code in service.changes else ''})"
            for name, code in service.operations
        )
        magic = service.magic.decode()
        yield f"| {service.number} | {service.name} | `{magic}` {versions} | {said} |"


def _prose(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield from textwrap.wrap(paragraph, 100, break_long_words=False, break_on_hyphens=False)
        yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _constant(constant: Constant) -> str:
    value = constant.value
    shown = f"`{value.decode('latin-1')}`" if isinstance(value, bytes) else str(value)
    if isinstance(value, str):
        shown = f"`{value}`"
    if isinstance(value, tuple):
        shown = ", ".join(map(str, value))
    return f"| {constant.name} | {shown} | {_cell(constant.doc)} |"


def _enumeration(enumeration: Enumeration) -> Iterator[str]:
    is_open = " Open: later versions may add members." if enumeration.is_open else ""
    yield from ("", f"### {enumeration.name}", "", *_prose(enumeration.doc + is_open))
    yield f"| member | {'text' if enumeration.has_words else 'number'} | |"
    yield "|---|---|---|"
    for member in enumeration.members:
        value = f"`{word_of(member)}`" if enumeration.has_words else str(member.code)
        yield f"| {member.name} | {value} | {_cell(_about(member))} |"


def _about(member: Member) -> str:
    marks = [
        text
        for is_so, text in (
            (member.changes, "changes something"),
            (member.never, "no configuration allows it"),
            (member.is_guest_only, "within one guest"),
        )
        if is_so
    ]
    return f"{member.doc} ({', '.join(marks)})" if marks else member.doc


def _frame(frame: Frame) -> Iterator[str]:
    most = f" At most {frame.bytes_max} bytes." if frame.bytes_max else ""
    yield from ("", f"### {frame.name}, bytes", "", *_prose(frame.doc + most))
    yield "| off | width | field | |"
    yield "|---|---|---|---|"
    at, before = 0, ""
    for part in frame.parts:
        for piece in part.pieces:
            shown = f"{at + piece.at}{before}"
            yield f"| {shown} | {piece.width} | {piece.name} | {_cell(_of_piece(piece))} |"
        at += part.width
        if part.tail is not None:
            width = f"`{part.tail.length}`" if part.tail.length else "the rest"
            width = "…" if part.tail.kind == "list" else width
            yield f"| {at}{before} | {width} | {part.tail.name} | {_cell(_of_tail(part.tail))} |"
            before += f" + `{part.tail.length}`"


def _of_piece(piece: Piece) -> str:
    marks = ["big-endian"] * piece.is_big
    if isinstance(piece.always, bytes):
        marks.append("0" if not any(piece.always) else f"`{piece.always.decode('latin-1')}`")
    elif piece.always is not None:
        marks.append(f"{piece.always}")
    elif piece.enumeration:
        marks.append(f"`{piece.enumeration}`")
    return "; ".join([*marks, *[piece.doc] * bool(piece.doc)])


def _of_tail(tail: Tail) -> str:
    most = f"at most {tail.bytes_max} bytes" if tail.bytes_max else ""
    if tail.kind == "list":
        most = f"`{tail.length}` times a length u8 and a text, {most} each"
    return "; ".join(part for part in (most, tail.doc) if part)


def _lines(module: Module) -> Iterator[str]:
    yield from ("", "| line | text | |", "|---|---|---|")
    for line in module.lines:
        fields = [f"`{name}`: {doc}" for name, _, doc in line.fields if doc]
        about = " ".join([*[line.doc] * bool(line.doc), *fields])
        yield f"| {line.name} | `{line.text}` | {_cell(about)} |"


def _struct(struct: Struct) -> Iterator[str]:
    yield from ("", f"### {struct.name}", "", *_prose(struct.doc))
    yield "| field | number | type | |"
    yield "|---|---|---|---|"
    for field in struct.fields:
        yield f"| {field.name} | {field.ordinal} | {_type(field)} | {_cell(field.doc)} |"


def _type(field: Field) -> str:
    limits = [
        text
        for limit, text in (
            (field.bytes_max, f"at most {field.bytes_max} bytes"),
            (field.items_max, f"at most {field.items_max} items"),
            (field.service_max, f"the service takes at most {field.service_max} bytes"),
        )
        if limit
    ]
    member = ", member of the union" if field.member is not None else ""
    member += ", may be left out" if field.is_optional else ""
    return f"{field.type}{member}{', ' if limits else ''}{', '.join(limits)}"


def _interface(interface: Interface) -> Iterator[str]:
    yield from ("", f"### {interface.name}", "", *_prose(interface.doc))
    yield "| method | number | parameters | results | |"
    yield "|---|---|---|---|---|"
    for number, method in enumerate(interface.methods):
        params, results = _fields(method.params.fields), _fields(method.results.fields)
        yield f"| {method.name} | {number} | {params} | {results} | {_cell(method.doc)} |"


def _fields(fields: Iterable[Field]) -> str:
    return "; ".join(f"{field.name}: {_type(field)}" for field in fields)


def main(arguments: Sequence[str]) -> int:
    """Print the page; one line a mistake and exit code 20 for whatever is wrong."""
    parser = CommandLine("nexus.schema.tables", "Print the tables of the contract.")
    parser.add_argument("schemas", nargs="+", type=Path, metavar="FILE", help="a schema")
    try:
        options = parser.parse_args(arguments)
        print(write_page(read_modules(options.schemas)), end="")
    except NexusError as exc:
        return fail(str(exc))
    return 0


if __name__ == "__main__":
    run_program(main)
