"""Whatever a name leads to, a reader ends: with the content, or with what the file is."""

from __future__ import annotations

import itertools
import os
import pty
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from nexus.entry import reading
from nexus.entry.reading import read_bounded, read_descriptor

BYTES_MAX = 1000


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A pipe with a name that no process has opened."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def dripping(pipe: Path) -> Iterator[Path]:
    """A pipe that has a byte more every few milliseconds, and no end."""
    is_over = threading.Event()
    writer = os.open(pipe, os.O_RDWR)

    def drip() -> None:
        while not is_over.wait(0.005):
            os.write(writer, b"#")

    thread = threading.Thread(target=drip)
    thread.start()
    yield pipe
    is_over.set()
    thread.join()
    os.close(writer)


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for size in (0, 1, BYTES_MAX):
        path.write_bytes(bytes(size))
        assert read_bounded(path, BYTES_MAX) == bytes(size)


@pytest.mark.parametrize("name", ["file", "/dev/zero"])
def test_of_what_is_too_large_a_byte_too_much_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(bytes(3 * BYTES_MAX))
    assert read_bounded(tmp_path / name, BYTES_MAX) == bytes(BYTES_MAX + 1)


def test_a_file_of_the_kernel_that_has_no_size_is_read() -> None:
    assert read_bounded(Path("/proc/self/status"), 1 << 20).startswith(b"Name:")


def test_a_pipe_is_read_to_its_end_in_several_pieces() -> None:
    reader, writer = os.pipe()

    def write() -> None:
        for _ in range(3):
            os.write(writer, bytes(300))
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    assert read_descriptor(reader, BYTES_MAX) == bytes(900)
    thread.join()
    os.close(reader)


def test_a_pipe_that_drips_has_an_end_in_time(
    dripping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SECONDS_MAX", 0.1)
    with pytest.raises(TimeoutError, match=re.escape("does not end within 0.1 s")):
        read_bounded(dripping, 1 << 20)


def test_a_pipe_that_drips_has_an_end_in_bytes(dripping: Path) -> None:
    assert read_bounded(dripping, 3) == b"####"


def test_a_pipe_that_keeps_quiet_is_left(pipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "QUIET_SECONDS_MAX", 0.01)
    holder = os.open(pipe, os.O_RDWR)
    with pytest.raises(TimeoutError, match=re.escape("nothing came out of this pipe for 0.01 s")):
        read_bounded(pipe, BYTES_MAX)
    os.close(holder)


def test_a_pipe_that_is_fast_enough_may_take_longer(
    dripping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(0, 20)  # A second look is 20 s after the first.
    monkeypatch.setattr(reading, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(reading, "BYTES_PER_SECOND_MIN", 0.01)
    assert read_bounded(dripping, 40) == b"#" * 41


def test_a_file_takes_as_long_as_its_disk_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SECONDS_MAX", 0.0)
    monkeypatch.setattr(reading, "QUIET_SECONDS_MAX", 0.0)
    (tmp_path / "file").write_bytes(bytes(BYTES_MAX))
    assert read_bounded(tmp_path / "file", BYTES_MAX) == bytes(BYTES_MAX)


def test_a_caller_says_how_long_a_pipe_may_keep_quiet(pipe: Path) -> None:
    reader, writer = os.open(pipe, os.O_RDWR), os.open(pipe, os.O_RDWR)
    with pytest.raises(TimeoutError, match=re.escape("for 0.02 s")):
        read_descriptor(reader, BYTES_MAX, 0.02)
    os.close(reader)
    os.close(writer)


def test_a_terminal_is_refused_at_once() -> None:
    leader, follower = pty.openpty()
    with pytest.raises(OSError, match="is a terminal; expected a file or a pipe"):
        read_bounded(Path(os.ttyname(follower)), BYTES_MAX)
    os.close(leader)
    os.close(follower)


def test_a_socket_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        with pytest.raises(OSError, match="is a socket; expected a file or a pipe"):
            read_bounded(path, BYTES_MAX)


def test_a_folder_a_missing_file_and_no_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_bounded(tmp_path, BYTES_MAX)
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "none", BYTES_MAX)
    with pytest.raises(OSError, match="is not a path"):
        read_bounded(Path("a\0b"), BYTES_MAX)
