"""A release's program finds its files, whatever the folder it is called from."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.entry.beside import NATIVE_INTERPRETER, find_beside


def test_a_file_beside_the_program_is_found_through_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = tmp_path / "a release"
    release.mkdir()
    (release / "nexus.pex").touch()
    (tmp_path / "nexus").symlink_to(release / "nexus.pex")
    monkeypatch.setenv("PEX", str(tmp_path / "nexus"))
    assert find_beside(NATIVE_INTERPRETER) is None
    (release / NATIVE_INTERPRETER).touch()
    assert find_beside(NATIVE_INTERPRETER) == release / NATIVE_INTERPRETER


def test_a_program_that_is_not_packaged_has_nothing_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PEX", raising=False)
    assert find_beside(NATIVE_INTERPRETER) is None
