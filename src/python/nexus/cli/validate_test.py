"""Every kind of file that is read back is held to its schema, and a mistake names its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nexus.cli.main import main
from nexus.cli.validate import KINDS
from nexus.config.config_cases import NODE_A
from nexus.coverage import executed, lines
from nexus.coverage.coverage_cases import kernel_of, lines_of, system
from nexus.harness.report.event import Event, render
from nexus.harness.report.page_test import summary

EVENT = Event(ns=5, machine="A", kind="console", text="hello")
KERNEL = kernel_of(system(logd="ret"))


def files(folder: Path) -> dict[str, Path]:
    """A valid file of each kind that people or runs leave, by its kind."""
    contents = {
        "node": ("node.toml", NODE_A),
        "summary": ("summary.json", summary().to_json()),
        "timeline": ("timeline.jsonl", render([EVENT, EVENT])),
        "coverage": ("coverage.json", executed.render(executed.Executed(runs=1))),
        "lines": ("lines.json", lines.render([lines_of(KERNEL)])),
    }
    for name, content in contents.values():
        (folder / name).write_text(content)
    return {kind: folder / name for kind, (name, _) in contents.items()}


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main(["config", "validate", *map(str, arguments)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_each_kind_is_told_from_its_content(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = files(tmp_path)
    code, out, err = said(capsys, *known.values())
    assert (code, err) == (0, "")
    assert out.splitlines() == [f"{path}: a valid {kind}" for kind, path in known.items()]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_schema(kind: str) -> None:
    assert KINDS[kind]()


def test_a_mistake_names_file_place_value_and_what_is_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = files(tmp_path)["summary"]
    held = json.loads(path.read_text())
    held["deterministic"]["seed"] = "one"
    path.write_text(json.dumps(held))
    code, out, err = said(capsys, path)
    assert (code, out) == (20, "")
    assert err == f'error: {path}: deterministic.seed: "one": expected integer\n'


def test_a_line_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "timeline.jsonl"
    path.write_text(render([EVENT]) + '{"ns": -1, "machine": "A", "kind": "console", "text": ""}\n')
    assert f"{path}:2: ns: -1: " in said(capsys, path)[2]


def test_every_file_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = files(tmp_path)
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    code, out, err = said(capsys, bad, known["node"])
    assert code == 20
    assert "a valid node" in out
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.json", "{}", "its kind is not known; name it with --kind node|"),
        ("x.json", "[]", "its kind is not known"),
        ("x.json", "nonsense", "x.json:1: not JSON: Expecting value, column 1\n"),
        ("x.json", '{\n"a" 1}', "x.json:2: not JSON: Expecting ':' delimiter, column 5\n"),
        ("x.jsonl", '\n\n{"a" 1}', "x.jsonl:3: not JSON: Expecting ':' delimiter, column 6\n"),
        ("x.json", "[" * 100_000, "not JSON"),
        ("x.jsonl", "{}\n", "x.jsonl:1: the whole file: {}: "),
        ("x.toml", "= 1", "x.toml"),
        ("x.toml", "colour = 1", "x.toml"),
    ],
)
def test_what_is_of_no_kind_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, words: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    code, out, err = said(capsys, path)
    assert (code, out) == (20, "")
    assert words in err
    assert err.count("\n") == 1
