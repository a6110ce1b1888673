"""The files that a configuration names, and what kind of configuration it is, by its shape.

This knows no more of the models than where paths stand:

    extends = "base.toml"              or a list of them
    [[machine]] node = "node-a.toml"
    static_key = { file = "a.key" }    wherever a table has `file`
"""

from __future__ import annotations

import os.path
from typing import Any, Dict, Iterator, List, Mapping, Set, Tuple  # Any: contents of files.

try:
    import tomllib
except ModuleNotFoundError:  # CPython 3.9; Pants brings this one.
    import toml as tomllib  # type: ignore[no-redef]  # One name for both.

# Under which a node names what it boots, what is loaded with it, and its drives.
_IMAGE_KEYS = ("image", "disk", "firmware", "kernel", "initrd")

# Deeper than any table of a configuration; beyond it something else was named by mistake.
_DEPTH_MAX = 16


def parse(text: str) -> Dict[str, Any]:
    """The file's content; empty if it is not TOML, which `check` reports to the author."""
    try:
        return dict(tomllib.loads(text))
    # The two parsers raise different errors on damaged input, and more than their own.
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def referenced_paths(path: str, content: Mapping[str, object]) -> Tuple[str, ...]:
    """The files that the one at `path` names, from the repository's root, each once."""
    names = [
        *_strings(content.get("extends")),
        *_node_files(content),
        *_values_of("file", content, 0),
    ]
    folder = os.path.dirname(path)
    found = (os.path.normpath(os.path.join(folder, name)) for name in names if name)
    return tuple(sorted(set(found)))


def image_names(content: Mapping[str, object]) -> Set[str]:
    """The images that a world or a node asks for, by the names under which they are given."""
    return {name for key in _IMAGE_KEYS for name in _values_of(key, content, 0)}


def is_world(content: Mapping[str, object]) -> bool:
    """Only a world has machines."""
    return bool(_node_files(content))


def is_node(content: Mapping[str, object]) -> bool:
    """A node names itself; so does nothing else that is TOML."""
    node = content.get("node")
    return isinstance(node, Mapping) and "id" in node


def _strings(value: object) -> List[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str)]


def _node_files(content: Mapping[str, object]) -> List[str]:
    machines = content.get("machine")
    if not isinstance(machines, list):
        return []
    tables = (machine for machine in machines if isinstance(machine, Mapping))
    return [text for machine in tables for text in _strings(machine.get("node"))]


def _values_of(key: str, value: object, depth: int) -> Iterator[str]:
    """The texts that tables at any depth have under a key."""
    if depth > _DEPTH_MAX:
        return
    if isinstance(value, Mapping):
        yield from _strings(value.get(key))
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _values_of(key, each, depth + 1)
