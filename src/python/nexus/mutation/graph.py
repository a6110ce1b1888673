"""The tests that depend on a file of Python, nearest first, by the imports of files."""

from __future__ import annotations

import ast
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

SOURCE_ROOT: Final = "src/python/"
# Tests of many random cases, or of whole programs, take the time in which others would notice.
_LONG: Final = re.compile("fuzz|stateful|random|integration|power_cut|differential")


def importers(files: Mapping[str, str]) -> dict[str, set[str]]:
    """Map each file to the files that import it, from the text of all of them."""
    by_module = {_module(path): path for path in files}
    result: dict[str, set[str]] = {path: set() for path in files}
    for path, text in files.items():
        for name in _imported(text):
            target = by_module.get(name)
            if target is not None and target != path:
                result[target].add(path)
    return result


def dependent_tests(path: str, imported_by: Mapping[str, set[str]]) -> list[str]:
    """List the tests that reach a file: those of its own name, then by the length of the way.

    Of two that are as near, one whose name says that it is long comes later.
    """
    distance = distances([path], imported_by)
    own = PurePosixPath(path)

    def key(test: str) -> tuple[bool, int, bool, bool, str]:
        its = PurePosixPath(test)
        is_own = its.parent == own.parent and its.stem.startswith(own.stem)
        is_long = _LONG.search(its.stem) is not None
        return (not is_own, distance[test] + is_long, its.parent != own.parent, is_long, test)

    return sorted((other for other in distance if other.endswith("_test.py")), key=key)


def distances(starts: Iterable[str], edges: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Map each file that is reached from one of these to the length of the shortest way."""
    found = dict.fromkeys(starts, 0)
    waiting = deque(found)
    while waiting:
        at = waiting.popleft()
        for other in edges.get(at, ()):
            if other not in found:
                found[other] = found[at] + 1
                waiting.append(other)
    return found


def _module(path: str) -> str:
    parts = PurePosixPath(path.removeprefix(SOURCE_ROOT)).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(text: str) -> Iterator[str]:
    """Name every module that may be meant: `from a import b` is `a`, and `a.b` if there is one."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            yield node.module
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
