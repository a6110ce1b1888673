"""The zig tests that depend on a file, and the call of the compiler for them.

BUILD files are Python: `zig_module` and `zig_test` are read from their syntax tree.  Which files a
module has is what its root imports, as for the compiler.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

_IMPORT: Final = re.compile(r'@import\("([^"]+)"\)')


@dataclass(frozen=True)
class Module:
    """A module: its name, its root file, its files, and the names that it imports."""

    name: str
    root: str
    files: frozenset[str]
    imports: frozenset[str]


@dataclass(frozen=True)
class Program:
    """A test to compile: the module that is tested, with the arguments of the compiler."""

    name: str
    argv: tuple[str, ...]
    distance: int  # How many modules lie between the test and the file.


class Modules:
    """All modules of a tree of zig, from the text of its files."""

    def __init__(self, files: Mapping[str, str]) -> None:
        """Read BUILD files and zig sources; keys are paths below the repository's root."""
        self._files = files
        self._by_name: dict[str, Module] = {}
        self._tested: list[str] = []
        for path, text in sorted(files.items()):
            if PurePosixPath(path).name == "BUILD":
                self._read_build(PurePosixPath(path).parent, text)

    def programs_of(self, path: str) -> list[Program]:
        """List the tests that a file is part of, nearest module first.

        Of two that are as near, the one that is called after the file's module: `os_fake` for `os`.
        """
        own = tuple(name for name, module in self._by_name.items() if path in module.files)
        found: list[Program] = []
        for name in self._tested:
            order = self._closure(name)
            near = [depth for module, depth in order.items() if path in self._by_name[module].files]
            if near:
                found.append(Program(name, self._argv(name, tuple(order)), min(near)))
        return sorted(
            found, key=lambda each: (each.distance, not each.name.startswith(own), each.name)
        )

    def _read_build(self, folder: PurePosixPath, text: str) -> None:
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            fields = {
                keyword.arg: keyword.value.value
                for keyword in node.keywords
                if isinstance(keyword.value, ast.Constant)
            }
            if node.func.id == "zig_module":
                name = str(fields.get("name", folder.name))
                root = str(folder / str(fields.get("root_source", "root.zig")))
                self._by_name[name] = self._module(name, root)
            elif node.func.id == "capnp_schema":  # Its module is generated, beside it.
                name = str(fields.get("name", folder.name))
                self._by_name[name] = self._module(name, str(folder / name / "root.zig"))
            elif node.func.id == "zig_test":
                self._tested.append(str(fields["module"]).rpartition(":")[2])

    def _module(self, name: str, root: str) -> Module:
        reached: set[str] = set()
        imports: set[str] = set()
        waiting = [root]
        while waiting:
            path = waiting.pop()
            if path in reached or path not in self._files:
                continue
            reached.add(path)
            for target in _IMPORT.findall(self._files[path]):
                if target.endswith(".zig"):
                    waiting.append(_joined(path, target))
                else:
                    imports.add(target)
        return Module(name, root, frozenset(reached), frozenset(imports))

    def _closure(self, name: str) -> dict[str, int]:
        order = {name: 0}
        level = [name]
        while level:
            found = sorted({dep for at in level for dep in self._deps(at)} - set(order))
            depth = max(order.values()) + 1
            order.update((dep, depth) for dep in found)
            level = found
        return order

    def _deps(self, name: str) -> list[str]:
        return sorted(self._by_name[name].imports & set(self._by_name) - {name})

    def _argv(self, name: str, order: tuple[str, ...]) -> tuple[str, ...]:
        argv: list[str] = []
        for module in order:
            for dep in self._deps(module):
                argv += ["--dep", dep]
            shown = "root" if module == name else module
            argv.append(f"-M{shown}={self._by_name[module].root}")
        return tuple(argv)


def _joined(path: str, target: str) -> str:
    parts: list[str] = []
    for part in (*PurePosixPath(path).parent.parts, *PurePosixPath(target).parts):
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
