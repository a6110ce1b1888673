"""A schema of the contract, as values: the form between its reader and the generators.

Nothing here knows Cap'n Proto's language or any of the languages that are written.
"""

from __future__ import annotations

from dataclasses import dataclass

from nexus.core.errors import NexusError
from nexus.schema.layout_model import Frame, Line

Value = bool | int | str | bytes | tuple[int, ...] | tuple[str, ...]


class SchemaError(NexusError):
    """A schema that cannot be read, or says what the generators have no form for."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A named value."""

    name: str
    value: Value
    doc: str


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an enumeration: its number, and its text where it has one."""

    name: str
    code: int
    word: str | None
    doc: str
    changes: bool = False
    never: bool = False
    is_guest_only: bool = False


@dataclass(frozen=True, slots=True)
class Enumeration:
    """Numbers or texts of one kind.

    `bits` is the width on the wire, 0 for members that have no number there.  Failures are errors
    in languages that have sets of them.
    """

    name: str
    members: tuple[Member, ...]
    bits: int
    is_open: bool
    is_failures: bool
    doc: str

    @property
    def has_words(self) -> bool:
        """Whether the members are texts."""
        return self.bits == 0


@dataclass(frozen=True, slots=True)
class Type:
    """The type of a field.

    `kind` is `void`, `bool`, `int`, `text`, `data`, `enum`, `struct`, `list` or `any`; `bits` is an
    integer's width (negative: it has a sign) and 16 of an enumeration; `name` is that of an
    enumeration or a struct, with its module; `item` is the type of a list's items.
    """

    kind: str
    bits: int = 0
    name: str = ""
    item: Type | None = None

    def __str__(self) -> str:
        """As the schema writes it."""
        if self.kind == "int":
            return f"{'Int' if self.bits < 0 else 'UInt'}{abs(self.bits)}"
        if self.kind == "list":
            return f"List({self.item})"
        return self.name or {"any": "AnyPointer"}.get(self.kind, self.kind.capitalize())

    @property
    def is_pointer(self) -> bool:
        """Whether a field of it is a pointer, and not in the data of its struct."""
        return self.kind in ("text", "data", "struct", "list", "any")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct.

    `offset` counts in units of the field's own size: bits of a bool, pointers of a pointer.
    `default` is of integers.  `member` is the number of a union's member, None of any other field.
    `bytes_max` and `items_max` are 0 without a limit; `service_max` is one that is documented
    for callers and that readers do not hold to.  A caller may leave out an optional field.
    """

    name: str
    ordinal: int
    type: Type
    offset: int
    default: int = 0
    member: int | None = None
    bytes_max: int = 0
    items_max: int = 0
    service_max: int = 0
    is_optional: bool = False
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Struct:
    """A message, or a part of one; sizes in words of 8 bytes, and in pointers.

    `union_offset` counts 16-bit numbers: where the member of its union is said; None without one.
    """

    name: str
    data_words: int
    pointers: int
    fields: tuple[Field, ...]
    union_offset: int | None = None
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Method:
    """One call of an interface; its ordinal is its place."""

    name: str
    params: Struct
    results: Struct
    doc: str


@dataclass(frozen=True, slots=True)
class Interface:
    """The methods that a service answers to a peer; `serves` is the service's name."""

    name: str
    serves: str
    methods: tuple[Method, ...]
    doc: str


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its name without the ending is the name of what is generated from it."""

    name: str
    doc: str
    constants: tuple[Constant, ...] = ()
    enumerations: tuple[Enumeration, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    structs: tuple[Struct, ...] = ()
    frames: tuple[Frame, ...] = ()
    lines: tuple[Line, ...] = ()

    def constant(self, name: str) -> Value:
        """Return a constant's value, or say that the file has none of that name."""
        for constant in self.constants:
            if constant.name == name:
                return constant.value
        raise SchemaError(f"{self.name}.capnp: no constant {name!r}, which its interface needs")

    def enumeration(self, name: str) -> Enumeration:
        """Return an enumeration, or say that the file has none of that name."""
        for enumeration in self.enumerations:
            if enumeration.name == name:
                return enumeration
        raise SchemaError(f"{self.name}.capnp: no enum {name!r}, which its interface needs")


@dataclass(frozen=True, slots=True)
class Service:
    """A service that the gateway forwards to: an interface together with its frames' numbers."""

    number: int
    name: str
    magic: bytes
    version_max: int
    operations: tuple[tuple[str, int], ...]
    changes: tuple[int, ...]
    never: tuple[int, ...]


def services_of(modules: tuple[Module, ...]) -> tuple[Service, ...]:
    """Join every interface with the numbers of its file, in the order of the services' numbers."""
    known = {
        member.name: member.code
        for module in modules
        if module.name == "gateway"
        for member in module.enumeration("Service").members
    }
    found = []
    for module in modules:
        for interface in module.interfaces:
            if interface.serves not in known:
                raise SchemaError(
                    f"{module.name}.capnp: {interface.name} serves {interface.serves!r}; "
                    f"gateway.capnp's Service has {', '.join(known) or 'no members'}"
                )
            found.append(_service(module, interface, known[interface.serves]))
    return tuple(sorted(found, key=lambda service: service.number))


def _service(module: Module, interface: Interface, number: int) -> Service:
    operations = {member.name: member for member in module.enumeration("Op").members}
    for method in interface.methods:
        if method.name not in operations:
            raise SchemaError(
                f"{module.name}.capnp: the method {method.name!r} has no member of its name in Op"
            )
    magic, version_max = module.constant("magic"), module.constant("versionMax")
    assert isinstance(magic, bytes), "the magic of frames is data"
    assert isinstance(version_max, int), "a version is a number"
    return Service(
        number,
        interface.serves,
        magic,
        version_max,
        tuple((method.name, operations[method.name].code) for method in interface.methods),
        tuple(member.code for member in operations.values() if member.changes),
        tuple(member.code for member in operations.values() if member.never),
    )
