"""Rules of `tidy.py` about Python: branches in tests, and modules that import each other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from typing import Final

from ci.tidy_source import Finding, Source

_IMPORTS: Final = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([\w.]+))",
    re.MULTILINE,
)
# Folders from which Python imports.
_ROOTS: Final = ("src/python/", "pants-plugins/")

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


def find_test_branches(source: Source) -> Iterator[Finding]:
    """Find branches in tests, but not in their own functions: one that is not taken goes unseen."""
    if not source.path.endswith("_test.py"):
        return
    try:
        nodes = ast.walk(ast.parse(source.text))
    except SyntaxError as exc:
        yield Finding(source.path, exc.lineno or 1, f"this is not Python: {exc.msg}")
        return
    except ValueError as exc:  # Of Python 3.11, where a later one has a syntax error.
        yield Finding(source.path, 1, f"this is not Python: {exc}")
        return
    lines = source.text.splitlines()
    tests = [n for n in nodes if isinstance(n, _FUNCTIONS) and n.name.startswith("test_")]
    for number in chain.from_iterable(map(_branches, tests)):
        word = lines[number - 1].split()[0].strip(":")
        yield Finding(source.path, number, f"`{word}` in a test; parameters or a helper can decide")


def _branches(parent: ast.AST) -> Iterator[int]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.If | ast.Match | ast.ExceptHandler):
            yield node.lineno
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            yield from _branches(node)


def imported_names(text: str) -> Iterator[str]:
    """Each name that a module of Python imports and that may be a module itself."""
    for package, names, module in _IMPORTS.findall(text):
        yield package or module
        yield from (f"{package}.{name}" for name in re.findall(r"\w+", names))


def find_circles(sources: Iterable[Source]) -> Iterator[Finding]:
    """Find modules of Python that import each other, also where a function imports."""
    modules: dict[str, Source] = {}
    for source in sources:
        root = next((it for it in _ROOTS if source.path.startswith(it)), "")
        name = source.path.removeprefix(root).rpartition(".")[0].replace("/", ".")
        modules[name.removesuffix(".__init__")] = source
    imports = {
        name: {it for it in imported_names(source.text) if it in modules and it != name}
        for name, source in modules.items()
    }
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as exc:
        circle: list[str] = exc.args[1]
        path = modules[circle[0]].path
        yield Finding(path, 1, f"these modules import each other in a circle: {', '.join(circle)}")
