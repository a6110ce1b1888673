"""Holds a schema to the last released one: what peers of that release rely on must stay.

    python -m nexus.schema.evolution --released OLD.capnp ... --current NEW.capnp ...

Adding is free.  Refused is what a peer of the release would misunderstand or be refused for: to
take away, renumber, retype or move, to lower a limit, or to raise what is required at least.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.entry.program import run_program
from nexus.schema.layout_model import Frame, Line, Part
from nexus.schema.model import (
    Constant,
    Enumeration,
    Field,
    Interface,
    Member,
    Method,
    Module,
    Struct,
)
from nexus.schema.reading import read_modules

Named = TypeVar(
    "Named", Module, Constant, Enumeration, Member, Struct, Field, Interface, Method, Frame, Line
)

# How names of limits end.  What a side accepts at most may grow, what it wants at least may shrink.
_MOST: Final = ("Max", "Most")
_LEAST: Final = "Least"


def find_breaches(released: Sequence[Module], current: Sequence[Module]) -> list[str]:
    """Return what a peer of the release would not survive, one line each, in the schema's order."""
    return [
        breach
        for old, new, breach in _pairs("", released, current, "file")
        for breach in ([breach] if new is None else _module(old, new))
    ]


def _pairs(
    where: str, released: Sequence[Named], current: Sequence[Named], kind: str
) -> Iterator[tuple[Named, Named | None, str]]:
    """Each part of the release beside the one of its name now; None is one that is gone."""
    known: Mapping[str, Named] = {part.name: part for part in current}
    for part in released:
        yield part, known.get(part.name), f"{where}{part.name}: the {kind} is gone; keep it"


def _module(old: Module, new: Module) -> Iterator[str]:
    at = f"{old.name}.capnp: "
    for constant, now, gone in _pairs(at, old.constants, new.constants, "constant"):
        yield from [gone] if now is None else _constant(at, constant, now)
    added = _methods(new) - _methods(old)
    for enumeration, its, gone in _pairs(at, old.enumerations, new.enumerations, "enumeration"):
        yield from [gone] if its is None else _enumeration(at, enumeration, its, added)
    for struct, other, gone in _pairs(at, old.structs, new.structs, "struct"):
        yield from [gone] if other is None else _struct(at, struct, other)
    for frame, laid, gone in _pairs(at, old.frames, new.frames, "frame"):
        yield from [gone] if laid is None else _frame(at, frame, laid)
    for line, said, gone in _pairs(at, old.lines, new.lines, "line"):
        if said is None:
            yield gone
        elif said.text != line.text:
            yield f"{at}{line.name}: {said.text!r}, released as {line.text!r}; it must stay"
    for interface, same, gone in _pairs(at, old.interfaces, new.interfaces, "interface"):
        yield from [gone] if same is None else _interface(at, interface, same)


def _constant(at: str, old: Constant, new: Constant) -> Iterator[str]:
    before, after = old.value, new.value
    if isinstance(before, int) and isinstance(after, int):
        if old.name.endswith(_MOST):
            if after < before:
                yield f"{at}{old.name}: {after} is below the released {before}; it may only grow"
            return
        if old.name.endswith(_LEAST):
            if after > before:
                yield f"{at}{old.name}: {after} is above the released {before}; it may only shrink"
            return
    if before != after:
        yield f"{at}{old.name}: {after!r}, released as {before!r}; it must stay"


def _methods(module: Module) -> frozenset[str]:
    """Return the names of what a peer may ask."""
    return frozenset(each.name for interface in module.interfaces for each in interface.methods)


def _enumeration(
    at: str, old: Enumeration, new: Enumeration, added: frozenset[str]
) -> Iterator[str]:
    at = f"{at}{old.name}"
    if (old.bits, old.is_failures) != (new.bits, new.is_failures):
        yield f"{at}: {new.bits} bits, released with {old.bits}; they must stay"
    if old.is_open and not new.is_open:
        yield f"{at}: no longer open; a peer may have later members"
    for member, now, gone in _pairs(f"{at}.", old.members, new.members, "member"):
        yield from [gone] if now is None else _member(at, member, now, added)


