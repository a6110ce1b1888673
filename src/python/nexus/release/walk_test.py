"""A walk follows a document in one shell, and stops where the document is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.release import walk

ARCHIVE = "nexus-1.tar.gz"


def lay_out(folder: Path, *lines: str) -> list[str]:
    """Write a document and what it needs; return the arguments that walk it."""
    (folder / "dist" / "ci").mkdir(parents=True)
    (folder / "dist" / ARCHIVE).write_text("archive")
    (folder / "dist" / "ci" / "remote_cache.pex").write_text("server")
    document = folder / "walk.md"
    document.write_text("\n".join(["```console", *lines, "```", ""]))
    return ["--document", str(document), "--dist", str(folder / "dist")]


def test_every_command_is_run_where_the_last_one_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = lay_out(
        tmp_path,
        "$ ls",
        ARCHIVE,
        "remote_cache.pex",
        "$ mkdir x && cd x && a=5",
        "$ echo $a; pwd",
        "5",
        "/.../x",
        "$ false   # exits with 1",
        "$ echo said on the error stream >&2",
        "said on the error stream",
        "$ cat",
    )

    assert walk.main(arguments) == 0
    assert "6 commands did what" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (("$ true", "$ echo no", "yes"), "line 3: did not print 'yes'\n$ echo no\nno"),
        (("$ false",), "line 2: exit code 1 instead of 0"),
        (("$ true   # exits with 3",), "line 2: exit code 0 instead of 3"),
        (("$ exit 0",), "'exit 0' ended the shell"),
    ],
)
def test_what_is_not_as_written_is_told_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: tuple[str, ...], complaint: str
) -> None:
    assert walk.main(lay_out(tmp_path, *lines)) == 1
    assert complaint in capsys.readouterr().out


def test_missing_archive_is_told_with_the_command_that_makes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = lay_out(tmp_path, "$ true")
    (tmp_path / "dist" / ARCHIVE).unlink()

    assert walk.main(arguments) == 20
    assert "./pants package //:release" in capsys.readouterr().err


@pytest.mark.parametrize(("built", "exit_code"), [("true", 0), ("false", 20)])
def test_what_is_walked_with_can_be_built_first(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    built: str,
    exit_code: int,
) -> None:
    arguments = lay_out(tmp_path, "$ ls", ARCHIVE)
    (tmp_path / "dist" / ARCHIVE).unlink()
    launcher = tmp_path / "pants"
    # With the daemon it would wait for the run that it is a part of.
    refusal = 'test "$PANTS_PANTSD" = false || exit 9'
    launcher.write_text(f"#!/bin/sh\n{refusal}; touch dist/{ARCHIVE}; {built}\n")
    launcher.chmod(0o755)
    monkeypatch.chdir(tmp_path)

    assert walk.main([*arguments, "--build"]) == exit_code
    assert ("could not build" in capsys.readouterr().err) == bool(exit_code)


def test_settings_of_this_repository_do_not_reach_the_walk(tmp_path: Path) -> None:
    given = {"PATH": "/bin", "PANTS_CONFIG_FILES": "x", "PEX_ROOT": "y", "HOME": "/h"}

    assert walk.environment(given, tmp_path, new_home=False) == {
        "PATH": "/bin",
        "HOME": "/h",
        "PANTS_SUBPROCESSDIR": str(tmp_path / "processes"),
    }
    fresh = walk.environment({**given, "NEXUS_PANTS_CACHE": "z"}, tmp_path, new_home=True)
    assert fresh["HOME"] == str(tmp_path / "home")
    assert "NEXUS_PANTS_CACHE" not in fresh
    assert fresh["PYENV_ROOT"] == "/h/.pyenv"


def test_what_this_host_lacks_is_left_out_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = lay_out(
        tmp_path, "$ true", "```", "<!-- needs: no-such-program -->", "```console", "$ false"
    )

    assert walk.main(arguments) == 0
    said = capsys.readouterr().out
    assert "1 commands did what" in said
    assert "; 1 were left out, without no-such-program\n" in said


def test_a_document_has_a_beginning_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "dsoftbus.md"
    document.write_text("```console\n$ true\n```\n")

    assert walk.main(["--document", str(document), "--dist", str(tmp_path)]) == 20
    assert "nexus_dsoftbus-*.whl; expected one" in capsys.readouterr().err
