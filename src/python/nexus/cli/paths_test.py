"""A path that cannot be used is one line that names it, whichever program it is given to.

A line of `READERS` is a program and its arguments, where `@` stands for the path.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from nexus.cli.main import COMMANDS, program
from nexus.core.exits import EXIT_CONFIG
from nexus.entry import reading
from nexus.harness import emulator_differential
from nexus.release import archive, quick, walk

READERS: Final = {
    "config blob": "@ --out out",
    "config check": "@",
    "config describe": "@",
    "config explain": "@",
    "config validate": "@",
    "coverage lines": "--image @ --twin kernel=@ --out out",
    "coverage merge": "@ --out out",
    "coverage report": "@ --lines @ --out out",
    "image system": "--kernel @ --service init=@ --out out",
    "pkg build": "--manifest @ --out out",
    "pkg extract": "@ --out out",
    "pkg inspect": "@",
    "pkg verify": "@",
    "pkg serve": "@ --config @",
    "pkg ls": "node-b pkg:/system --config @",
    "log": "node-b --config @",
    "bus ping": "node-b --config @",
    "bus serve": "--config @",
    "bus whoami": "--config @",
    "state put": "node-b state:/k --file @ --config @",
    "state serve": "@ --config @",
    "state fsck": "@",
    "state dump": "@",
    "state compact": "@",
    "vm run": "--kernel @",
    "vm run --initrd": "--kernel valid --initrd @",
    "vm run --dtb": "--kernel valid --dtb @",
    "vm run --input": "--kernel valid --input @",
    "vm run --snapshot": "--kernel valid --snapshot @",
    "vm run --drive": "--kernel valid --drive @",
    "world debug": "@",
    "world replay": "@",
    "world shrink": "@",
    "world pinpoint": "@",
    "world frames": "@",
    "world diff": "@ @",
    "world report": "@ --out out",
    "world timeline": "@",
    "emulator_differential": "--native-blob @",
    "archive": "--list @ --folder f --out out",
    "quick": "--pex @ --out out",
    "walk": "--document @",
}
# Programs beside the commands.
OTHERS: Final[dict[str, Callable[[list[str]], int]]] = {
    "archive": archive.main,
    "emulator_differential": emulator_differential.main,
    "quick": quick.main,
    "walk": walk.main,
}
# The tools for state images have a code of their own for a file that is not theirs.
CODES: Final = {"state fsck": 2, "state dump": 2, "state compact": 2}

KINDS: Final = {
    "missing": "none",
    "below a file": "valid/x",
    "a folder": "folder",
    "unreadable": "/proc/self/mem",
    "a pipe that no process writes to": "pipe",
    "a link to itself": "loop",
    "longer than a name may be": "n" * 300,
    "of bytes that are not text": "\udcff",
    "with a terminal's command": "a\x1b[1m\u2028",
}
# These are refused before a program sees them.
REFUSED: Final = {"": "'' is not ", "a\nb\x1b[1m": "has a line end"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reading, "QUIET_SECONDS_MAX", 0.01)
    (tmp_path / "valid").write_bytes(b"junk")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def start(name: str, path: str) -> int:
    """Run a line of the table."""
    command = next((known for known in COMMANDS if name.startswith(known)), None)
    main = OTHERS[name] if command is None else program(command)
    return main([word.replace("@", path) for word in READERS[name].split()])


@pytest.mark.parametrize("path", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("name", READERS)
def test_a_path_that_cannot_be_read_is_one_line_that_names_it(
    name: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(name, path) == CODES.get(name, EXIT_CONFIG)
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    assert path.encode("ascii", "backslashreplace").decode().replace("\x1b", "\\x1b") in said
    assert "unexpected" not in said
    assert "[Errno" not in said


@pytest.mark.parametrize("path", REFUSED, ids=["empty", "of several lines"])
@pytest.mark.parametrize("name", READERS)
def test_a_name_that_no_message_can_show_is_refused(
    name: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(name, path) == CODES.get(name, EXIT_CONFIG)
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    assert REFUSED[path] in said
