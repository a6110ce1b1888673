"""Two stock Linux machines are one deterministic test, where their kernel was fetched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nexus.linux import store
from nexus.linux.disk import make_disk
from nexus.linux.pair import WORLDS, Left, play

FOLDER = Path(os.environ.get("NEXUS_LINUX") or store.default_folder())
FILES = store.find(FOLDER)
INTERPRETER = Path("ci/native-interpreter.bin")

pytestmark = pytest.mark.skipif(
    FILES is None or not INTERPRETER.is_file(),
    reason="Debian's kernel was not fetched: ./pants run ci:linux does it and plays these worlds",
)


def run(world: str, tmp_path: Path, name: str) -> Left:
    assert FILES is not None
    make_disk(tmp_path / "disk")
    images = {
        "opensbi": FILES["firmware"],
        "linux": FILES["kernel"],
        "initrd": FILES["initrd"],
        "disk": tmp_path / "disk",
    }
    return play(WORLDS / f"{world}.toml", images, INTERPRETER, tmp_path / name)


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (run("world", tmp_path, name) for name in ("first", "second"))
    assert first.exit_code == 0
    assert first == second
    assert {"uart-A.log", "uart-B.log", "capture.pcapng", "B.drive2"} <= set(first.digests)


@pytest.mark.parametrize("world", ["lossy", "power-cut"])
def test_faults_do_not_keep_the_file_from_the_disk(world: str, tmp_path: Path) -> None:
    assert run(world, tmp_path, "out").exit_code == 0
