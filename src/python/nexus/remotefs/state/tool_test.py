"""The command line: exit codes and one-line mistakes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nexus.remotefs.state.block import MemoryDevice
from nexus.remotefs.state.store import Store
from nexus.remotefs.state.tool import FileDevice, main


@pytest.fixture
def image(tmp_path: Path) -> Path:
    device = MemoryDevice(bytes(512 * 64))
    store = Store(device)
    store.put("/state/shared/a", b"\1\2")
    store.begin()
    store.sync()
    path = tmp_path / "state.img"
    path.write_bytes(device.content)
    return path


def test_fsck_reports_and_repairs_an_image(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = image.read_bytes()
    assert main(["fsck", str(image)]) == 1
    assert main(["fsck", "--dry-run", str(image)]) == 1
    assert image.read_bytes() == before
    assert main(["fsck", "--repair", str(image)]) == 1
    assert "repaired" in capsys.readouterr().out
    assert main(["fsck", str(image)]) == 0
    damaged = bytearray(image.read_bytes())
    damaged[20] ^= 1
    image.write_bytes(damaged)
    assert main(["fsck", "--repair", str(image)]) == 2
    assert capsys.readouterr().out.endswith("before data that was synced\nunrecoverable\n")
    assert main(["dump", str(image)]) == 2


def test_dump_lists_the_entries(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dump", str(image)]) == 0
    assert capsys.readouterr().out == "'/state/shared/a'  2 bytes\n"
    assert main(["dump", "--values", str(image)]) == 0
    assert capsys.readouterr().out == "'/state/shared/a'  2 bytes  0102\n"


def test_compact_starts_a_new_generation(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compact", str(image)]) == 1
    main(["fsck", "--repair", str(image)])
    assert main(["compact", str(image)]) == 0
    assert "generation 1:" in capsys.readouterr().out
    with FileDevice(image, is_writable=False) as device:
        assert Store(device).snapshot() == {"/state/shared/a": b"\1\2"}


def test_the_file_keeps_what_was_written(image: Path) -> None:
    with FileDevice(image, is_writable=True) as device:
        store = Store(device)
        store.put("/state/b", bytes(2000))
        store.sync()
    with FileDevice(image, is_writable=False) as device:
        assert len(Store(device).snapshot()) == 2


def test_an_image_has_one_writer(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FileDevice(image, is_writable=True):
        for arguments in (["fsck"], ["fsck", "--repair"], ["dump"], ["compact"]):
            assert main([*arguments, str(image)]) == 2
            assert capsys.readouterr().err.endswith("in use by another program\n")
    with FileDevice(image, is_writable=False):
        assert main(["dump", str(image)]) == 0


def test_mistakes_are_one_line(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = image.with_name("odd")
    odd.write_bytes(bytes(513))
    empty = image.with_name("empty")
    empty.write_bytes(b"")
    wrong: tuple[list[str], ...] = (
        [],
        ["fsck"],
        ["x", "y"],
        ["fsck", "none"],
        ["dump", str(odd)],
        ["compact", str(empty)],
    )
    for arguments in wrong:
        assert main(arguments) == 2
        message = capsys.readouterr().err
        assert message.startswith("error: ")
        assert message.count("\n") == 1


@pytest.mark.parametrize("command", ["fsck", "dump", "compact"])
def test_what_is_not_a_disk_image_is_said_to_be_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """The pipe has no writer: to wait for one would be for ever."""
    os.mkfifo(tmp_path / "pipe")
    assert main([command, str(tmp_path / "pipe")]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path}/pipe is not a disk image; expected a regular file\n"
    )
    assert main([command, "/proc/self/stat"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
