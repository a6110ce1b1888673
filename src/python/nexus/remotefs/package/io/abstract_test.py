"""`fsspec`'s own tests of reading: what they create is packed and served, and they get it.

Their tests of writing are those of `filesystem_test`: all that is read-only answers is EROFS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any  # Any: fixtures of fsspec, which publishes no types.

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.tests.abstract import AbstractFixtures, AbstractGetTests

from nexus.image.package import contents_line
from nexus.image.package_image import PackageFile
from nexus.remotefs.package.backend import MemoryBackend
from nexus.remotefs.package.client import PackageClient
from nexus.remotefs.package.filesystem import PackageFileSystem
from nexus.remotefs.package.io.filesystem import register
from nexus.remotefs.package.io.pool import POOL
from nexus.remotefs.package.io.served_scene import serving
from nexus.remotefs.package.node_scene import TwoNodes

SCENARIOS = {
    "bulk": "_bulk_operations_scenario_0",
    "glob": "_glob_edge_cases_files",
    "prefix": "_dir_and_file_with_same_name_prefix",
    "hashed": "_10_files_with_hashed_names",
}


def pack(bundle: str, create: str) -> list[PackageFile]:
    """Let the library create its files, and make a bundle of them."""
    memory = MemoryFileSystem(skip_instance_cache=True)
    memory.store, memory.pseudo_dirs = {}, [""]
    getattr(AbstractFixtures(), create)(memory, lambda *parts: "/".join(parts), "/root")
    files = {path.removeprefix("/root/"): memory.cat(path) for path in memory.find("/root")}
    listing = "".join(contents_line(path, data) for path, data in sorted(files.items()))
    files["contents.txt"] = listing.encode()
    return [PackageFile(bundle, "1", path, data) for path, data in files.items()]


BACKEND = MemoryBackend(
    [
        *(file for bundle, create in SCENARIOS.items() for file in pack(bundle, create)),
        PackageFile("plain", "1", "src/file", b""),
        PackageFile("plain", "1", "contents.txt", contents_line("src/file", b"").encode()),
    ]
)


class Fixtures(AbstractFixtures):  # type: ignore[misc]  # The library has no types.
    """The folder of the packed scenarios; nothing is created, and nothing is removed."""

    @pytest.fixture
    def fs_join(self) -> Callable[..., str]:
        """Join as URLs do."""
        return lambda *parts: "/".join(parts)

    @pytest.fixture
    def supports_empty_directories(self) -> bool:
        """Packages hold files only."""
        return False

    @pytest.fixture
    def fs_bulk_operations_scenario_0(self, fs_path: str) -> str:
        """Some files in folders."""
        return f"{fs_path}bulk/source"

    @pytest.fixture
    def fs_glob_edge_cases_files(self, fs_path: str) -> str:
        """Files for patterns."""
        return f"{fs_path}glob/source"

    @pytest.fixture
    def fs_dir_and_file_with_same_name_prefix(self, fs_path: str) -> str:
        """A folder and a file whose names begin alike."""
        return f"{fs_path}prefix/source"

    @pytest.fixture
    def fs_10_files_with_hashed_names(self, fs_path: str) -> str:
        """Ten files in an order of their own."""
        return f"{fs_path}hashed/source"

    def test_get_directory_recursive(
        self,
        fs: Any,
        fs_join: Any,
        fs_path: str,
        local_fs: Any,
        local_join: Any,
        local_target: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The one test that creates its files itself: they are there already."""
        monkeypatch.setattr(fs, "mkdir", lambda _: None)
        monkeypatch.setattr(fs, "touch", lambda _: None)
        path = f"{fs_path}plain"
        super().test_get_directory_recursive(fs, fs_join, path, local_fs, local_join, local_target)


class TestGetByUrl(Fixtures, AbstractGetTests):  # type: ignore[misc]  # The library has no types.
    """From a node that is reached by URL, over streams and over calls."""

    @pytest.fixture(scope="class", params=[True, False], ids=["streams", "calls"])
    def fs(self, request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
        """The file system of a node's peer."""
        register()
        folder: Path = tmp_path_factory.mktemp("nodes")
        with serving(folder, BACKEND, has_streams=request.param) as served:
            yield fsspec.filesystem("nexus-pkg", config=served.config, timeout_s=10)
            POOL.close()

    @pytest.fixture
    def fs_path(self) -> str:
        """In front of the bundle."""
        return "node-b/"


class TestGetFromAClient(Fixtures, AbstractGetTests):  # type: ignore[misc]  # Without types.
    """From a client that is at hand."""

    @pytest.fixture
    def fs(self) -> Any:
        """The file system of one peer."""
        return PackageFileSystem(PackageClient(TwoNodes(BACKEND)))

    @pytest.fixture
    def fs_path(self) -> str:
        """In front of the bundle."""
        return ""
