"""The modules of the reference engine depend on each other in one direction, and on no device."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import nexus.emulator.reference as package

PREFIX = "nexus.emulator.reference."


def imports() -> dict[str, set[str]]:
    """Module names to what they import of this project, for type checkers too."""
    found: dict[str, set[str]] = {}
    for path in Path(package.__path__[0]).glob("*.py"):
        if (
            path.stem.endswith(("_test", "_fake", "_cases", "_scene", "_support"))
            or path.stem == "__init__"
        ):
            continue
        names = found[PREFIX + path.stem] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_there_is_no_circle() -> None:
    graph = imports()
    assert len(graph) > 10
    inside = {name: needed & graph.keys() for name, needed in graph.items()}
    list(TopologicalSorter(inside).static_order())  # Raises CycleError, which names the circle.


def test_no_device_is_imported() -> None:
    for name, needed in imports().items():
        assert not [it for it in needed if ".emulator.device" in it], name
