"""The bus commands against a node that serves as a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from nexus.cli.bus.bus_scene import Files, serving, set_encoding, write_files
from nexus.cli.main import main
from nexus.dsoftbus.io.record import record_schema


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.chdir(tmp_path)
    return write_files(tmp_path)


def test_every_command_against_a_serving_node(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("bus", "serve", "--register", "bundlemgrd", "--bundles", "3", "--json")
    with serving(files.folder, *command) as said:
        assert main(["bus", "ping", "node-b", "--count", "2"]) == 0
        assert "node-b: 2 round trips" in capsys.readouterr().out
        assert main(["bus", "resolve", "node-b", "bundlemgrd"]) == 0
        assert capsys.readouterr().out == "bundlemgrd is registered at node-b\n"
        assert main(["bus", "resolve", "node-b", "nothing", "--json"]) == 70
        answer = json.loads(capsys.readouterr().out)
        assert (answer["outcome"], answer["registered"]) == ("not-found", False)
        assert main(["bus", "query", "node-b"]) == 0
        assert capsys.readouterr().out == "node-b has 3 bundles\n"
        assert main(["bus", "call", "node-b", "bundlemgrd", "list"]) == 0
        assert capsys.readouterr().out == "status: ok\ncount: 3\n"
        name = "name=nothing"
        assert main(["bus", "call", "node-b", "samgrd", "resolve-status", name, "--json"]) == 70
        answer = json.loads(capsys.readouterr().out)
        assert (answer["outcome"], answer["status"]) == ("not-found", "not-found")
        assert main(["bus", "call", "node-b", "statefsd", "sync"]) == 71
        capsys.readouterr()
        assert main(["bus", "discover", "--seconds", "1"]) == 0
        assert "pinned  offers samgrd, bundlemgrd" in capsys.readouterr().out
    _, *records, end = [json.loads(line) for line in said]
    assert end["outcome"] == "ok"
    for record in records:
        jsonschema.validate(record, record_schema())
    assert [(r["outcome"], r["service"], r["opcode"]) for r in records] == [
        ("ok", "samgrd", 6),
        ("ok", "samgrd", 6),
        ("ok", "bundlemgrd", 1),
        ("ok", "bundlemgrd", 1),
        ("ok", "samgrd", 6),
        ("denied-service", "statefsd", 5),
    ]
    shown = "".join(said)
    assert files.host.secret.hex() not in shown
    assert files.node.secret.hex() not in shown


LIST = ["bus", "call", "node-b", "bundlemgrd", "list", "--json"]


@pytest.mark.parametrize(
    ("theirs", "encoding"), [("auto", "messages"), ("frames", "frames")], ids=["auto", "frames"]
)
def test_a_file_says_how_calls_travel(
    files: Files, capsys: pytest.CaptureFixture[str], theirs: str, encoding: str
) -> None:
    set_encoding(files.folder / "bus.toml", "auto")
    set_encoding(files.folder / "b.toml", theirs)
    with serving(files.folder, "bus", "serve", "--bundles", "3"):
        assert main(LIST) == 0
        answer = json.loads(capsys.readouterr().out)
    assert (answer["count"], answer["encoding"]) == (3, encoding)


def test_a_file_that_insists_on_messages_gets_no_answer_from_a_peer_without_them(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    set_encoding(files.folder / "bus.toml", "schema")
    set_encoding(files.folder / "b.toml", "frames")
    with serving(files.folder, "bus", "serve", "--bundles", "3"):
        assert main(LIST) == 74
        answer = json.loads(capsys.readouterr().out)
    assert answer["outcome"] == "unavailable"
    assert 'with "auto" it is called by frames' in answer["text"]


def test_what_the_peer_does_not_permit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path, allow="")
    with serving(tmp_path, "bus", "serve"):
        assert main(["bus", "query", "node-b"]) == 71
        assert capsys.readouterr().err == "error: node-b refused the call\n"


def test_a_peer_that_is_not_there(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bus", "ping", "node-b", "--timeout", "0.2", "--json"]) == 74
    assert json.loads(capsys.readouterr().out)["outcome"] == "unavailable"
    assert main(["bus", "ping", "node-x", "--timeout", "0.2"]) == 74
    assert "these are: node-b" in capsys.readouterr().err
