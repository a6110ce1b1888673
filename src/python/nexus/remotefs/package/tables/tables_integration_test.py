"""pandas, pyarrow and zarr open tables in a peer's package by URL, with our wheel and no more.

Needs what Pants puts beside the test (see BUILD); the guest's part also needs QEMU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nexus.dsoftbus.io.guest_scene import NO_NAMESPACE
from nexus.harness.engine import EngineUnavailableError
from nexus.harness.qemu import find
from nexus.image.package import build
from nexus.image.package_image import read_image
from nexus.image.package_manifest import parse_manifest
from nexus.remotefs.package.backend import ImageBackend
from nexus.remotefs.package.io.served_scene import serving
from nexus.remotefs.package.tables import guest_tables_support
from nexus.remotefs.package.tables.reading_support import (
    READER,
    WANTED,
    read_tables,
    write_tables,
)

IMAGE = Path("src.guest/system.elf")


def wheel() -> Path:
    """Return the one wheel beside the test."""
    [found] = Path().glob("nexus_dsoftbus-*.whl")
    return found.resolve()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An image of a bundle with the tables."""
    folder = tmp_path_factory.mktemp("tables")
    paths = write_tables(folder, READER.resolve(), wheel())
    files = "".join(f'[[file]]\npath = "{path}"\n' for path in paths)
    manifest = parse_manifest(f'[bundle]\nname = "tables"\nversion = "1.0"\n{files}', "m")
    return build([(manifest, lambda source: (folder / source).read_bytes())])


def test_from_a_python_node(image: bytes, tmp_path: Path) -> None:
    with serving(tmp_path, ImageBackend(read_image(image))) as served:
        root = "nexus-pkg://node-b/tables@1.0"
        assert read_tables(root, served.config, READER.resolve(), wheel()) == WANTED


@pytest.fixture
def qemu() -> tuple[str, str]:
    """QEMU's path and version."""
    try:
        return find()
    except EngineUnavailableError as exc:
        pytest.skip(str(exc))


def run_in_namespace(*words: str) -> subprocess.CompletedProcess[str]:
    """Let a program of this folder talk with the guest, where no other network is."""
    child = subprocess.run(
        [sys.executable, "-m", guest_tables_support.__name__, *words],
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
        capture_output=True,
        text=True,
        timeout=200,
    )
    if child.returncode == NO_NAMESPACE:
        pytest.skip("this system gives no network namespace")
    return child


def test_tables_of_a_guest_are_opened(image: bytes, tmp_path: Path, qemu: tuple[str, str]) -> None:
    (tmp_path / "packages.img").write_bytes(image)
    child = run_in_namespace(
        str(IMAGE.resolve()), str(tmp_path), *qemu, str(READER.resolve()), str(wheel())
    )
    assert child.returncode == 0, child.stderr
    assert json.loads(child.stdout) == WANTED
    assert "packagefsd: v2 mounted (pkgimg)" in (tmp_path / "uart.log").read_text()
