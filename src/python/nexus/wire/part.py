"""A part of a frame: fields of fixed width that stand together, as the schema lays them out."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Final

# A field: its name, how many bytes it takes, whether it is data, whether it is big-endian, and what
# it always is.
Row = tuple[str, int, bool, bool, int | bytes | None]

_CODES: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Part:
    """The places of the fields, and all of them at once as `struct`."""

    __slots__ = ("_spans", "rows", "struct")

    def __init__(self, rows: Sequence[Row]) -> None:
        """Take the rows that are generated from the schema."""
        self.rows = tuple(rows)
        is_big = {big for _, width, data, big, _ in rows if width > 1 and not data}
        assert len(is_big) < 2, "numbers of both orders in one part"
        codes = (f"{width}s" if data else _CODES[width] for _, width, data, _, _ in rows)
        self.struct = Struct((">" if True in is_big else "<") + "".join(codes))
        self._spans = {}
        at = 0
        for name, width, _, _, _ in rows:
            self._spans[name] = slice(at, at + width)
            at += width

    @property
    def size(self) -> int:
        """Bytes of the part."""
        return self.struct.size

    def at(self, name: str) -> int:
        """Return the place where a field begins, from the start of the part."""
        return self.span(name).start

    def span(self, name: str) -> slice[int, int, None]:
        """Return the place of a field's bytes, from the start of the part."""
        return self._spans[name]
