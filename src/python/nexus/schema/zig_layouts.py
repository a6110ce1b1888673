"""Frames and lines of a schema as zig: for a part of a frame a struct of its fields, with the
places of all; a line as the format that a print takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from nexus.schema import names
from nexus.schema.layout_model import Frame, Line, Part, Piece

_FORMATS: Final = {"text": "s", "shown": "f", "member": "t", "number": "d"}


def write_frame(frame: Frame) -> Iterator[str]:
    """Write the parts of one frame."""
    for number, part in enumerate(part for part in frame.parts if part.pieces):
        yield from [""] * (number > 0)
        yield from _part(frame, part)
    if frame.bytes_max > frame.parts[0].width:
        yield ""
        yield f"/// The longest `{frame.name}`."
        yield f"pub const {names.snake(frame.name)}_bytes_most = {frame.bytes_max};"


def _part(frame: Frame, part: Part) -> Iterator[str]:
    yield from _comment(frame.doc if not part.after else f"What follows the {part.after}.")
    yield f"pub const {frame.part_name(part)} = struct {{"
    varying = [piece for piece in part.pieces if piece.always is None]
    for piece in varying:
        yield from _comment(piece.doc, "    ")
        yield f"    {_name(piece)}: {_type(piece)},"
    yield ""
    yield f"    pub const bytes = {part.width};"
    yield "    /// Where each field is."
    places = ", ".join(f".{_name(piece)} = {piece.at}" for piece in part.pieces)
    yield from _list("    pub const at = ", places)
    yield from _holds(part.pieces)
    yield from _reads(frame.part_name(part), varying)
    yield from _writes(frame.part_name(part), part.pieces)
    yield "};"


def _list(head: str, items: str) -> Iterator[str]:
    if len(head) + len(items) <= 90:
        yield f"{head}.{{ {items} }};"
        return
    yield f"{head}.{{"
    yield from (f"        {item}," for item in items.split(", "))
    yield "    };"


def _holds(pieces: Iterable[Piece]) -> Iterator[str]:
    fixed = [piece for piece in pieces if piece.always is not None]
    if not fixed:
        return
    yield ""
    yield "    /// Are the fields that are the same in all of them so?"
    yield "    pub fn holds(from: *const [bytes]u8) bool {"
    tests = [_test(piece) for piece in fixed]
    yield "        return " + " and\n            ".join(tests) + ";"
    yield "    }"


def _test(piece: Piece) -> str:
    if isinstance(piece.always, bytes):
        return f'std.mem.eql(u8, from[{piece.at}..{piece.at + piece.width}], "{_text(piece)}")'
    return f"{_read(piece)} == {piece.always}"


def _text(piece: Piece) -> str:
    assert isinstance(piece.always, bytes), piece.name
    text = piece.always.decode("latin-1")
    return text if text.isprintable() else "".join(f"\\x{byte:02x}" for byte in piece.always)


def _reads(name: str, varying: list[Piece]) -> Iterator[str]:
    if not varying:
        return
    yield ""
    yield f"    pub fn read(from: *const [bytes]u8) {name} {{"
    yield "        return .{"
    yield from (f"            .{_name(piece)} = {_read(piece)}," for piece in varying)
    yield "        };"
    yield "    }"


def _read(piece: Piece) -> str:
    if piece.is_data:
        return f"from[{piece.at}..{piece.at + piece.width}].*"
    if piece.width == 1:
        return f"from[{piece.at}]"
    end = piece.at + piece.width
    return f"std.mem.readInt({_type(piece)}, from[{piece.at}..{end}], {_order(piece)})"


def _writes(name: str, pieces: tuple[Piece, ...]) -> Iterator[str]:
    is_same = all(piece.always is not None for piece in pieces)
    yield ""
    yield f"    pub fn write({'_' if is_same else 'self'}: {name}, out: *[bytes]u8) void {{"
    for piece in pieces:
        end = piece.at + piece.width
        value = f"self.{_name(piece)}" if piece.always is None else str(piece.always)
        if isinstance(piece.always, bytes):
            yield f'        out[{piece.at}..{end}].* = "{_text(piece)}".*;'
        elif piece.is_data:
            yield f"        out[{piece.at}..{end}].* = {value};"
        elif piece.width == 1:
            yield f"        out[{piece.at}] = {value};"
        else:
            place = f"out[{piece.at}..{end}]"
            yield f"        std.mem.writeInt({_type(piece)}, {place}, {value}, {_order(piece)});"
    yield "    }"


def _order(piece: Piece) -> str:
    return ".big" if piece.is_big else ".little"


def _type(piece: Piece) -> str:
    return f"[{piece.width}]u8" if piece.is_data else f"u{8 * piece.width}"


def _name(piece: Piece) -> str:
    return names.zig_quoted(names.zig_member(piece.name))


def write_line(line: Line) -> Iterator[str]:
    """Write one line."""
    text = line.text
    for name, form, _ in line.fields:
        text = text.replace(f"{{{name}}}", f"{{{_FORMATS.get(form) or _hex(form)}}}")
    yield from _comment(line.doc)
    said = text.replace("\\", "\\\\").replace('"', '\\"')
    yield f'pub const {names.zig_quoted(names.snake(line.name))} = "{said}";'


def _hex(form: str) -> str:
    """`hex16` as a print has it."""
    digits = int(form.removeprefix("hex"))
    return f"x:0>{digits}" if digits else "x"


def _comment(text: str, indent: str = "") -> Iterator[str]:
    for line in text.split("\n") if text else ():
        yield f"{indent}/// {line}".rstrip()
