"""The figures as HTML: an index of the files, and for each file its lines.

Jinja2 fills the templates and escapes what files hold.  Pure: values come in, text comes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files

import jinja2

from nexus.coverage.executed import Executed
from nexus.coverage.figures import Coverage, FileCoverage
from nexus.coverage.text import percent


def render(coverage: Coverage, executed: Executed, sources: Mapping[str, str]) -> dict[str, str]:
    """Make the pages: name of a file to its text."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    common = {"style": _resource("page.css")}
    pages = {
        "index.html": environment.get_template("index.html.j2").render(
            files=[_row(file) for file in coverage.files.values()],
            parts=[_part(it.name, it.hit, it.found, it.note) for it in coverage.parts],
            hit=coverage.hit,
            found=coverage.found,
            share=percent(coverage.hit, coverage.found),
            runs=executed.runs,
            unknown=executed.pages_unknown,
            ways=coverage.ways,
            ways_share=percent(*coverage.ways),
            has_branches=coverage.has_branches,
            **common,
        )
    }
    template = environment.get_template("file.html.j2")
    for file in coverage.files.values():
        pages[name_of(file.path)] = template.render(
            file=_row(file),
            lines=list(_lines(file, sources.get(file.path))),
            has_source=file.path in sources,
            **common,
        )
    return pages


def name_of(path: str) -> str:
    """The name of the page of a file."""
    return "".join(it if it.isalnum() or it in "-." else "_" for it in path) + ".html"


def _resource(name: str) -> str:
    return files("nexus.coverage").joinpath(name).read_text()


def _part(name: str, hit: int, found: int, note: str) -> dict[str, object]:
    return {
        "name": name,
        "hit": hit,
        "found": found,
        "share": percent(hit, found),
        "note": note,
    }


def _row(file: FileCoverage) -> dict[str, object]:
    functions = file.functions.values()
    gone, ways = file.ways
    return {
        "path": file.path,
        "page": name_of(file.path),
        **_part(file.path, file.hit, len(file.lines), ""),
        "functions": f"{sum(functions)} of {len(functions)}",
        "branches": f"{gone} of {ways}" if ways else "-",
    }


def _lines(file: FileCoverage, source: str | None) -> Iterator[dict[str, object]]:
    """The lines of a file with what is known of each; without the source, those with code."""
    texts = {} if source is None else dict(enumerate(source.split("\n"), start=1))
    branches: dict[int, list[str]] = {}
    for (line, _, _), (taken, not_taken, was_executed) in sorted(file.branches.items()):
        shown = ("+" if taken else "-") + ("+" if not_taken else "-") if was_executed else "?"
        branches.setdefault(line, []).append(shown)
    for number in sorted({*texts, *file.lines}):
        known = file.lines.get(number)
        yield {
            "number": number,
            "text": texts.get(number, ""),
            "kind": {None: "", True: "hit", False: "missed"}[known],
            "branches": " ".join(branches.get(number, ())),
        }
