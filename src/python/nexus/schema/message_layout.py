"""The layouts of structs in messages of Cap'n Proto, by which they are read and written.

Generated modules have one layout for each struct.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, EnumMeta
from typing import ClassVar, Final, Protocol, TypeAlias, TypeVar, cast

# The number that a pointer to a list has for items that are structs.
STRUCT_ITEMS: Final = 7

# Named here, because a field `type` hides the builtin of that name in its class.
EnumClass: TypeAlias = type[Enum]
StructClass: TypeAlias = "type[Struct]"


@dataclass(frozen=True, slots=True)
class Limits:
    """Words of a segment, words that pointers lead to, and structs and lists within each other."""

    words: int
    traversal: int
    nesting: int


@dataclass(frozen=True, slots=True)
class Kind:
    """A field's kind: `void`, `bool`, `int`, `enum`, `text`, `data`, `struct`, `list` or `any`.

    `bits` is an integer's width, negative of one with a sign.  `type` is the enumeration or struct,
    `item` a list's; the members of an open enumeration may be unknown, which is read as None.
    """

    name: str
    bits: int = 0
    type: EnumClass | StructClass | None = None
    is_open: bool = False
    item: Kind | None = None

    @property
    def enumeration(self) -> EnumClass:
        """The members of an enumeration, in their order."""
        assert isinstance(self.type, EnumMeta), f"{self.name} has no members"
        return self.type

    @property
    def struct(self) -> StructClass:
        """The class of a struct."""
        assert self.type is not None, f"{self.name} has no fields"
        return cast("StructClass", self.type)

    @property
    def size(self) -> int:
        """The number that a list's pointer has for items of this kind."""
        if self.name == "bool":
            return 1
        if self.name == "struct":
            return STRUCT_ITEMS
        return {8: 2, 16: 3, 32: 4, 64: 5}[abs(self.bits)] if self.bits else 6


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct: `offset` counts in units of its own size, pointers of a pointer."""

    name: str
    kind: Kind
    offset: int
    default: int = 0
    member: int | None = None
    bytes_max: int = 0
    items_max: int = 0
    service_max: int = 0  # The most that its service takes; no reader holds to it.
    is_optional: bool = False

    @property
    def is_pointer(self) -> bool:
        """Whether it stands among the pointers of its struct."""
        return self.kind.name in ("text", "data", "struct", "list", "any")


@dataclass(frozen=True, slots=True)
class Layout:
    """The sizes of a struct in words and pointers, where it says its union's member, its fields."""

    data_words: int
    pointers: int
    fields: tuple[Field, ...]
    members: tuple[str, ...] = ()
    union_offset: int = 0


class Struct(Protocol):
    """Every generated struct; one with a union says in `which` what it is."""

    LAYOUT: ClassVar[Layout]


AnyStruct = TypeVar("AnyStruct", bound=Struct)


@dataclass(frozen=True, slots=True)
class Unread:
    """A struct that is read when it is known what it is, or the struct itself to be written."""

    at: int | None = None
    value: Struct | None = None
