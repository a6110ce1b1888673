"""Frames and lines of a schema as Python: a part of a frame as its fields, a line as its text."""

from __future__ import annotations

from collections.abc import Iterator

from nexus.schema import names
from nexus.schema.layout_model import Frame, Line, Part


def write_frame(frame: Frame) -> Iterator[str]:
    """Write the parts of one frame.

    A part is a row for each field: its name, how many bytes it takes, whether it is data, whether
    it is big-endian, and what it always is.
    """
    for part in frame.parts:
        if part.pieces:
            yield from _part(frame, part)
    if frame.bytes_max > frame.parts[0].width:
        yield f"{names.upper(frame.name)}_BYTES_MOST: Final = {frame.bytes_max}"


def _part(frame: Frame, part: Part) -> Iterator[str]:
    doc = frame.doc if not part.after else f"What follows the {part.after}."
    yield from (f"# {line}".rstrip() for line in doc.split("\n") if doc)
    yield f"{names.upper(frame.part_name(part))}: Final[_Rows] = ("
    for piece in part.pieces:
        row = (names.snake(piece.name), piece.width, piece.is_data, piece.is_big, piece.always)
        yield f"    {row!r},".replace("'", '"')
    yield ")"


def _format(form: str) -> str:
    """Return a form as `str.format` has it: `hex16` as `:016x`."""
    digits = int(form.removeprefix("hex")) if form.startswith("hex") else None
    return "" if digits is None else f":0{digits}x" if digits else ":x"


def write_line(line: Line) -> Iterator[str]:
    """Write one line."""
    text = line.text
    for name, form, _ in line.fields:
        text = text.replace(f"{{{name}}}", f"{{{names.snake(name)}{_format(form)}}}")
    yield from (f"# {each}".rstrip() for each in line.doc.split("\n") if line.doc)
    said = text.replace("\\", "\\\\").replace('"', '\\"')
    yield f'{names.upper(line.name)}: Final = "{said}"'
