"""Node file or world file: the keys decide, since the two kinds have no key in common."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from pydantic import BaseModel

from nexus.config.node import NodeConfig
from nexus.config.world import WorldConfig


class Kind(Enum):
    """The kind of a file: a node or a world."""

    NODE = "node"
    WORLD = "world"


MODELS: Final[Mapping[Kind, type[BaseModel]]] = {Kind.NODE: NodeConfig, Kind.WORLD: WorldConfig}

# Keys that say nothing about the kind.
_BOTH: Final = ("extends",)


def kind_of(data: Mapping[str, object]) -> Kind | None:
    """Return the kind; None if no key shows it.  `[node]` decides, a world never has it."""
    if "node" in data:
        return Kind.NODE
    for kind in (Kind.WORLD, Kind.NODE):
        names = {f.alias or name for name, f in MODELS[kind].model_fields.items()}
        if any(key in names and key not in _BOTH for key in data):
            return kind
    return None
