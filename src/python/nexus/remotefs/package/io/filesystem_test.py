"""Packages by URL: from any thread and loop, with streams and without, and never written to."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

from nexus.config.error import ConfigError
from nexus.core.duration import TimeoutValueError
from nexus.core.errors import NexusError
from nexus.image.package import contents_line
from nexus.image.package_image import PackageFile
from nexus.remotefs.package.backend import MemoryBackend
from nexus.remotefs.package.io.filesystem import CONFIG_VARIABLE, BusFileSystem, register
from nexus.remotefs.package.io.pool import POOL
from nexus.remotefs.package.io.served_scene import Served, serving
from nexus.remotefs.package.path import PackageError

NOISE = hashlib.shake_256(b"noise").digest(100_000)
FILES = {
    "readme": b"hello\nworld\n",
    "data/noise.bin": NOISE,
    "data/deep/er.txt": b"x",
    "größe.txt": "ä".encode(),
}
LISTING = "".join(contents_line(path, data) for path, data in sorted(FILES.items()))
BACKEND = MemoryBackend(
    [
        *(PackageFile("demo", "1.0", path, data) for path, data in FILES.items()),
        PackageFile("demo", "1.0", "contents.txt", LISTING.encode()),
        PackageFile("bare", "2", "a", b"1"),
    ]
)
ROOT = "node-b/demo"
URL = f"nexus-pkg://{ROOT}"


@pytest.fixture(scope="module", params=[True, False], ids=["streams", "calls"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> object:
    """A node with packages; with streams, and without as a guest is."""
    register()
    folder = tmp_path_factory.mktemp("nodes")
    with serving(folder, BACKEND, has_streams=request.param) as found:
        yield found
        POOL.close()


@pytest.fixture
def files(served: Served) -> BusFileSystem:
    """The file system of its peer."""
    found = fsspec.filesystem("nexus-pkg", config=served.config, timeout_s=10)
    assert isinstance(found, BusFileSystem)
    return found


def test_a_url_is_all_that_is_needed(served: Served) -> None:
    with fsspec.open(f"{URL}/readme", "r", config=served.config) as lines:
        assert list(lines) == ["hello\n", "world\n"]
    with fsspec.open(f"nexuspkg://{ROOT}@1.0/größe.txt", config=str(served.config)) as file:
        assert file.read().decode() == "ä"


def test_the_configuration_by_variable_by_fsspec_and_by_folder(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read() -> bytes:
        BusFileSystem.clear_instance_cache()
        with fsspec.open(f"{URL}/readme") as file:
            data: bytes = file.read()
            return data

    with monkeypatch.context() as patch:
        patch.setenv(CONFIG_VARIABLE, str(served.config))
        assert read() == FILES["readme"]
    with monkeypatch.context() as patch:
        patch.setitem(fsspec.config.conf, "nexus-pkg", {"config": str(served.config)})
        assert read() == FILES["readme"]
    with monkeypatch.context() as patch:
        patch.chdir(served.config.parent)
        assert read() == FILES["readme"]
    with monkeypatch.context() as patch:
        patch.setenv(CONFIG_VARIABLE, "none/bus.toml")
        with pytest.raises(ConfigError, match=r"none/bus\.toml"):
            read()


# fsspec's `mmap` cache leaves its temporary file to the collector.
@pytest.mark.filterwarnings("ignore:unclosed file <_io.BufferedRandom:ResourceWarning")
def test_files_are_read_whole_and_in_part(files: BusFileSystem) -> None:
    assert files.cat(f"{ROOT}/data/noise.bin") == NOISE
    for start, end in ((0, 10), (100, 110), (-5, None), (10, -99_000), (99_990, 400_000), (9, 3)):
        wanted = NOISE[start:end]
        assert files.cat_file(f"{URL}/data/noise.bin", start=start, end=end) == wanted
    ranges = files.cat_ranges([f"{ROOT}/data/noise.bin"] * 3, [0, 7, 9], [5, 9, 20])
    assert ranges == [NOISE[:5], NOISE[7:9], NOISE[9:20]]
    assert files.cat([f"{ROOT}/readme", f"{ROOT}/data/deep/er.txt"]) == {
        f"{ROOT}/readme": FILES["readme"],
        f"{ROOT}/data/deep/er.txt": b"x",
    }
    for cache in ("readahead", "none", "bytes", "all", "mmap"):
        with files.open(f"{ROOT}/data/noise.bin", cache_type=cache, block_size=10_000) as file:
            assert file.read(5) == NOISE[:5]
            assert file.seek(-7, 2) == len(NOISE) - 7
            assert file.read() == NOISE[-7:]
            file.seek(30_000)
            assert file.read(5_000) == NOISE[30_000:35_000]
    assert file.closed
    with pytest.raises(ValueError, match="closed"):
        file.read(1)


def test_folders_are_listed_and_walked(files: BusFileSystem) -> None:
    assert files.ls("", detail=False) == ["node-b"]
    names = [f"{ROOT}/{name}" for name in ("contents.txt", "data", "größe.txt", "readme")]
    found = files.ls(ROOT, detail=False)
    assert [name for name in found if "contents" not in name] == names[:0] + names[1:]
    assert files.ls(f"{URL}/data", detail=False) == [
        f"{ROOT}/data/deep",
        f"{ROOT}/data/noise.bin",
    ]
    info = {"name": f"{ROOT}/readme", "size": 12, "type": "file"}
    assert files.ls(f"{ROOT}/readme") == [info]
    assert files.info(f"{URL}/readme") == info
    assert files.isdir("node-b")
    assert files.isdir(ROOT)
    assert files.isdir(f"{ROOT}/data/deep")
    assert not files.isdir(f"{ROOT}/readme")
    assert files.find(f"{ROOT}/data") == [f"{ROOT}/data/deep/er.txt", f"{ROOT}/data/noise.bin"]
    assert files.glob(f"{ROOT}/**/*.txt")[-2:] == [
        f"{ROOT}/data/deep/er.txt",
        f"{ROOT}/größe.txt",
    ]
    assert files.du(f"{ROOT}/data") == len(NOISE) + 1


def listed(files: BusFileSystem, path: str) -> list[str] | tuple[int | None, str]:
    """Return what is in a folder, or why that is unknown, and what to do."""
    try:
        found: list[str] = files.ls(path, detail=False)
    except OSError as exc:
        return exc.errno, "name one" if "name one" in str(exc) else str(exc)
    return found


def test_bundles_are_listed_where_the_peer_can(files: BusFileSystem, served: Served) -> None:
    bundles = ["node-b/bare@2", "node-b/demo@1.0"]
    assert listed(files, "node-b") in (bundles, (errno.EOPNOTSUPP, "name one"))


def test_a_folder_is_copied_to_a_disk(files: BusFileSystem, tmp_path: Path) -> None:
    files.get(f"{ROOT}/data", str(tmp_path / "copy"), recursive=True)
    assert (tmp_path / "copy/noise.bin").read_bytes() == NOISE
    assert (tmp_path / "copy/deep/er.txt").read_bytes() == b"x"
    with pytest.raises(FileNotFoundError):
        files.get(f"{ROOT}/none", str(tmp_path / "none"))
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "copy",
        "deep",
        "er.txt",
        "noise.bin",
    ]


Use = Callable[[BusFileSystem, str], object]
ASK: list[Use] = [
    lambda files, path: files.info(path),
    lambda files, path: files.cat_file(path),
    lambda files, path: files.open(path),
    lambda files, path: files.ls(path),
]


@pytest.mark.parametrize("use", ASK, ids=["info", "cat", "open", "ls"])
@pytest.mark.parametrize(
    ("path", "number", "kind"),
    [
        (f"{ROOT}/none", errno.ENOENT, FileNotFoundError),
        ("node-b/none/none", errno.ENOENT, FileNotFoundError),
        ("node-x/demo/readme", errno.ENOENT, FileNotFoundError),
        (f"{ROOT}/../x", errno.EINVAL, OSError),
        (f"{ROOT}/" + "x" * 200, errno.ENAMETOOLONG, OSError),
    ],
)
def test_what_is_not_there_has_an_errno(
    files: BusFileSystem, use: Use, path: str, number: int, kind: type[OSError]
) -> None:
    with pytest.raises(kind) as caught:
        use(files, path)
    assert caught.value.errno == number
    assert caught.value.filename == path
    assert not files.exists(path)


@pytest.mark.parametrize("use", [ASK[1], ASK[2]], ids=["cat", "open"])
def test_a_folder_is_no_file(files: BusFileSystem, use: Use) -> None:
    with pytest.raises(IsADirectoryError) as caught:
        use(files, f"{ROOT}/data")
    assert caught.value.errno == errno.EISDIR


WRITES: list[Use] = [
    *(lambda files, path, mode=mode: files.open(path, mode) for mode in ("wb", "ab", "r+b", "xb")),
    *(
        lambda files, path, name=name: getattr(files, name)(path)
        for name in ("rm", "rm_file", "rmdir", "mkdir", "makedirs", "touch", "delete")
    ),
    *(
        lambda files, path, name=name: getattr(files, name)(path, f"{ROOT}/other")
        for name in ("mv", "cp", "copy", "cp_file", "rename", "move", "put", "put_file")
    ),
    *(
        lambda files, path, name=name: getattr(files, name)(path, b"data")
        for name in ("pipe", "pipe_file", "write_bytes", "write_text")
    ),
]


@pytest.mark.parametrize("use", WRITES)
@pytest.mark.parametrize("path", [f"{ROOT}/readme", f"{ROOT}/new"])
def test_every_way_to_write_is_refused(files: BusFileSystem, use: Use, path: str) -> None:
    with pytest.raises(OSError, match="read-only") as caught:
        use(files, path)
    assert caught.value.errno == errno.EROFS


def test_nothing_is_written_on_an_event_loop(served: Served) -> None:
    async def run() -> None:
        files = BusFileSystem(config=served.config, asynchronous=True, skip_instance_cache=True)
        for name in ("_rm_file", "_cp_file", "_pipe_file", "_put_file", "_mkdir", "_makedirs"):
            with pytest.raises(OSError, match="read-only") as caught:
                await getattr(files, name)(f"{ROOT}/x", f"{ROOT}/y")
            assert caught.value.errno == errno.EROFS

    asyncio.run(run())


def test_it_is_pickled_and_used_again(
    served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.chdir(served.config.parent)
        files = BusFileSystem(config="bus.toml", timeout_s=9)
        data = pickle.dumps((files, fsspec.open(f"{URL}/readme", config=served.config)))
    patch.chdir(tmp_path)
    again, opened = pickle.loads(data)
    assert again.cat(f"{ROOT}/readme") == FILES["readme"]
    assert again.config_path == served.config
    with opened as file:
        assert file.read() == FILES["readme"]


def test_many_threads_use_one_file_system(files: BusFileSystem) -> None:
    def read(number: int) -> bool:
        start = number * 97
        with files.open(f"{ROOT}/data/noise.bin", block_size=500) as file:
            file.seek(start)
            is_same: bool = file.read(500) == NOISE[start : start + 500]
        return is_same and files.cat(f"{ROOT}/readme") == FILES["readme"]

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(read, range(48)))


def test_one_file_on_many_threads(files: BusFileSystem) -> None:
    with files.open(f"{ROOT}/data/noise.bin", cache_type="none") as file:

        def read(start: int) -> bool:
            data: bytes = file._fetch_range(start, start + 300)
            return data == NOISE[start : start + 300]

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(read, range(0, 20_000, 700)))


def test_any_event_loop_may_use_it(served: Served) -> None:
    async def run() -> None:
        files = BusFileSystem(config=served.config, asynchronous=True, skip_instance_cache=True)
        data = await asyncio.gather(*(files._cat_file(f"{ROOT}/data/noise.bin") for _ in range(5)))
        assert set(data) == {NOISE}
        async with await files.open_async(f"{ROOT}/data/noise.bin") as file:
            assert await file.read(10) == NOISE[:10]
            assert file.seek(-4, 2) == len(NOISE) - 4
            assert await file.read() == NOISE[-4:]
            reading = asyncio.create_task(files._cat_file(f"{ROOT}/data/noise.bin"))
            await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            file.seek(0)
            assert await file.read(10) == NOISE[:10]

    for _ in range(2):
        asyncio.run(run())


def test_on_an_event_loop_a_blocking_call_does_not_hang(files: BusFileSystem) -> None:
    """A node has its own thread, so a user's loop is stopped for a moment and goes on."""

    async def run() -> bytes:
        data: bytes = files.cat_file(f"{ROOT}/readme")
        return data

    assert asyncio.run(run()) == FILES["readme"]


