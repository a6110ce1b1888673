"""Rules of `tidy.py` about Python: branches in tests, circles of imports, open types, splats."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from typing import Final

from ci.tidy_source import Finding, Source

_IMPORTS: Final = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([\w.]+))",
    re.MULTILINE,
)
# `from typing import Any, Final  # Any: the library publishes no types.`
_REASONED_IMPORT: Final = re.compile(r"^from typing import .*\bAny\b[^#]*  # Any: \w")
# Folders from which Python imports.
_ROOTS: Final = ("src/python/", "pants-plugins/")

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


def find_test_branches(source: Source) -> Iterator[Finding]:
    """Find branches in tests, but not in their own functions: one that is not taken goes unseen."""
    if not source.path.endswith("_test.py"):
        return
    try:
        nodes = source.nodes
    except SyntaxError as exc:
        yield Finding(source.path, exc.lineno or 1, f"this is not Python: {exc.msg}")
        return
    except ValueError as exc:
        yield Finding(source.path, 1, f"this is not Python: {exc}")
        return
    tests = [n for n in nodes if isinstance(n, _FUNCTIONS) and n.name.startswith("test_")]
    for number in chain.from_iterable(map(_branches, tests)):
        word = source.lines[number - 1].split()[0].strip(":")
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
    """Find modules, and packages, of Python that import each other, also where a function does."""
    modules: dict[str, Source] = {}
    for source in sources:
        root = next((it for it in _ROOTS if source.path.startswith(it)), "")
        name = source.path.removeprefix(root).rpartition(".")[0].replace("/", ".")
        modules[name.removesuffix(".__init__")] = source
    imports = {
        name: {it for it in imported_names(source.text) if it in modules and it != name}
        for name, source in modules.items()
    }
    circle = _circle_of(imports)
    if circle:
        path = modules[circle[0]].path
        yield Finding(path, 1, f"these modules import each other in a circle: {', '.join(circle)}")
        return
    packages: dict[str, set[str]] = {}
    for name, imported in imports.items():
        own = _package_of(name)
        # Tests use whatever is below them, and stand on top of all packages.
        if not modules[name].is_test:
            packages.setdefault(own, set()).update(map(_package_of, imported))
    circle = _circle_of({own: others - {own} for own, others in packages.items()})
    if circle:
        first = min(name for name in modules if _package_of(name) == circle[0])
        path = modules[first].path
        yield Finding(path, 1, f"these packages import each other in a circle: {', '.join(circle)}")


def _package_of(module: str) -> str:
    """The package below the root: `nexus.harness` of `nexus.harness.report.page`."""
    return ".".join(module.split(".")[:2])


def _circle_of(imports: Mapping[str, Iterable[str]]) -> list[str]:
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as exc:
        found: list[str] = exc.args[1]
        return found
    return []


def find_open_types(source: Source) -> Iterator[Finding]:
    """Find `Any` without a reason: on its line, or behind the import for the whole of a module."""
    if "Any" not in source.text or any(map(_REASONED_IMPORT.search, source.lines)):
        return
    try:
        nodes = source.nodes
    except (SyntaxError, ValueError):
        return  # `find_test_branches` says so.
    used = {node.lineno for node in nodes if isinstance(node, ast.Name) and node.id == "Any"}
    for number in sorted(used):
        if "  # " not in source.lines[number - 1]:
            yield Finding(
                source.path,
                number,
                "`Any` needs its reason on this line, or behind its import; `object` checks more",
            )


def find_splats(source: Source) -> Iterator[Finding]:
    """Find `*("-M", "virt")`: a splat of written items, which changes nothing but the layout."""
    if "*(" not in source.text and "*[" not in source.text:
        return
    try:
        nodes = source.nodes
    except (SyntaxError, ValueError):
        return  # `find_test_branches` says so.
    for node in nodes:
        if not isinstance(node, ast.Starred) or not isinstance(node.ctx, ast.Load):
            continue
        if isinstance(node.value, ast.Tuple | ast.List) and node.value.elts:
            yield Finding(
                source.path, node.lineno, "a splat of written items only saves lines; write them"
            )
