"""Inputs of the bus's benchmark are given, or made by Pants; the measuring is not tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.bench.dsoftbus import provide
from nexus.core.errors import NexusError


@pytest.mark.parametrize(
    ("image", "native", "made"),
    [
        (None, None, ["testprojects/remote_put:system", "ci:interpreter"]),
        (Path("a.elf"), None, ["ci:interpreter"]),
        (None, Path("n.bin"), ["testprojects/remote_put:system"]),
        (Path("a.elf"), Path("n.bin"), []),
    ],
)
def test_what_is_not_given_is_made(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    image: Path | None,
    native: Path | None,
    made: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pants").touch()
    asked: list[str] = []
    found = provide(image, native, lambda _, targets: asked.extend(targets))
    dist = tmp_path / "dist"
    assert asked == made
    assert found == (
        image or dist / "testprojects.remote_put/system.elf",
        native or dist / "ci/native-interpreter.bin",
    )


def test_elsewhere_nothing_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NexusError, match="give --guest-image and --native-blob"):
        provide(None, None)
