"""A packaged program leaves the link that its next start is looking for, and nothing else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from nexus.entry.quick_start import VARIABLE, remember_start


@pytest.fixture(autouse=True)
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "an environment"
    folder.mkdir()
    (folder / "pex").touch()
    monkeypatch.setattr(sys, "prefix", str(folder))
    return folder


def test_the_link_leads_to_what_runs(
    tmp_path: Path, unpacked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "links" / "usr" / "bin" / "python3"
    for _ in range(2):  # Another start may have made it meanwhile.
        monkeypatch.setenv(VARIABLE, str(link))
        remember_start()
        assert os.path.samefile(link, unpacked)
        assert VARIABLE not in os.environ, "no program that this one starts is meant"
    assert os.listdir(link.parent) == ["python3"]


def test_a_link_that_leads_nowhere_is_made_anew(
    tmp_path: Path, unpacked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    monkeypatch.setenv(VARIABLE, str(link))
    remember_start()
    assert os.path.samefile(link, unpacked)


@pytest.mark.parametrize("asked", [{}, {VARIABLE: ""}, {VARIABLE: "relative"}])
def test_a_start_that_was_not_asked_leaves_nothing(
    asked: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir())
    monkeypatch.setattr(os, "environ", dict(asked))
    remember_start()
    assert sorted(os.listdir()) == before


def test_an_environment_of_others_is_not_linked_to(
    tmp_path: Path, unpacked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (unpacked / "pex").unlink()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "link"))
    remember_start()
    assert not os.path.lexists(tmp_path / "link")


def test_another_users_environment_is_not_linked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "link"))
    remember_start()
    assert not os.path.lexists(tmp_path / "link")


def test_a_folder_in_the_place_of_the_link_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "links" / "python3"
    link.mkdir(parents=True)
    monkeypatch.setenv(VARIABLE, str(link))
    remember_start()
    assert link.is_dir()
    assert os.listdir(link.parent) == ["python3"]


def test_a_place_that_cannot_be_written_is_no_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "link"))
    remember_start()
    assert (tmp_path / "file").is_file()
