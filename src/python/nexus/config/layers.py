"""Values of several places laid over each other, each with the place it came from.

Tables merge key by key; everything else, lists included, is replaced.  A few tables say one thing
in one of several forms, so they are replaced as well: see `WHOLE`.  Pure: no file is read here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from nexus.config.error import Problem, show_key
from nexus.config.lines import Location

# A key in a file over one from a seed is another key, and no third thing; so with the state disk.
WHOLE: Final[frozenset[Location]] = frozenset({("dsoftbus", "static_key"), ("state",)})


class Given(Enum):
    """By what a value was given."""

    FILE = "file"
    OVERRIDE = "override"
    OPTION = "command line"


@dataclass(frozen=True, slots=True)
class Origin:
    """The place of a value: a file as it was named, or an option; `line` 0 is an unknown one.

    `field` is the value's name at that place, which an override spells longer.
    """

    source: str
    line: int
    field: str
    given: Given = Given.FILE

    @property
    def folder(self) -> Path:
        """The folder from which a relative path of this place starts."""
        return Path(self.source).parent if self.given is not Given.OPTION else Path()


@dataclass(frozen=True, slots=True)
class Layer:
    """Values with their places.  `source` is the file they make up."""

    source: str
    data: Mapping[str, object]
    origins: Mapping[Location, Origin]

    def find_origin(self, location: Location) -> Origin | None:
        """Say where a value stands; None if it stands nowhere."""
        return self.origins.get(location)

    def place(self, problem: Problem, is_shared: bool = False) -> Problem:
        """Let a problem name the place of its value, or of the table it lacks one in.

        A shared one is about several values: it says also what file they make up.
        """
        fields = {render(location): origin for location, origin in self.origins.items()}
        known = problem.field
        while known and known not in fields:
            known = known[: max(known.rfind("."), known.rfind("["), 0)]
        origin = fields.get(known)
        if origin is None:
            return problem
        rest = problem.field[len(known) :]
        field = origin.field + (rest if origin.field else rest.lstrip("."))
        is_elsewhere = origin.source != self.source
        suffix = f" (in what makes up {self.source})" if is_shared and is_elsewhere else ""
        line = origin.line if known else 0  # A key that a whole file lacks stands on no line of it.
        return Problem(field, problem.text + suffix, origin.source, line)


def layer(
    source: str, data: Mapping[str, object], origin_at: Callable[[Location], Origin]
) -> Layer:
    """Make a layer of one place's values."""
    return Layer(source, data, {place: origin_at(place) for place in list_locations(data)})


def merge(base: Layer, over: Layer) -> Layer:
    """Lay one layer over another; the result goes by the name of the upper one, if a file."""
    replaced: set[Location] = set()
    data = _merge(base.data, over.data, (), replaced)
    origins = {
        place: origin
        for place, origin in base.origins.items()
        if not any(place[:length] in replaced for length in range(len(place) + 1))
    }
    for place, origin in over.origins.items():
        # A table that both have keeps its file: what it lacks is not the override's fault.
        if origin.given is Given.FILE or place not in origins:
            origins[place] = origin
    root = over.origins.get(())
    is_file = root is None or root.given is Given.FILE
    return Layer(over.source if is_file else base.source, data, origins)


def _merge(
    base: Mapping[str, object], over: Mapping[str, object], place: Location, replaced: set[Location]
) -> dict[str, object]:
    merged = dict(base)
    for key, value in over.items():
        here = (*place, key)
        below = base.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and here not in WHOLE:
            merged[key] = _merge(below, value, here, replaced)
        else:
            if key in base:
                replaced.add(here)
            merged[key] = value
    return merged


def cut(whole: Layer, key: str) -> Layer:
    """Leave out one top-level key."""
    data = {name: value for name, value in whole.data.items() if name != key}
    origins = {place: o for place, o in whole.origins.items() if place[:1] != (key,)}
    return Layer(whole.source, data, origins)


def lift(whole: Layer, table: Location, given: Given) -> Layer:
    """Make a layer of one table inside another layer, for laying it over a third."""
    data: Any = whole.data  # Any: tables, as far as the layer was asked for them.
    for key in table:
        data = data[key]
    origins = {
        place[len(table) :]: Origin(origin.source, origin.line, origin.field, given)
        for place, origin in whole.origins.items()
        if place[: len(table)] == table
    }
    return Layer(whole.source, data, origins)


def list_locations(value: object, place: Location = ()) -> Iterator[Location]:
    """List the place of every value, and of every table and list."""
    yield place
    entries: Iterable[tuple[str | int, object]] = ()
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, list):
        entries = enumerate(value)
    for key, inner in entries:
        yield from list_locations(inner, (*place, key))


def render(location: Location) -> str:
    """Write a place as problems name it, such as `dsoftbus.peer[0].port`."""
    text = ""
    for key in location:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += f".{show_key(key)}" if text else show_key(key)
    return text
