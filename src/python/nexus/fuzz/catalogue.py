"""All targets, in the groups that can be run by one name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nexus.fuzz import (
    bus_targets,
    link_targets,
    schema_targets,
    service_targets,
    session_targets,
    storage_targets,
    wire_targets,
)
from nexus.fuzz.target import Target

GROUPS: Final[Mapping[str, tuple[Target, ...]]] = {
    "dsoftbus": (
        *session_targets.TARGETS,
        *link_targets.TARGETS,
        *bus_targets.TARGETS,
        *service_targets.TARGETS,
    ),
    "schema": schema_targets.TARGETS,
    "storage": storage_targets.TARGETS,
    "wire": wire_targets.TARGETS,
}

TARGETS: Final[Mapping[str, Target]] = {
    target.name: target for group in GROUPS.values() for target in group
}


def find(name: str) -> tuple[Target, ...]:
    """Return the targets of a group, or the one of this name; nothing if there is none."""
    if name in TARGETS:
        return (TARGETS[name],)
    return GROUPS.get(name, ())
