"""The three programs of this package: outputs, exit codes, one line for each mistake."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from nexus.config import blob, check, schema
from nexus.config.compile import compile_node
from nexus.config.config_cases import NODE_A, NODE_B_START, WORLD, write_world
from nexus.config.load import load_node


def test_check_accepts_good_files_of_both_kinds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_world(tmp_path)
    assert check.main([str(path), str(tmp_path / "node-a.toml")]) == 0
    assert capsys.readouterr() == ("", "")


def test_check_goes_on_after_a_bad_file_and_says_each_mistake_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_world(tmp_path, a=NODE_A.replace("34567", "0").replace("mac", "mca"))
    bad = tmp_path / "node-a.toml"
    assert check.main([str(bad), str(path), str(tmp_path / "none")]) == 20
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert len(set(lines)) == 4
    assert all(line.startswith(f"error: {tmp_path}") for line in lines)


def test_check_without_files_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main([]) == 20
    assert capsys.readouterr().err.count("\n") == 1


def test_blob_writes_what_the_harness_compiles(tmp_path: Path) -> None:
    write_world(tmp_path)
    source, out = tmp_path / "node-a.toml", tmp_path / "a.nxcf"
    assert blob.main([str(source), "--out", str(out)]) == 0
    assert out.read_bytes() == compile_node(load_node(source))


@pytest.mark.parametrize("arguments", [["none.toml", "--out", "x"], ["x.toml"], []])
def test_blob_mistakes_are_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert blob.main(arguments) == 20
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("kind", "text"), [("node", NODE_A), ("node", NODE_B_START), ("world", WORLD)]
)
def test_the_schema_accepts_good_files(
    kind: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert schema.main([kind]) == 0
    printed = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(printed)
    jsonschema.validate(tomllib.loads(text), printed, cls=jsonschema.Draft202012Validator)


FILES = sorted((Path(__file__).parents[4] / "ci").glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_files_of_the_pipeline_are_good(path: Path) -> None:
    assert check.main([str(path)]) == 0
    content = tomllib.loads(path.read_text())
    kind = "node" if "node" in content else "world"
    jsonschema.validate(content, schema.build_schema(kind))


def test_the_pipeline_has_files_of_both_kinds() -> None:
    assert {"node-a.toml", "node-b.toml", "os2vm.toml"} <= {path.name for path in FILES}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mac =", "mca ="),
        ("port = 34567", "port = 70000"),
        ("dial = true", "dial = 1"),
        ('"client"', '"clint"'),
    ],
)
def test_the_schema_refuses_what_it_can_express(old: str, new: str) -> None:
    bad = tomllib.loads(NODE_A.replace(old, new, 1))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(bad, schema.build_schema("node"))


def test_an_unknown_kind_of_schema_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert schema.main(["nodes"]) == 20
    shown = capsys.readouterr().err
    assert "did you mean 'node'?" in shown
    assert shown.count("\n") == 1