def _member(at: str, old: Member, new: Member, added: frozenset[str]) -> Iterator[str]:
    own = f"{at}.{old.name}"
    if old.code != new.code:
        yield f"{own}: number {new.code}, released as {old.code}; give a new member the new number"
    if old.word != new.word:
        yield f"{own}: text {new.word!r}, released as {old.word!r}; it must stay"
    # An operation that no peer could ask for by the release may become any method.
    for what in ("never",) if old.name in added else ("changes", "never"):
        if getattr(old, what) != getattr(new, what):
            yield f"{own}: `{what}` was {getattr(old, what)} in the release; it must stay"


def _frame(at: str, old: Frame, new: Frame) -> Iterator[str]:
    """Bytes have no room for more, so a frame of another layout is another frame."""
    own = f"{at}{old.name}"
    if len(old.parts) != len(new.parts):
        yield f"{own}: {len(new.parts)} parts, released with {len(old.parts)}; they must stay"
        return
    for before, after in zip(old.parts, new.parts, strict=True):
        if _bytes_of(before) != _bytes_of(after):
            yield f"{own}: the layout of its bytes is another than the released one; it must stay"
            return
        if before.tail is not None and after.tail is not None:
            for limit in ("bytes_max", "items_max"):
                was, now = getattr(before.tail, limit), getattr(after.tail, limit)
                # Zero stands for no bound.
                if now and (now < was or not was):
                    released = was or "none"
                    yield f"{own}.{after.tail.name}: {now} is below the released {released}"


def _bytes_of(part: Part) -> object:
    pieces = tuple((p.name, p.at, p.width, p.is_big, p.always) for p in part.pieces)
    tail = part.tail and (part.tail.name, part.tail.kind, part.tail.length)
    return (part.after, pieces, tail)


def _struct(at: str, old: Struct, new: Struct) -> Iterator[str]:
    at = f"{at}{old.name}"
    if old.union_offset is not None and old.union_offset != new.union_offset:
        yield f"{at}: its union has moved; a message of the release would say another member"
    for field, now, gone in _pairs(f"{at}.", old.fields, new.fields, "field"):
        yield from [gone] if now is None else _field(at, field, now)


def _field(at: str, old: Field, new: Field) -> Iterator[str]:
    own = f"{at}.{old.name}"
    if old.type != new.type:
        yield f"{own}: {new.type}, released as {old.type}; give a new field the new type"
    elif old.ordinal != new.ordinal:
        yield f"{own}: number {new.ordinal}, released as {old.ordinal}; it must stay"
    elif (old.offset, old.member) != (new.offset, new.member):
        yield f"{own}: it has moved; keep the ordinals of the release"
    if old.default != new.default:
        yield f"{own}: default {new.default}, released as {old.default}; it must stay"
    for limit, before, after in (
        ("bytesMax", old.bytes_max, new.bytes_max),
        ("itemsMax", old.items_max, new.items_max),
    ):
        if after and (not before or after < before):
            was = before or "none"
            yield f"{own}: {limit} {after}, released with {was}; it may only grow"


def _interface(at: str, old: Interface, new: Interface) -> Iterator[str]:
    at = f"{at}{old.name}"
    if old.serves != new.serves:
        yield f"{at}: serves {new.serves!r}, released as {old.serves!r}; it must stay"
    ordinals = {method.name: ordinal for ordinal, method in enumerate(new.methods)}
    for ordinal, method in enumerate(old.methods):
        now = ordinals.get(method.name)
        if now is None:
            yield f"{at}.{method.name}: the method is gone; keep it"
            continue
        if now != ordinal:
            yield f"{at}.{method.name}: number {now}, released as {ordinal}; it must stay"
        yield from _struct(f"{at}: ", method.params, new.methods[now].params)
        yield from _struct(f"{at}: ", method.results, new.methods[now].results)


def main(arguments: Sequence[str]) -> int:
    """Compare; one line a breach and exit code 20 if there is any."""
    parser = CommandLine(
        "nexus.schema.evolution", "Hold schemas to the last released ones: adding is free."
    )
    for name, text in (("released", "a schema of the release"), ("current", "a schema as it is")):
        parser.add_argument(
            f"--{name}", nargs="+", required=True, type=Path, metavar="FILE", help=text
        )
    try:
        options = parser.parse_args(arguments)
        breaches = find_breaches(read_modules(options.released), read_modules(options.current))
    except NexusError as exc:
        return fail(str(exc))
    return fail("\n".join(breaches)) if breaches else 0


if __name__ == "__main__":
    run_program(main)
