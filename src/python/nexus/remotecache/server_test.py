"""Ports and ends of the servers' processes, with small programs in their place."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from nexus.core.errors import UsageError
from nexus.remotecache import processes, refusing, serve_options, settings

# Long enough for a busy machine; nothing waits for it when all is well.
PATIENCE_SECONDS = 60.0

PARENT = """
import sys, time
from pathlib import Path
sys.path[:] = {path!r}
from nexus.remotecache import processes as server
command = [sys.executable, "-c", "import time; time.sleep(1000)"]
with server.child(Path({folder!r}), "sleeper", command) as sleeper:
    print(sleeper.pid, flush=True)
    time.sleep(1000)
"""


def lives(process: int) -> bool:
    """Whether it runs; a process whose exit code waits to be read does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def test_a_child_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = PARENT.format(path=sys.path, folder=str(tmp_path))
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert lives(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while lives(child) and time.monotonic() < deadline:
        os.sched_yield()
    assert not lives(child)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_that_somebody_listens_on_is_refused(address: str) -> None:
    with socket.socket() as taken:
        # Even of one that would share it.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind((address, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(processes.ServerError, match=f"--port {port}: Address already in use"):
            refusing.refuse_taken("127.0.0.1", port)
    refusing.refuse_taken("127.0.0.1", port)


def test_the_front_shares_its_port_with_nobody() -> None:
    paths = settings.FrontPaths(server_key="k", server_certificate="c", store_socket="s")
    text = settings.front_configuration(settings.Listening(address="127.0.0.1", port=1), paths)
    assert "\ngrpc-server-options:\n" in text
    assert "\n  grpc.so_reuseport: 0\n" in text


@pytest.mark.parametrize("given", ["-1", "65536", "x", "", "99999999999", "٣"])
def test_a_port_that_is_none_is_named(given: str) -> None:
    with pytest.raises(UsageError) as caught:
        serve_options.parse([f"--port={given}"])
    assert f"{given!r} is not a port; expected 0 to 65535" in str(caught.value)


class Disk(NamedTuple):
    """A disk, as far as the system is asked."""

    f_bavail: int
    f_blocks: int
    f_frsize: int = 1000


@pytest.fixture(name="room")
def room_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Look at a folder, with or without a store in it, on a disk of so many kB."""

    def look(free: int, whole: int, held: str) -> None:
        (tmp_path / held).mkdir()
        monkeypatch.setattr(os, "statvfs", lambda _folder: Disk(free, whole))
        refusing.refuse_small(tmp_path)

    return look


def test_a_store_is_taken_that_may_grow_or_has_grown(room: Callable[..., None]) -> None:
    room(2_200_000, 9_000_000, "other")
    # The store makes room out of its own.
    room(100, 2_200_000, "store")


@pytest.mark.parametrize(
    ("free", "whole", "held", "said"),
    [
        (2_199_999, 9_000_000, "other", "its disk has 2199999000 bytes free; the store keeps"),
        (100, 2_199_999, "store", "its disk has 2199999000 bytes in all; the store keeps"),
    ],
)
def test_a_store_that_could_take_nothing_is_refused(
    free: int, whole: int, held: str, said: str, room: Callable[..., None]
) -> None:
    with pytest.raises(processes.SettingError, match=said):
        room(free, whole, held)
