"""Each effective value is shown, with the place it came from, and no secret is."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from nexus.config.config_cases import NODE_A, NODE_B_START, WORLD, write_world
from nexus.config.keys import derive_test_secret
from nexus.config.load import load_node
from nexus.config.origins import main

SECRET = derive_test_secret("hidden").hex()

BASE = """\
[node]
image = "base"
ram_mib = 32

[dsoftbus]
static_key = { file = "node.key" }
rate.burst = 5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A world: A extends a base and has its key in a file, B is overridden."""
    derived = NODE_A.replace('static_key = { test_seed = "node-a" }\n', "", 1)
    world = WORLD.replace('image = "other"', "override.node.ram_mib = 48")
    path = write_world(tmp_path, world=world, a=f'extends = "common/base.toml"\n{derived}')
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "base.toml").write_text(BASE)
    (tmp_path / "common" / "node.key").write_text(SECRET)
    (tmp_path / "common" / "node.key").chmod(0o600)
    return path.parent


def shown(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> str:
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert SECRET[:16] not in captured.out
    return captured.out.replace(f"{folder}/", "")


def test_each_value_of_a_node_has_its_origin(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(capsys, folder, str(folder / "node-a.toml"), "--set", "node.image='new'")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for line in (
        "# node node-a.toml",
        'node.id = "node-a" # node-a.toml:3',
        'node.image = "new" # command line',
        "node.ram_mib = 32 # common/base.toml:3",
        "dsoftbus.static_key = <file node.key> # common/base.toml:6",
        "dsoftbus.rate.burst = 5 # common/base.toml:7",
        "dsoftbus.rate.per_second = 16 # default",
        "dsoftbus.peer[0].dial = true # node-a.toml:18",
        'dsoftbus.announce = ["samgrd", "bundlemgrd"] # node-a.toml:11',
    ):
        assert line in lines


def test_a_world_shows_its_nodes_as_its_machines_have_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(folder / "world.toml")
    text = shown(capsys, folder, path, "--set", "A:node.ram_mib=64", "--json")
    [document] = json.loads(text)
    assert document["file"] == "world.toml"
    assert document["files"] == ["world.toml", "node-a.toml", "common/base.toml", "node-b.toml"]
    world, first, second = document["sections"]
    assert [part["machine"] for part in (world, first, second)] == [None, "A", "B"]
    assert {"field": "seed", "value": 7, "from": "file", "file": "world.toml", "line": 1} in world[
        "values"
    ]
    rams = [[v for v in part["values"] if v["field"] == "node.ram_mib"] for part in (first, second)]
    assert rams == [
        [{"field": "node.ram_mib", "value": 64, "from": "command line"}],
        [
            {
                "field": "node.ram_mib",
                "value": 48,
                "from": "override",
                "file": "world.toml",
                "line": 15,
            }
        ],
    ]
    assert not any(value["field"].startswith("machine[1].override") for value in world["values"])


@pytest.mark.parametrize("text", [NODE_A, NODE_B_START])
def test_what_is_shown_is_a_file_that_means_the_same(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    # Entries of lists have no dotted keys in TOML: turn their numbers into entries.
    values = [
        v
        for s in json.loads(shown(capsys, tmp_path, str(path), "--json"))[0]["sections"]
        for v in s["values"]
    ]
    again = tmp_path / "b.toml"
    again.write_text(_as_toml(values))
    assert load_node(again) == load_node(path)


def _as_toml(values: list[dict[str, object]]) -> str:
    top: list[str] = []
    entries: dict[str, list[str]] = {}
    for value in values:
        head, bracket, rest = str(value["field"]).partition("]")
        line = f" = {json.dumps(value['value'])}"
        if bracket:
            entries.setdefault(head, []).append(rest.lstrip(".") + line)
        else:
            top.append(head + line)
    tables = [f"[[{head.partition('[')[0]}]]\n" + "\n".join(v) for head, v in entries.items()]
    text = "\n".join([*top, *tables]) + "\n"
    tomllib.loads(text)
    return text


def test_a_mistake_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder / "node-a.toml"), "--set", "node.ram_mb=1"]) == 20
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: --set: node.ram_mb: unknown key")
    assert captured.err.count("\n") == 1
