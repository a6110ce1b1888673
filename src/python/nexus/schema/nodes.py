"""The nodes of pycapnp's compiler, as far as they are read.

pycapnp publishes no types and makes its attributes when they are asked for, so that only running
finds a misspelled one.  These names are those of Cap'n Proto's own `schema.capnp`, which explains
each; by this module a type checker holds our readers to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Choice(Protocol):
    """A union: the attribute that `which` names holds the value."""

    def which(self) -> str:
        """Return the name of the member that is set."""


class Annotation(Protocol):
    """One `$mark` behind a declaration."""

    id: int
    value: Choice


class Declared(Protocol):
    """A declaration with a name and annotations: a member, a field or a method."""

    name: str
    annotations: Iterable[Annotation]


class ListType(Protocol):
    """The part of a type that lists have."""

    elementType: TypeNode


class TypeNode(Choice, Protocol):
    """The type of a field, or of a list's items."""

    list: ListType


class Slot(Protocol):
    """The place of a field that is in no group."""

    offset: int
    type: TypeNode
    hadExplicitDefault: bool
    defaultValue: Choice


class Ordinal(Protocol):
    """The `@` of a field."""

    explicit: int


class FieldNode(Declared, Choice, Protocol):
    """A field of a struct: a slot or a group."""

    codeOrder: int
    discriminantValue: int
    ordinal: Ordinal
    slot: Slot


class StructBody(Protocol):
    """The part of a node that structs have."""

    dataWordCount: int
    pointerCount: int
    discriminantCount: int
    discriminantOffset: int
    fields: Sequence[FieldNode]


class EnumBody(Protocol):
    """The part of a node that enumerations have."""

    enumerants: Iterable[Declared]


class InterfaceBody(Protocol):
    """The part of a node that interfaces have."""

    methods: Iterable[Declared]


class NestedNode(Protocol):
    """The name of a node at the top of a file."""

    id: int
    name: str


class Node(Choice, Protocol):
    """Anything that a schema declares."""

    annotations: Iterable[Annotation]
    nestedNodes: Iterable[NestedNode]
    struct: StructBody
    enum: EnumBody
    interface: InterfaceBody


class Parsed(Protocol):
    """A node together with those that it refers to."""

    node: Node

    def get_nested(self, name: str) -> Parsed:
        """Return a node at the top of this file."""

    def as_interface(self) -> InterfaceSchema:
        """Return an interface's methods."""

    def as_const_value(self) -> bool | int | str | bytes | Iterable[int | str]:
        """Return a constant's value; that of a struct or an enumeration is of another type."""


class MethodSchema(Protocol):
    """The parameters and results of a method."""

    param_type: Parsed
    result_type: Parsed


class InterfaceSchema(Protocol):
    """An interface, with the structs of its methods by their names."""

    node: Node
    methods: Mapping[str, MethodSchema]


class Root(Protocol):
    """A file."""

    schema: Parsed


class Parser(Protocol):
    """`capnp.SchemaParser`."""

    def load(self, path: str, *, imports: list[str]) -> Root:
        """Compile a file as far as it is asked for."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The annotations of one declaration, by name; the compiler has checked their types."""

    values: Mapping[str, object]

    def __contains__(self, name: str) -> bool:
        """Whether the declaration has the mark."""
        return name in self.values

    def number(self, name: str, default: int = 0) -> int:
        """Return a mark's number; the default where the mark is not there."""
        value = self.values.get(name, default)
        assert isinstance(value, int), f"{name} is annotated as a number"
        return value

    def text(self, name: str) -> str | None:
        """Return a mark's text; None where the mark is not there."""
        value = self.values.get(name)
        assert value is None or isinstance(value, str), f"{name} is annotated as a text"
        return value


def marks_of(node: Node | Declared, known: Mapping[int, str]) -> Marks:
    """Return the annotations of a declaration; `known` names their ids."""
    return Marks({known.get(each.id, ""): value_of(each.value) for each in node.annotations})


def value_of(choice: Choice) -> object:
    """Return the value of a union's member; None of one without a value."""
    kind = choice.which()
    return None if kind == "void" else getattr(choice, kind)