def test_a_file_that_is_forgotten_is_closed(files: BusFileSystem, served: Served) -> None:
    for _ in range(20):  # More than a session may have handles.
        files.open(f"{ROOT}/readme")
    assert files.cat(f"{ROOT}/readme") == FILES["readme"]


def test_it_is_closed_and_used_again(files: BusFileSystem) -> None:
    file = files.open(f"{ROOT}/data/noise.bin", cache_type="none")
    before = threading.active_count()
    files.close()
    files.close()
    assert threading.active_count() < before
    with pytest.raises(OSError, match="closed") as caught:
        file.read(1)
    assert caught.value.errno == errno.EHOSTUNREACH
    file.close()
    assert files.cat(f"{ROOT}/readme") == FILES["readme"]


@pytest.mark.parametrize("timeout_s", [0, -1, float("inf"), None, "5"])
def test_a_timeout_that_is_not_one(served: Served, timeout_s: object) -> None:
    with pytest.raises(TimeoutValueError):
        fsspec.filesystem("nexus-pkg", config=served.config, timeout_s=timeout_s)


def test_other_options_that_cannot_be(served: Served) -> None:
    with pytest.raises(PackageError, match="expected at least 1"):
        fsspec.filesystem("nexus-pkg", config=served.config, outstanding=0)
    with pytest.raises(TypeError):
        fsspec.filesystem("nexus-pkg", config=5).cat("node-b/x/y")


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Path]:
    """A configuration whose peer is not there."""
    with serving(tmp_path, BACKEND):
        pass
    yield tmp_path / "bus.toml"
    POOL.close(tmp_path / "bus.toml")


