"""Reads schemas with pycapnp, the judge of what is well-formed, into the values of the model.

The one module that knows pycapnp's objects: everything is taken from the nodes that the compiler
in it makes, and the comments from the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import capnp

from nexus.schema.comments import comments_of
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
from nexus.schema.structs import Scope, marks_of, read_struct
from nexus.schema.trial import find_mistakes

ANNOTATIONS: Final = "annotations.capnp"

_WIDTHS: Final = {"uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64}


def read_modules(paths: Iterable[Path]) -> tuple[Module, ...]:
    """Read schemas, sorted by name; the file of annotations is no module.

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
    names = {
        nested.id: f"{path.stem}.{nested.name}"
        for path, root in loaded
        for nested in root.schema.node.nestedNodes
    }
    return tuple(
        _module(path.stem, root, comments_of(path.read_text()), known, names)
        for path, root in loaded
        if path.name != ANNOTATIONS
    )


def _load(parser: Any, path: Path) -> Any:
    return parser.load(str(path), imports=[str(path.parent)])


def _compile(files: Iterable[Path]) -> None:
    """Make every node, which is when the compiler finds what is wrong with it."""
    parser = capnp.SchemaParser()
    for path in files:
        root = _load(parser, path)
        for nested in root.schema.node.nestedNodes:
            getattr(root, nested.name, None)


def _annotations(parser: Any, files: Iterable[Path]) -> Mapping[int, str]:
    """The ids of the annotations, and their names."""
    for path in files:
        beside = path.with_name(ANNOTATIONS)
        if beside.is_file():
            nodes = _load(parser, beside).schema.node.nestedNodes
            return {node.id: node.name for node in nodes}
    return {}


def _module(
    name: str,
    root: Any,
    docs: Mapping[str, str],
    known: Mapping[int, str],
    names_by_id: Mapping[int, str],
) -> Module:
    constants: list[Constant] = []
    enumerations: list[Enumeration] = []
    interfaces: list[Interface] = []
    structs: list[Struct] = []
    scope = Scope(names_by_id, docs, known)
    for nested in root.schema.node.nestedNodes:
        # By its node, and not as an attribute: a member may have the name of one, as `schema` has.
        parsed = root.schema.get_nested(nested.name)
        node, kind = parsed.node, parsed.node.which()
        if kind == "struct":
            structs.append(read_struct(nested.name, node, scope))
        elif kind == "enum":
            enumerations.append(_enumeration(nested.name, node, docs, known))
        elif kind == "interface":
            interfaces.append(_interface(nested.name, parsed.as_interface(), scope))
        elif kind == "const":
            doc = docs.get(nested.name, "")
            constants.append(_constant(name, nested.name, parsed.as_const_value(), doc))
    return Module(
        name,
        docs.get("", ""),
        tuple(constants),
        tuple(enumerations),
        tuple(interfaces),
        tuple(structs),
    )


def _constant(module: str, name: str, value: Any, doc: str) -> Constant:
    found: Value
    if isinstance(value, bool | int | str | bytes):
        found = value
    else:
        try:
            found = tuple(value)
        except TypeError:
            found = ()
        if not found or not all(isinstance(item, int | str) for item in found):
            raise SchemaError(
                f"{module}.capnp: const {name} is a {type(value).__name__}; constants are "
                "numbers, texts, data, and lists of numbers or of texts that are not empty"
            )
    return Constant(name, found, doc)


def _enumeration(
    name: str, node: Any, docs: Mapping[str, str], known: Mapping[int, str]
) -> Enumeration:
    marks = marks_of(node, known)
    bits = marks.get("bits", 0)
    members: list[Member] = []
    for enumerant in node.enum.enumerants:
        own = marks_of(enumerant, known)
        members.append(
            Member(
                enumerant.name,
                own.get("code", len(members)),
                own.get("word"),
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


def _interface(name: str, schema: Any, scope: Scope) -> Interface:
    serves = marks_of(schema.node, scope.annotations).get("serves")
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
