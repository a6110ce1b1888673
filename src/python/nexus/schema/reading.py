"""Reads schemas with pycapnp, the judge of what is well-formed, into the values of the model.

Everything is taken from the nodes that the compiler in it makes, and the comments from the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import capnp

from nexus.schema.comments import comments_of
from nexus.schema.layout_model import Frame, Line
from nexus.schema.layouts import read_frame, read_line
from nexus.schema.model import (
    Constant,
    Enumeration,
    Interface,
    Member,
    Method,
    Module,
    SchemaError,
    Struct,
    Value,
)
from nexus.schema.nodes import InterfaceSchema, Node, Parsed, Parser, Root, marks_of
from nexus.schema.structs import Scope, read_struct
from nexus.schema.trial import find_mistakes

ANNOTATIONS: Final = "annotations.capnp"

_WIDTHS: Final = {"uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64}


def read_modules(paths: Iterable[Path]) -> tuple[Module, ...]:
    """Read schemas, sorted by name; the file of annotations is not a module.

    Raises:
        SchemaError: one line for each mistake, with file, line and column as the compiler has them.
    """
    files = sorted(set(paths), key=lambda path: path.name)
    for path in files:
        if not path.is_file():
            raise SchemaError(f"{path}: no such file")
    mistakes = find_mistakes(files, lambda: _compile(files))
    if mistakes:
        raise SchemaError("\n".join(mistakes))
    parser = capnp.SchemaParser()
    loaded = [(path, _load(parser, path)) for path in files]
    known = _annotations(parser, files)
    enumerations = {
        f"{path.stem}.{each.name}": each
        for path, root in loaded
        for each in _enumerations(root, comments_of(path.read_text()), known)
    }
    names = {
        nested.id: f"{path.stem}.{nested.name}"
        for path, root in loaded
        for nested in root.schema.node.nestedNodes
    }
    return tuple(
        _module(path.stem, root, Scope(names, comments_of(path.read_text()), known), enumerations)
        for path, root in loaded
        if path.name != ANNOTATIONS
    )


def _load(parser: Parser, path: Path) -> Root:
    return parser.load(str(path), imports=[str(path.parent)])


def _compile(files: Iterable[Path]) -> None:
    """Make every node, which is when the compiler finds what is wrong with it."""
    parser = capnp.SchemaParser()
    for path in files:
        root = _load(parser, path)
        for nested in root.schema.node.nestedNodes:
            getattr(root, nested.name, None)


def _annotations(parser: Parser, files: Iterable[Path]) -> Mapping[int, str]:
    """The ids of the annotations, and their names."""
    for path in files:
        beside = path.with_name(ANNOTATIONS)
        if beside.is_file():
            nodes = _load(parser, beside).schema.node.nestedNodes
            return {node.id: node.name for node in nodes}
    return {}


def _nodes(root: Root) -> Iterator[tuple[str, Parsed]]:
    """The things at the top of a file, by name.

    By their nodes, and not as attributes: a member may have the name of one, as `schema` has.
    """
    for nested in root.schema.node.nestedNodes:
        yield nested.name, root.schema.get_nested(nested.name)


def _enumerations(
    root: Root, docs: Mapping[str, str], known: Mapping[int, str]
) -> Iterator[Enumeration]:
    for name, parsed in _nodes(root):
        if parsed.node.which() == "enum":
            yield _enumeration(name, parsed.node, docs, known)


def _module(name: str, root: Root, scope: Scope, enumerations: Mapping[str, Enumeration]) -> Module:
    constants: list[Constant] = []
    interfaces: list[Interface] = []
    structs: list[Struct] = []
    frames: list[Frame] = []
    lines: list[Line] = []
    for own, parsed in _nodes(root):
        match parsed.node.which():
            case "struct":
                marks = marks_of(parsed.node, scope.annotations)
                if "frame" in marks:
                    frames.append(read_frame(own, parsed.node, scope, enumerations))
                elif "line" in marks:
                    lines.append(read_line(own, parsed.node, scope))
                else:
                    structs.append(read_struct(own, parsed.node, scope))
            case "interface":
                interfaces.append(_interface(own, parsed.as_interface(), scope))
            case "const":
                doc = scope.docs.get(own, "")
                constants.append(_constant(name, own, parsed.as_const_value(), doc))
    named = [constant.name for constant in constants]
    for line in lines:
        if line.name[0].lower() + line.name[1:] in named:
            raise SchemaError(
                f"{name}.capnp: {line.name} is a line and a constant, in one spelling"
            )
    return Module(
        name,
        scope.docs.get("", ""),
        tuple(constants),
        tuple(_enumerations(root, scope.docs, scope.annotations)),
        tuple(interfaces),
        tuple(structs),
        tuple(frames),
        tuple(lines),
    )


def _constant(
    module: str, name: str, value: bool | int | str | bytes | Iterable[int | str], doc: str
) -> Constant:
    found = value if isinstance(value, bool | int | str | bytes) else _items(value)
    if found is None:
        raise SchemaError(
            f"{module}.capnp: const {name} is a {type(value).__name__}; constants are "
            "numbers, texts, data, and lists of numbers or of texts that are not empty"
        )
    return Constant(name, found, doc)


def _items(value: Iterable[int | str]) -> Value | None:
    """A list's items, of one type; None if it is empty, or not a list."""
    try:
        items = tuple(value)
    except TypeError:
        return None
    numbers = tuple(item for item in items if isinstance(item, int))
    texts = tuple(item for item in items if isinstance(item, str))
    return next((found for found in (numbers, texts) if items and len(found) == len(items)), None)


def _enumeration(
    name: str, node: Node, docs: Mapping[str, str], known: Mapping[int, str]
) -> Enumeration:
    marks = marks_of(node, known)
    bits = marks.number("bits")
    members: list[Member] = []
    for enumerant in node.enum.enumerants:
        own = marks_of(enumerant, known)
        members.append(
            Member(
                enumerant.name,
                own.number("code", len(members)),
                own.text("word"),
                docs.get(f"{name}.{enumerant.name}", ""),
                "changes" in own,
                "never" in own,
                "guest" in own,
            )
        )
    _check_enumeration(name, bits, members)
    return Enumeration(
        name, tuple(members), bits, "open" in marks, "failures" in marks, docs.get(name, "")
    )


def _check_enumeration(name: str, bits: int, members: list[Member]) -> None:
    if bits not in (0, *_WIDTHS.values()):
        raise SchemaError(f"enum {name}: bits {bits}; expected 8, 16, 32 or 64")
    seen: dict[int, str] = {}
    for member in members:
        if bits and member.code >> bits:
            raise SchemaError(f"enum {name}: {member.name} is {member.code}, more than {bits} bits")
        other = seen.setdefault(member.code, member.name)
        if other != member.name:
            raise SchemaError(f"enum {name}: {other} and {member.name} both are {member.code}")


def _interface(name: str, schema: InterfaceSchema, scope: Scope) -> Interface:
    serves = marks_of(schema.node, scope.annotations).text("serves")
    if serves is None:
        raise SchemaError(f"interface {name}: no `serves` says which service answers")
    methods = []
    for method in schema.node.interface.methods:
        types = schema.methods[method.name]
        own = f"{name}.{method.name}"
        methods.append(
            Method(
                method.name,
                read_struct(f"{own}.params", types.param_type.node, scope),
                read_struct(f"{own}.results", types.result_type.node, scope),
                scope.docs.get(own, ""),
            )
        )
    return Interface(name, serves, tuple(methods), scope.docs.get(name, ""))
