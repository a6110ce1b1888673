"""Files are whole or absent."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from nexus.harness import artifacts
from nexus.harness.engine import HostFaultError


def test_writes_into_a_new_directory_and_replaces(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    artifacts.write_all(out, {"a.txt": b"old", "b.txt": b""})
    artifacts.write_all(out, {"a.txt": b"new"})
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {
        "a.txt": b"new",
        "b.txt": b"",
    }


def test_a_name_may_have_folders_which_are_made(tmp_path: Path) -> None:
    files = {"a/b/c.txt": b"deep", "a/d.txt": b"", "e.txt": b"flat"}
    for _ in range(2):
        artifacts.write_all(tmp_path, files)
    found = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*") if path.is_file()}
    assert {str(name): path.read_bytes() for name, path in found.items()} == files


def test_interrupted_write_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts.write_all(tmp_path, {"a.txt": b"old"})

    def fail(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(HostFaultError, match=r"a\.txt: No space left on device"):
        artifacts.write_all(tmp_path, {"a.txt": b"new"})
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.txt", b"old")]


def test_others_may_read_what_is_written_and_only_its_owner_may_change_it(tmp_path: Path) -> None:
    artifacts.write_all(tmp_path, {"a.txt": b"x"})
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o644
