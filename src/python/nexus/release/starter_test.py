"""Packaged programs start whatever the environment says to other programs."""

from __future__ import annotations

import ast
import json
import os
import signal
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Final

import pytest

from nexus.release.started_support import PROGRAM, Run, check_arguments, starter_in
from nexus.release.starter_support import starter

# A python3 that none of them can use.
OTHERS: Final = {
    "older": 'exec {python} -I -S -c "import sys; sys.version_info = (3, 10, 9); $4"',
    "newer": 'exec {python} -I -S -c "import sys; sys.version_info = (3, 15, 0); $4"',
    "of another make": 'exec {python} -I -S -c "import sys; sys.implementation.name = 1; $4"',
    "broken": "echo no such version is installed >&2; exit 127",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a program that is small, and a link to it."""
    path = tmp_path / "a program.pex"
    path.write_text(f"#!{starter()}\n")
    with zipfile.ZipFile(path, "a") as program:
        program.writestr("__main__.py", f"#!{starter()}\n{PROGRAM}")
    path.chmod(0o755)
    (tmp_path / "link").symlink_to(path)
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    return starter_in(folder)


@pytest.mark.parametrize("start", ["./a program.pex", "./link"])
def test_the_program_is_found_and_gets_its_arguments(start: str, run: Run) -> None:
    check_arguments(run, start)


def test_no_variable_of_pex_or_python_gets_through(run: Run) -> None:
    hostile = {
        "PEX": "/none",
        "PEX_PATH": "/none",
        "PEX_NEWER": "two\nPEX_lines=1",
        "PEX_ROOT": "",
        "__PEX_ENTRY_POINT__": "\udcff",
        "PYTHONHOME": "/none",
    }
    kept = {"EPEX_X": "1", "MY_PYTHONHOME": "b\nc", "NOTE": "a=b\n-x"}
    done = run("./link", more=hostile | kept | {"NEXUS_UNPACK_TO": "/a place"})
    seen = json.loads(done.stdout)["variables"]
    assert {name: text for name, text in seen.items() if "PEX" in name or "PYTHON" in name} == {
        "EPEX_X": "1",
        "MY_PYTHONHOME": "b\nc",
        "PEX_IGNORE_RCFILES": "1",
        "PEX_ROOT": "/a place",
    }
    assert seen["NOTE"] == kept["NOTE"]


def test_a_signal_is_the_programs_and_no_shell_stays(run: Run) -> None:
    assert run("./link", "die").returncode == -signal.SIGTERM


def test_a_path_without_python_says_what_is_needed(run: Run) -> None:
    done = run("./link", more={"PATH": "/none"})
    assert done.returncode == 21
    assert done.stderr == (
        b"error: this program needs CPython 3.11 to 3.14; PATH has no python3; "
        b"install one of those versions, or put the folder of one into PATH\n"
    )


@pytest.mark.parametrize("kind", OTHERS)
def test_a_path_with_another_python_alone_says_so_in_one_line(
    kind: str, run: Run, folder: Path
) -> None:
    other = make_other(folder / "other", kind)
    done = run("./link", more={"PATH": str(folder / "other")})
    assert (done.returncode, done.stdout) == (21, b"")
    assert done.stderr == (
        b"error: this program needs CPython 3.11 to 3.14; PATH has only "
        + os.fsencode(other)
        + b"; install one of those versions, or put the folder of one into PATH\n"
    )


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("is_script", [False, True])
def test_a_python_that_fits_is_found_behind_another(
    kind: str, is_script: bool, run: Run, folder: Path
) -> None:
    make_other(folder / "other", kind)
    fitting = make_fitting(folder / "fitting", is_script=is_script)
    done = run("./link", "a b", more={"PATH": f"{folder / 'other'}:{fitting}"})
    assert done.stderr == b""
    assert json.loads(done.stdout)["arguments"] == ["a b"]


def make_fitting(folder: Path, *, is_script: bool) -> Path:
    """A folder with this Python, as a link or as a script like those of pyenv."""
    folder.mkdir()
    python = folder / "python3.12"
    if is_script:
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
    else:
        python.symlink_to(sys.executable)
    return folder


def make_other(folder: Path, kind: str) -> Path:
    """A folder with a python3 of that kind and nothing else."""
    folder.mkdir()
    (folder / "python3").write_text(f"#!/bin/sh\n{OTHERS[kind].format(python=sys.executable)}\n")
    (folder / "python3").chmod(0o755)
    return folder / "python3"


def test_the_beginning_of_a_program_is_a_string_of_python() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = ast.parse(f"#!{starter()}\nfrom __future__ import annotations\n")
    assert [type(line) for line in tree.body] == [ast.Expr, ast.ImportFrom]
    assert ast.get_docstring(tree)


def test_every_program_of_the_pipeline_has_this_beginning() -> None:
    text = Path("ci/BUILD").read_text("utf-8")
    assert "pex_binary(" in text
    assert "shebang" not in text
