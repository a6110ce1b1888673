"""Flattened device trees (Devicetree Specification, chapter 5), version 17: built and parsed.

    header, 10 words | memory reservations: address and size u64, an empty one last |
    structure | strings

Everything is big-endian.  A property's value is bytes; `cells`, `string` and `strings` make them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final

from nexus.core.record import dataclass, field

MAGIC: Final = 0xD00D_FEED
VERSION: Final = 17
COMPATIBLE_VERSION: Final = 16

_HEADER: Final = struct.Struct(">10I")
_RESERVATION: Final = struct.Struct(">QQ")
# Firmware reserves a handful of ranges.
_RESERVATIONS_MAX: Final = 1024
_BEGIN, _END, _PROPERTY, _NOP, _FINISH = 1, 2, 3, 4, 9

# Real trees have four levels.
_DEPTH_MAX: Final = 32


class TreeError(ValueError):
    """The bytes are not a flattened device tree."""


@dataclass(slots=True)
class Node:
    """A node: its properties and children, in order."""

    name: str = ""
    properties: dict[str, bytes] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)

    def walk(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """Every node below and this one, with its path; the root's path is empty."""
        yield path, self
        for child in self.children:
            yield from child.walk(f"{path}/{child.name}")


def cells(*values: int) -> bytes:
    """32-bit numbers."""
    return struct.pack(f">{len(values)}I", *values)


def pair(address: int, size: int) -> bytes:
    """An address and a size of 64 bits each, as `reg` has them here."""
    return struct.pack(">QQ", address, size)


def strings(*values: str) -> bytes:
    """Texts, each ended by a zero."""
    return b"".join(value.encode() + b"\0" for value in values)


def build(root: Node, reservations: Sequence[tuple[int, int]] = ()) -> bytes:
    """Flatten a tree, with the ranges of memory (address and bytes) that it reserves."""
    names: dict[str, int] = {}
    table = bytearray()
    structure = bytearray()
    _build(root, structure, table, names)
    structure += cells(_FINISH)
    at_reservations = _HEADER.size
    reserved = b"".join(_RESERVATION.pack(*entry) for entry in (*reservations, (0, 0)))
    at_structure = at_reservations + len(reserved)
    at_strings = at_structure + len(structure)
    total = at_strings + len(table)
    total += -total % 8
    header = _HEADER.pack(
        MAGIC,
        total,
        at_structure,
        at_strings,
        at_reservations,
        VERSION,
        COMPATIBLE_VERSION,
        0,
        len(table),
        len(structure),
    )
    flat = header + reserved + structure + table
    return flat.ljust(total, b"\0")


def _build(node: Node, structure: bytearray, table: bytearray, names: dict[str, int]) -> None:
    structure += cells(_BEGIN) + _padded(node.name.encode() + b"\0")
    for name, value in node.properties.items():
        if name not in names:
            names[name] = len(table)
            table += name.encode() + b"\0"
        structure += cells(_PROPERTY, len(value), names[name]) + _padded(value)
    for child in node.children:
        _build(child, structure, table, names)
    structure += cells(_END)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def parse(data: bytes) -> Node:
    """Take a flattened tree apart.

    Raises:
        TreeError: It is not one.
    """
    try:
        magic, total, at_structure, at_strings, _, version, *_ = _HEADER.unpack_from(data)
        if magic != MAGIC:
            raise TreeError(f"device tree: magic {magic:#x}; expected {MAGIC:#x}")
        if version < VERSION:
            raise TreeError(f"device tree: version {version}; expected at least {VERSION}")
        if total > len(data):
            raise TreeError(f"device tree: {len(data)} bytes, its header says {total}")
        reader = _Reader(data, at_structure, at_strings)
        while (token := reader.word()) == _NOP:
            pass
        if token != _BEGIN:
            raise TreeError(f"device tree: token {token}; expected {_BEGIN}")
        return reader.node()
    except (struct.error, ValueError, IndexError) as error:
        raise (
            error if isinstance(error, TreeError) else TreeError(f"device tree: {error}")
        ) from None


def parse_reservations(data: bytes) -> tuple[tuple[int, int], ...]:
    """The ranges of memory (address and bytes) that a flattened tree reserves.

    Raises:
        TreeError: The list has no end.
    """
    at = int.from_bytes(data[16:20], "big")
    found: list[tuple[int, int]] = []
    try:
        while (entry := _RESERVATION.unpack_from(data, at)) != (0, 0):
            if len(found) == _RESERVATIONS_MAX:
                raise TreeError(f"device tree: more than {_RESERVATIONS_MAX} reservations")
            found.append((int(entry[0]), int(entry[1])))
            at += _RESERVATION.size
    except struct.error as error:
        raise TreeError(f"device tree: reservations: {error}") from None
    return tuple(found)


class _Reader:
    """Goes through the structure block."""

    def __init__(self, data: bytes, at: int, at_strings: int) -> None:
        self._data = data
        self._at = at
        self._at_strings = at_strings

    def word(self) -> int:
        (value,) = struct.unpack_from(">I", self._data, self._at)
        self._at += 4
        return int(value)

    def node(self, depth: int = 0) -> Node:
        if depth > _DEPTH_MAX:
            raise TreeError(f"device tree: more than {_DEPTH_MAX} levels")
        node = Node(self._text(self._at))
        self._skip(len(node.name.encode()) + 1)
        while (token := self.word()) != _END:
            if token == _BEGIN:
                node.children.append(self.node(depth + 1))
            elif token == _PROPERTY:
                length, name = self.word(), self._text(self._at_strings + self.word())
                node.properties[name] = self._data[self._at : self._at + length]
                self._skip(length)
            elif token != _NOP:
                raise TreeError(f"device tree: token {token}")
        return node

    def _skip(self, length: int) -> None:
        self._at += length + -length % 4

    def _text(self, at: int) -> str:
        return self._data[at : self._data.index(b"\0", at)].decode()
