"""The values that count, each with the place it came from.

A secret is never among them: a key in a file is shown by the name of that file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pydantic import BaseModel

from nexus.config.keys import FileKey
from nexus.config.layers import Given, Layer, Origin, render
from nexus.config.lines import Location
from nexus.config.load import LoadedNode, LoadedWorld

# The entry of a world's machine whose values are shown as those of its node.
_OVERRIDE: Final = "override"


class Source(Enum):
    """By what a value came to be."""

    FILE = "file"
    OVERRIDE = "override"
    OPTION = "command line"
    DEFAULT = "default"


_SOURCES: Final = {
    Given.FILE: Source.FILE,
    Given.OVERRIDE: Source.OVERRIDE,
    Given.OPTION: Source.OPTION,
}


@dataclass(frozen=True, slots=True)
class Value:
    """One value, of TOML; of a secret the name of its file, in angle brackets."""

    field: str
    value: object
    source: Source
    file: str | None = None
    line: int | None = None
    is_secret: bool = False

    @property
    def origin(self) -> str:
        """Say where it came from, shortly."""
        if self.file is None:
            return self.source.value
        place = f"{self.file}:{self.line}" if self.line else self.file
        return place if self.source is Source.FILE else f"{self.source.value} {place}"


@dataclass(frozen=True, slots=True)
class Section:
    """All values of one file: the world's own, or those of a machine's node."""

    title: str
    label: str | None
    values: tuple[Value, ...]


def list_effective(loaded: LoadedNode | LoadedWorld) -> list[Section]:
    """List every value that is set, by its file or by default, in the order of the models."""
    if isinstance(loaded, LoadedNode):
        return [_section(f"node {loaded.layer.source}", None, loaded.config, loaded.layer)]
    sections = [_section(f"world {loaded.layer.source}", None, loaded.file, loaded.layer)]
    for machine in loaded.config.machines:
        node = loaded.nodes[machine.label]
        title = f"machine {machine.label}: node {machine.node_path}"
        sections.append(_section(title, machine.label, node.config, node.layer))
    return sections


def _section(title: str, label: str | None, model: BaseModel, layer: Layer) -> Section:
    values = (_value(place, held, layer) for place, held in _leaves(model, ()))
    return Section(title, label, tuple(values))


def _leaves(value: object, place: Location) -> Iterator[tuple[Location, object]]:
    if isinstance(value, FileKey):
        yield place, value
    elif isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            inner = getattr(value, name)
            if inner is not None and name not in ("extends", _OVERRIDE):
                yield from _leaves(inner, (*place, info.alias or name))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*place, key))
    elif isinstance(value, tuple) and any(isinstance(entry, BaseModel) for entry in value):
        for index, entry in enumerate(value):
            yield from _leaves(entry, (*place, index))
    else:
        yield place, list(value) if isinstance(value, tuple) else value


def _value(place: Location, held: object, layer: Layer) -> Value:
    is_secret = isinstance(held, FileKey)
    shown = f"<file {held.file}>" if isinstance(held, FileKey) else held
    origin: Origin | None = layer.find_origin(place)
    if origin is None:
        return Value(render(place), shown, Source.DEFAULT)
    source = _SOURCES[origin.given]
    file = None if source is Source.OPTION else origin.source
    return Value(render(place), shown, source, file, origin.line or None, is_secret)


def list_files(sections: Sequence[Section]) -> list[str]:
    """List the files that a value came from, each once."""
    files = (value.file for section in sections for value in section.values)
    return list(dict.fromkeys(name for name in files if name is not None))
