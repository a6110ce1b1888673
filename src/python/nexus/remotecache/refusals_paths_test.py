"""Options that name files and folders, or nothing: each mistake is one line that names the option.

Names that are too long stand for all that the system refuses to look at: tests may run as root,
and root may look at every file.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from nexus.remotecache import credentials, serve, server, worker
from nexus.remotecache.processes import ENDING

CONFIG = 20
LONG = "x" * 300


@pytest.fixture(name="place")
def folder_of_all_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files that will not do, in which nothing is started."""
    for name in serve.NETWORK:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(serve, "take_ending", lambda _handler: ENDING)
    monkeypatch.setattr(server, "running", lambda *_: pytest.fail("it was started"))
    monkeypatch.setattr(worker, "take_ending", lambda *_: ENDING)
    monkeypatch.setattr(worker, "refusal", lambda: None)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "token").write_text("a.b.c\n")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nowhere").symlink_to("missing/file")
    os.mkfifo(tmp_path / "pipe")
    credentials.create(tmp_path / "made", lifetime=timedelta(days=1))
    return tmp_path


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The line that a mistake costs."""
    assert serve.main(arguments) == CONFIG
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--folder={place}/" + LONG, "--folder: "),
        ("--folder={place}/loop", "/loop: File exists; expected a folder of this user with room"),
        ("--settings={place}/folder", "--settings: {place}/folder cannot be written; expected"),
        ("--settings={place}/loop", "--settings: {place}/loop cannot be written; expected"),
        ("--settings={place}/pipe", "--settings: {place}/pipe cannot be written; expected a file"),
        ("--settings={place}/nowhere", "--settings: {place}/nowhere cannot be written; expected"),
        ("--settings={place}/" + LONG, f"{LONG} cannot be written; expected a file in a folder"),
        ("--settings=/dev/null/x", "--settings: /dev/null/x cannot be written; expected a file"),
        ("--mount={place}/empty", "--mount: {place}/empty is not a folder of this machine, or not"),
        ("--mount={place}/" + LONG, f"{LONG} is not a folder of this machine, or not in this"),
        ("--mount={place}/loop", "--mount: {place}/loop is not a folder of this machine, or not"),
        ("--name=", "--name: '' is neither a host's name nor an address"),
        ("--database=", "--database: '' is not a kind of database; expected postgresql://"),
        (
            "--database=sqlite:///{place}/folder",
            "{place}/folder: unable to open database file; this user must own it, and its folder",
        ),
        ("--database=sqlite:///{place}/binary", "binary: file is not a database; move it away"),
        ("--settings=", "--settings: '' is not a path"),
        ("--folder=", "--folder: '' is not a path"),
        ("--mount=", "--mount: '' is not a path"),
        ("--runner-folder=", "--runner-folder: '' is not a path"),
    ],
)
def test_a_path_of_a_server_that_will_not_do_is_named(
    option: str, said: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused([f"--folder={place}/server", option.format(place=place)], capsys)
    assert said.format(place=place) in line


@pytest.mark.parametrize("option", ["--authority", "--certificate", "--key"])
@pytest.mark.parametrize("name", ["folder", "missing", "empty", "binary", "loop", "pipe", LONG])
def test_a_file_of_a_team_that_will_not_do_is_named(
    option: str, name: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {
        "--authority": place / "made" / "ca.crt",
        "--certificate": place / "made" / "server.crt",
        "--key": place / "made" / "server.key",
        option: place / name,
    }
    line = refused(
        [f"--folder={place}/server", *(f"{name}={path}" for name, path in given.items())], capsys
    )
    assert line.startswith(f"error: {option}: {place / name}: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--folder={place}/folder", "--grants"], "has no keys of a server; start a server"),
        (["--folder={place}/" + LONG, "--grants"], "File name too long; ask as the user of"),
        (["--folder={place}/loop", "--grants"], "a loop of links; ask as the user of the server"),
        (["--folder={place}/empty", "--grants"], "has no keys of a server; start a server"),
    ],
)
def test_a_folder_without_tokens_is_named(
    arguments: list[str], said: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused([argument.format(place=place) for argument in arguments], capsys)
    assert line.startswith(f"error: {arguments[0].format(place=place).replace('=', ': ')}")
    assert said in line


def test_a_name_without_a_token_is_named_with_its_option(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "server").mkdir()
    credentials.create(place / "server" / "keys", lifetime=timedelta(days=1))
    line = refused([f"--folder={place}/server", "--revoke=nix"], capsys)
    assert "error: --revoke: 'nix' has no valid token; expected one of: admin" in line


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--folder={place}/" + LONG, "File name too long; expected a folder of this user"),
        ("--mount={place}/" + LONG, f"{LONG} is not a folder of this machine, or not in this"),
        ("--mount={place}/empty", "--mount: {place}/empty is not a folder of this machine, or not"),
        ("--authority={place}/missing", "--authority: {place}/missing: No such file"),
        ("--authority={place}/folder", "--authority: {place}/folder: Is a directory"),
        ("--authority={place}/binary", "--authority: {place}/binary holds no certificate; "),
        ("--authority={place}/loop", "--authority: {place}/loop: Too many levels of symbolic"),
        ("--token={place}/missing", "--token: {place}/missing: No such file or directory"),
        ("--token={place}/folder", "--token: {place}/folder: Is a directory"),
        ("--token={place}/binary", "--token: {place}/binary is not a token; expected one line"),
        ("--token={place}/loop", "--token: {place}/loop: Too many levels of symbolic links"),
        (
            "--token={place}/pipe",
            "--token: {place}/pipe: is a pipe or a device; expected",
        ),
        ("--authority={place}/pipe", "--authority: {place}/pipe: is a pipe or a device; expected"),
        ("--token=", "--token: '' is not a path"),
        ("--authority=", "--authority: '' is not a path"),
    ],
)
def test_a_path_of_a_worker_that_will_not_do_is_named_before_the_server_is_asked(
    option: str,
    said: str,
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("socket.create_connection", lambda *_: pytest.fail("it was asked"))
    given = {
        "--server": "localhost:1",
        "--authority": f"{place}/made/ca.crt",
        "--token": f"{place}/token",
        "--folder": f"{place}/worker",
    }
    name, _, value = option.format(place=place).partition("=")
    given[name] = value
    line = refused(["--worker", *(f"{name}={value}" for name, value in given.items())], capsys)
    assert said.format(place=place) in line
