"""The comparison finds each thing that could make two sides differ, planted one at a time.

A small program stands in for Pants: it leaves files, and in them what a case lets it see.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from nexus.harness.outcome import Outcome
from nexus.pipeline import sides
from nexus.pipeline.determinism import NOT_REPRODUCIBLE, PLANTED, TARGETS, main

LAUNCHER: Final = """#!{python}
import os, pathlib, sys, time
seen = {seen}
for name, content in (
    ("test/boot/uart-A.log", f"init: ready\\n{{seen}}\\n"),
    ("{planted}/planted.tar", {planted_content}),
    ("asked.txt", " ".join(sys.argv[1:]) + "\\n"),
):
    path = pathlib.Path("dist", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
sys.exit({exit_code})
"""


def project(
    folder: Path, *, seen: str = "''", planted: str = "str(time.time_ns())", exit_code: str = "0"
) -> Path:
    """A repository with a launcher, and a file that is not part of it."""
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    launcher = LAUNCHER.format(
        python=sys.executable,
        seen=seen,
        planted=PLANTED,
        planted_content=planted,
        exit_code=exit_code,
    )
    (folder / "pants").write_text(launcher)
    (folder / "pants").chmod(0o755)
    (folder / ".gitignore").write_text("/ignored\n")
    (folder / "ignored").write_text("not copied")
    return folder


def verdict(root: Path, *arguments: str) -> int:
    return main(["--root", str(root), "--out", str(root.parent / "out"), *arguments])


def test_same_bytes_pass_and_what_was_planted_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verdict(project(tmp_path / "a")) == Outcome.PASSED.exit_code
    said = capsys.readouterr().out
    assert "2 files are the same" in said
    assert f"found what was planted: {PLANTED}/planted.tar: line 1" in said
    assert 'tests="2" failures="0"' in (tmp_path / "out/junit.xml").read_text()


@pytest.mark.parametrize(
    "seen",
    [
        "os.getcwd()",
        "time.time_ns()",
        "os.environ.get('HOME')",
        "os.environ.get('USER')",
        "os.environ.get('TMPDIR')",
        "time.strftime('%Z')",
        "os.environ.get('LANG')",
        "hash('text')",
        "os.urandom(8)",
        "os.getpid()",
    ],
)
def test_what_a_side_sees_of_its_surroundings_is_found(
    tmp_path: Path, seen: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verdict(project(tmp_path / "a", seen=seen)) == NOT_REPRODUCIBLE[1]
    assert "1 of 2 files\ntest/boot/uart-A.log: line 2\n  first:  " in capsys.readouterr().err
    out = tmp_path / "out"
    assert 'tests="2" failures="1"' in (out / "junit.xml").read_text()
    left = [(out / side / "test/boot/uart-A.log").read_text() for side in ("first", "second")]
    assert left[0] != left[1]


@pytest.fixture
def other_user() -> None:
    """Skip a test where a side cannot be another user."""
    if not sides.can_be_other_user():
        pytest.skip("this machine gives this user no user namespace")


@pytest.mark.usefixtures("other_user")
def test_what_a_side_sees_of_its_user_is_found(tmp_path: Path) -> None:
    assert verdict(project(tmp_path / "a", seen="os.getuid()")) == NOT_REPRODUCIBLE[1]


def test_a_comparison_that_overlooks_what_was_planted_proves_nothing(tmp_path: Path) -> None:
    root = project(tmp_path / "a", planted="'always the same'")
    assert verdict(root) == Outcome.UNEXPECTED_OUTCOME.exit_code
    assert verdict(root, "--no-plant") == Outcome.PASSED.exit_code


def test_only_what_passes_is_compared(tmp_path: Path) -> None:
    assert verdict(project(tmp_path / "a", exit_code="1")) == Outcome.HOST_FAULT.exit_code


def test_what_passes_on_one_side_only_is_not_deterministic(tmp_path: Path) -> None:
    root = project(tmp_path / "a", exit_code="'second' in os.getcwd()")
    assert verdict(root) == NOT_REPRODUCIBLE[1]


@pytest.mark.parametrize(("given", "wanted"), [((), TARGETS), (("x:y", "z"), ("x:y", "z"))])
def test_targets_are_those_given_or_all_of_the_table(
    tmp_path: Path, given: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    root = project(tmp_path / "a", seen="sys.argv, time.time_ns()")
    assert verdict(root, *given) == NOT_REPRODUCIBLE[1]
    log = (tmp_path / "out/second/test/boot/uart-A.log").read_text()
    assert ", ".join(map(repr, ("test", "package", *wanted))) in log


@pytest.mark.parametrize("arguments", [["--out"], ["--rot", "x"], ["--root", "nowhere"]])
def test_wrong_arguments_build_nothing(arguments: list[str]) -> None:
    assert main(arguments) == Outcome.BAD_CONFIGURATION.exit_code


def test_end_of_its_own_has_a_name_and_a_code_of_its_own() -> None:
    assert NOT_REPRODUCIBLE not in [outcome.value for outcome in Outcome]
    assert NOT_REPRODUCIBLE[1] not in [outcome.exit_code for outcome in Outcome]


def test_sources_are_those_that_git_does_not_ignore(tmp_path: Path) -> None:
    sides.copy_sources(project(tmp_path / "a"), tmp_path / "copy")
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == [".gitignore", "pants"]
