"""Node file or world file: the keys decide, since the two kinds have no key in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final

from pydantic import BaseModel

from nexus.config.error import PROBLEMS_MAX, Problem, unshown
from nexus.config.layers import render
from nexus.config.node import NodeConfig
from nexus.config.world import WorldConfig
from nexus.core.errors import did_you_mean


class Kind(Enum):
    """The kind of a file: a node or a world."""

    NODE = "node"
    WORLD = "world"


MODELS: Final[Mapping[Kind, type[BaseModel]]] = {Kind.NODE: NodeConfig, Kind.WORLD: WorldConfig}

_EXPECTED: Final = "[node] of a node's file, or [[machine]] of a world's"

# Keys that say nothing about the kind.
_BOTH: Final = ("extends",)


def kind_of(data: Mapping[str, object]) -> Kind | None:
    """Return the kind; None if no key shows it.  `[node]` decides, a world never has it."""
    if "node" in data:
        return Kind.NODE
    return next((kind for kind in (Kind.WORLD, Kind.NODE) if has_keys_of(kind, data)), None)


def has_keys_of(kind: Kind, data: Mapping[str, object]) -> bool:
    """Whether any key is one of a file of this kind."""
    return any(key in _names(kind) for key in data)


def find_foreign_keys(data: Mapping[str, object]) -> Iterator[Problem]:
    """Say what is wrong with a file of no kind; of very many keys, with the first ones."""
    names = [name for kind in Kind for name in _names(kind)]
    foreign = [key for key in data if key not in _BOTH]
    for key in foreign[:PROBLEMS_MAX]:
        text = f"unknown key; expected {_EXPECTED}{did_you_mean(key, names)}"
        yield Problem(render((key,)), text)
    if more := len(foreign[PROBLEMS_MAX:]):
        yield unshown(more)
    if not foreign:
        yield Problem("", f"says nothing; expected {_EXPECTED}")


def _names(kind: Kind) -> list[str]:
    names = (field.alias or name for name, field in MODELS[kind].model_fields.items())
    return [name for name in names if name not in _BOTH]