def test_a_peer_that_is_not_there(alone: Path) -> None:
    files = BusFileSystem(config=alone, timeout_s=0.3)
    for use in ASK[:3]:
        with pytest.raises(ConnectionError, match="no session") as caught:
            use(files, f"{ROOT}/readme")
        assert caught.value.errno == errno.EHOSTUNREACH
    with pytest.raises(OSError, match="no session"):
        files.exists(f"{ROOT}/readme")
    assert files.ls("", detail=False) == ["node-b"]


def test_a_peer_that_does_not_permit_it(tmp_path: Path) -> None:
    with serving(tmp_path, BACKEND, allow="") as served:
        files = BusFileSystem(config=served.config)
        for use in ASK:
            with pytest.raises(PermissionError) as caught:
                use(files, f"{ROOT}/readme")
            assert caught.value.errno == errno.EACCES
        POOL.close(served.config)


def test_another_mount_under_an_open_file(tmp_path: Path) -> None:
    with serving(tmp_path, BACKEND) as served:
        files = BusFileSystem(config=served.config)
        with files.open(f"{ROOT}/data/noise.bin", cache_type="none") as file:
            assert file.read(5) == NOISE[:5]
            served.packages.mount(BACKEND)
            file.seek(90_000)
            with pytest.raises(OSError, match="open it again") as caught:
                file.read(5)
            assert caught.value.errno == errno.ESTALE
        POOL.close(served.config)


def test_mistakes_in_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "bus.toml").write_text("key_file = 5\n")
    for use in ASK:
        with pytest.raises(NexusError, match="key_file"):
            use(BusFileSystem(config=tmp_path / "bus.toml"), f"{ROOT}/readme")
