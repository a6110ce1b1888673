"""The layouts of bytes and of lines of text in a schema, as values; a part of `model`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """One field of a frame with a fixed width, in bytes; `at` counts from the start of its part.

    `always` is what it is in every frame of the kind: a number, or bytes; None if it varies.
    `enumeration` is the name of the enumeration whose numbers it has, with its module.
    """

    name: str
    at: int
    width: int
    is_data: bool
    is_big: bool
    always: int | bytes | None
    enumeration: str
    doc: str


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a part: `text`, `data` or a `list` of texts with their lengths in front.

    `length` is the field that says how long it is, or how many; empty: it goes on to the end.
    """

    name: str
    kind: str
    length: str
    bytes_max: int
    items_max: int
    doc: str


@dataclass(frozen=True, slots=True)
class Part:
    """Fields that stand together, and what ends them; `after` is what ended the part before."""

    after: str
    pieces: tuple[Piece, ...]
    tail: Tail | None

    @property
    def width(self) -> int:
        """Bytes of the fields, without what ends them."""
        return sum(piece.width for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Frame:
    """A struct that is bytes on the wire."""

    name: str
    parts: tuple[Part, ...]
    doc: str

    @property
    def bytes_max(self) -> int:
        """The longest; 0 if its last part has no bound."""
        most = 0
        for part in self.parts:
            most += part.width
            if part.tail is None:
                continue
            if not part.tail.bytes_max:
                return 0
            is_list = part.tail.kind == "list"
            most += part.tail.items_max * (1 + part.tail.bytes_max) if is_list else 0
            most += 0 if is_list else part.tail.bytes_max
        return most

    def part_name(self, part: Part) -> str:
        """`RequestHead`, or `AnnounceAfterDeviceId` of a part that does not come first."""
        after = part.after
        return self.name + (f"After{after[0].upper()}{after[1:]}" if after else "Head")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text with fields in it: a name in braces each.

    A field is its name, how it is written, and what it is.  Forms: `text` as it is, `shown` with
    bytes replaced that do not print (`annotations.capnp`), `member` of an enumeration, `number`,
    and `hex16` of so many digits at least.
    """

    name: str
    text: str
    fields: tuple[tuple[str, str, str], ...]
    doc: str
