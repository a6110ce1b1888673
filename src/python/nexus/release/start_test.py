"""The release's `nexus` starts its program whatever the environment says to other programs."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import zipfile
from pathlib import Path
from typing import Final

import pytest

from nexus.release.quick import quicken
from nexus.release.started_support import PROGRAM, Run, check_arguments, starter_in
from nexus.release.starter_support import starter

SCRIPT: Final = Path(__file__).with_name("nexus.sh")
# The words that start the program, in a folder with the links of `linked`.
STARTS: Final = ("a release/nexus", "./link", "links/again", "nexus")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A release with a program that is small, and links to it."""
    release = tmp_path / "a release"
    release.mkdir()
    shutil.copy(SCRIPT, release / "nexus")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as program:
        program.writestr("__main__.py", PROGRAM)
    (release / "nexus.pex").write_bytes(quicken(f"#!{starter()}\n".encode() + packed.getvalue()))
    (tmp_path / "link").symlink_to("a release/nexus")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "again").symlink_to("../link")
    (tmp_path / "links" / "nexus").symlink_to(release / "nexus")
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    return starter_in(folder, folder / "links")


@pytest.mark.parametrize("start", STARTS)
def test_the_program_is_found_and_gets_its_arguments(start: str, run: Run) -> None:
    check_arguments(run, start)


def test_no_variable_of_pex_or_python_gets_through(run: Run) -> None:
    hostile = {
        "PEX": "/none",
        "PEX_PATH": "/none",
        "PEX_NEWER": "two\nPEX_lines=1",
        "PEX_ROOT": "",
        "__PEX_ENTRY_POINT__": "\udcff",
        "_PEX_OTHER": "1",
        "PYTHONHOME": "/none",
        "PYTHONIOENCODING": "none",
    }
    kept = {"EPEX_X": "1", "MY_PYTHONHOME": "b\nc", "NOTE": "a=b\n-x"}
    done = run("nexus", more=hostile | kept)
    seen = json.loads(done.stdout)["variables"]
    assert {name for name in seen if "PEX" in name or "PYTHON" in name} == {
        "EPEX_X",
        "MY_PYTHONHOME",
        "PEX_IGNORE_RCFILES",
    }
    assert {name: seen[name] for name in kept} == kept


def test_the_place_to_unpack_to_can_be_chosen(run: Run) -> None:
    done = run("nexus", more={"PEX_ROOT": "/none", "NEXUS_UNPACK_TO": "/a place"})
    assert json.loads(done.stdout)["variables"]["PEX_ROOT"] == "/a place"


@pytest.mark.parametrize("shell", ["", "<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full"])
def test_the_exit_code_is_the_programs_whatever_the_streams_are(shell: str, run: Run) -> None:
    assert run("nexus", "exit", "30", more={"PEX_PATH": "/none"}, shell=shell).returncode == 30


def test_a_signal_is_the_programs_and_no_shell_stays(run: Run, folder: Path) -> None:
    assert run("nexus", "die").returncode == -signal.SIGTERM
    with subprocess.Popen(
        [folder / "a release" / "nexus"], stdout=subprocess.PIPE, env={"PATH": os.defpath}
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.read())["pid"] == process.pid


def test_a_release_that_is_read_only_works(run: Run, folder: Path) -> None:
    (folder / "a release").chmod(0o555)
    assert run("nexus").returncode == 0
    assert sorted(os.listdir(folder / "a release")) == ["nexus", "nexus.pex"]


def test_a_file_that_was_copied_away_says_what_to_do(run: Run, folder: Path) -> None:
    shutil.copy(SCRIPT, folder / "copied")
    done = run("./copied")
    assert done.returncode == 21
    assert done.stderr == (
        b"error: ./nexus.pex: is not there; keep this file in the release's folder"
        b" and link to it (ln -s)\n"
    )


def test_a_path_with_python_alone_is_enough(run: Run, folder: Path) -> None:
    done = run("./link", more={"PATH": str(folder / "bin"), "PEX_PATH": "/none"})
    assert done.stderr == b""
    assert "PEX_PATH" not in json.loads(done.stdout)["variables"]


def test_a_path_without_python_says_what_is_needed(run: Run, folder: Path) -> None:
    done = run("./link", more={"PATH": str(folder / "links")})
    assert done.returncode == 21
    assert b"CPython 3.11 to 3.14; PATH has no python3; install" in done.stderr
    assert done.stderr.count(b"\n") == 1
