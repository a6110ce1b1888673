"""A disk that is a file: what each failure says, and that none leaves it open or in use."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nexus.remotefs.state.block import SECTOR_BYTES, DeviceError
from nexus.remotefs.state.tool import FileDevice


def image_of(folder: Path, size: int = 4 * SECTOR_BYTES) -> Path:
    path = folder / "state.img"
    path.write_bytes(bytes(size))
    return path


def open_files() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


def test_sectors_are_read_and_written_where_they_are(tmp_path: Path) -> None:
    path = image_of(tmp_path)
    before = open_files()
    with FileDevice(path, is_writable=True) as device:
        assert device.sectors == 4
        device.write(1, b"a" * SECTOR_BYTES + b"b" * SECTOR_BYTES)
        device.flush()
        assert device.read(1, 1) == b"a" * SECTOR_BYTES
        assert device.read(2, 2) == b"b" * SECTOR_BYTES + bytes(SECTOR_BYTES)
        assert open_files() == before + 1
    assert open_files() == before
    content = path.read_bytes()
    assert (len(content), content[:512], content[512:513]) == (2048, bytes(512), b"a")


@pytest.mark.parametrize("size", [0, 1, 511, 513, 1025])
def test_a_size_that_is_no_number_of_sectors_is_refused(tmp_path: Path, size: int) -> None:
    path = image_of(tmp_path, size)
    before = open_files()
    with pytest.raises(DeviceError) as caught:
        FileDevice(path, is_writable=False)
    assert str(caught.value) == f"{path}: {size} bytes; expected multiples of 512"
    assert open_files() == before


def test_one_sector_is_a_disk(tmp_path: Path) -> None:
    with FileDevice(image_of(tmp_path, 512), is_writable=False) as device:
        assert (device.sectors, device.read(0, 1)) == (1, bytes(512))


def test_what_is_no_image_is_refused_and_left_closed(tmp_path: Path) -> None:
    before = open_files()
    with pytest.raises(DeviceError) as caught:
        FileDevice(tmp_path / "none", is_writable=False)
    assert str(caught.value) == f"cannot open {tmp_path}/none: No such file or directory"
    with pytest.raises(DeviceError) as caught:
        FileDevice(tmp_path, is_writable=False)
    assert str(caught.value) == f"{tmp_path} is not a disk image; expected a regular file"
    assert open_files() == before


def test_one_writes_or_several_read(tmp_path: Path) -> None:
    path = image_of(tmp_path)
    with FileDevice(path, is_writable=False), FileDevice(path, is_writable=False):
        before = open_files()
        with pytest.raises(DeviceError) as caught:
            FileDevice(path, is_writable=True)
        assert str(caught.value) == f"{path}: in use by another program"
        assert open_files() == before
    with FileDevice(path, is_writable=True), pytest.raises(DeviceError, match="in use"):
        FileDevice(path, is_writable=False)
    with FileDevice(path, is_writable=True):
        pass


def test_a_disk_that_is_only_read_takes_nothing(tmp_path: Path) -> None:
    with FileDevice(image_of(tmp_path), is_writable=False) as device:
        with pytest.raises(DeviceError) as caught:
            device.write(2, bytes(512))
        assert str(caught.value) == "write of sector 2: Bad file descriptor"


def test_a_file_that_is_shorter_than_it_was_is_named(tmp_path: Path) -> None:
    path = image_of(tmp_path)
    with FileDevice(path, is_writable=True) as device:
        os.truncate(path, 600)
        with pytest.raises(DeviceError) as caught:
            device.read(1, 1)
        assert str(caught.value) == "read of sector 1: 88 of 512 bytes"


def failing(*_: object) -> int:
    raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize(
    ("name", "use", "said"),
    [
        ("pread", lambda device: device.read(3, 1), "read of sector 3: Input/output error"),
        ("pwrite", lambda device: device.write(3, bytes(512)), "write of sector 3: Input/output"),
        ("fdatasync", lambda device: device.flush(), "flush: Input/output error"),
    ],
)
def test_a_medium_that_fails_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    use: Callable[[FileDevice], object],
    said: str,
) -> None:
    with FileDevice(image_of(tmp_path), is_writable=True) as device:
        monkeypatch.setattr(os, name, failing)
        with pytest.raises(DeviceError) as caught:
            use(device)
    assert str(caught.value).startswith(said)


def test_a_write_that_ends_early_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FileDevice(image_of(tmp_path), is_writable=True) as device:
        monkeypatch.setattr(os, "pwrite", lambda file, data, place: len(data) - 1)
        with pytest.raises(DeviceError) as caught:
            device.write(1, bytes(1024))
    assert str(caught.value) == "write of sector 1: 1023 of 1024 bytes"


def test_a_flush_waits_for_the_medium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fdatasync", flushed.append)
    with FileDevice(image_of(tmp_path), is_writable=True) as device:
        device.flush()
    assert len(flushed) == 1
