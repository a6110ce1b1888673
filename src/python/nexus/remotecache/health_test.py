"""The pages of a server: what makes it sick, and that no client keeps others from them."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import grpc  # pants: no-infer-dep; it comes with BuildGrid
import pytest
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as calls

from nexus.remotecache import credentials, health, settings
from nexus.remotecache.metrics import Metrics

PATIENCE_SECONDS = 60.0


class Store(calls.CapabilitiesServicer):  # type: ignore[misc]  # BuildGrid has no types.
    """Answers, unless it is stopped."""

    def __init__(self) -> None:
        self.goes = threading.Event()
        self.goes.set()

    def GetCapabilities(self, _request: object, _context: object) -> messages.ServerCapabilities:
        self.goes.wait(PATIENCE_SECONDS)
        return messages.ServerCapabilities()


class Place:
    """The pages of a server that has a store in this process."""

    def __init__(self, folder: Path, stack: ExitStack, lifetime: timedelta) -> None:
        made = credentials.create(folder / "keys", lifetime=lifetime)
        self.store = Store()
        stack.callback(self.store.goes.set)
        self.server = grpc.server(ThreadPoolExecutor(2))
        calls.add_CapabilitiesServicer_to_server(self.store, self.server)
        self.server.add_insecure_port(f"unix:{folder / 'store'}")
        self.server.start()
        stack.callback(lambda: self.server.stop(0).wait())
        self.health = health.Health(folder / "store", folder, made.server_certificate)
        self.pages = health.serve(Metrics(), self.health, "127.0.0.1", 0)
        stack.callback(self.pages.server_close)
        stack.callback(self.pages.shutdown)

    def ask(self, page: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.pages.server_port}/{page}"
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as exc:
            return exc.code, exc.read().decode()


@pytest.fixture(name="place")
def pages_of_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(health, "STORE_SECONDS_MAX", 0.5)
    monkeypatch.setattr(health, "FREE_BYTES_MIN", 1)
    monkeypatch.setattr(health, "STORE_RESERVED_BYTES", 2)
    with ExitStack() as stack:
        yield Place(tmp_path, stack, timedelta(days=1))


def test_one_that_could_serve_says_so(place: Place) -> None:
    assert place.ask("health?from=balancer") == (200, "ok\n")
    assert "nexus_cache_healthy 1.0" in place.ask("metrics")[1]
    assert place.ask("")[0] == 404


def test_a_store_that_hangs_makes_it_sick_until_it_goes_on(place: Place) -> None:
    place.store.goes.clear()
    assert place.ask("health") == (503, "the store does not answer: DEADLINE_EXCEEDED\n")
    place.store.goes.set()
    assert place.ask("health") == (200, "ok\n")


def test_a_store_that_is_gone_makes_it_sick(place: Place) -> None:
    place.server.stop(0).wait()
    code, text = place.ask("health")
    assert (code, text.partition(":")[0]) == (503, "the store does not answer")


class Room(NamedTuple):
    """The room on a disk, as far as the system is asked."""

    f_bavail: int
    f_frsize: int


def test_a_disk_on_which_the_store_takes_nothing_makes_it_sick(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "FREE_BYTES_MIN", 4097)
    monkeypatch.setattr("os.statvfs", lambda _path: Room(1, 4096))
    code, text = place.ask("health")
    assert (code, text) == (
        503,
        "the disk of the store is full: 4096 bytes are free, 4097 needed\n",
    )


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ([], (503, "0 to evict\n")),
        ([400, 499], (503, "899 to evict\n")),
        ([400, 500], (200, "ok\n")),
        ([400, 600, 8], (200, "ok\n")),
    ],
)
def test_a_store_that_has_too_little_to_evict_makes_it_sick(
    held: list[int],
    said: tuple[int, str],
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "STORE_RESERVED_BYTES", 4996)
    monkeypatch.setattr("os.statvfs", lambda _path: Room(1, 4096))
    place.health.disk = tmp_path / "disk"
    for number, size in enumerate(held):
        blob = place.health.disk / settings.BLOBS / str(number) / "name"
        blob.parent.mkdir(parents=True)
        blob.write_bytes(bytes(size))
    code, text = place.ask("health")
    assert (code, text.rpartition(" and has ")[2]) == said


def test_a_folder_that_is_gone_makes_it_sick(place: Place, tmp_path: Path) -> None:
    place.health.disk = tmp_path / "gone"
    assert place.ask("health") == (503, "the folder of the store: No such file or directory\n")
    assert "nexus_cache_healthy 0.0" in place.ask("metrics")[1]


def test_a_certificate_that_expired_makes_it_sick(place: Place) -> None:
    assert "nexus_cache_certificate_seconds 8" in place.ask("metrics")[1]
    place.health.ends -= timedelta(days=2)
    code, text = place.ask("health")
    assert (code, text.startswith("the certificate expired 20")) == (503, True)


def test_a_client_that_says_nothing_keeps_nobody_out(place: Place) -> None:
    with socket.create_connection(("127.0.0.1", place.pages.server_port)) as silent:
        silent.sendall(b"GET /hea")
        assert place.ask("health") == (200, "ok\n")


def test_a_client_that_drips_is_let_go(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "REQUEST_SECONDS_MAX", 0.2)
    with socket.create_connection(("127.0.0.1", place.pages.server_port)) as slow:
        slow.settimeout(PATIENCE_SECONDS)
        slow.sendall(b"GET /hea")
        assert slow.recv(1) == b""


def test_more_clients_than_there_are_places_for_are_let_go(place: Place) -> None:
    with ExitStack() as stack:
        address = ("127.0.0.1", place.pages.server_port)
        held = [
            stack.enter_context(socket.create_connection(address))
            for _ in range(health.REQUESTS_MAX)
        ]
        more = stack.enter_context(socket.create_connection(address))
        more.settimeout(PATIENCE_SECONDS)
        assert more.recv(1) == b""
        assert len(held) == health.REQUESTS_MAX


def test_a_thread_that_does_not_start_takes_no_place(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_request: object) -> None:
        raise RuntimeError("can't start new thread")

    address = ("127.0.0.1", place.pages.server_port)
    with monkeypatch.context() as patch:
        patch.setattr("socketserver.ThreadingMixIn.process_request", refuse)
        for _ in range(health.REQUESTS_MAX):
            with socket.create_connection(address) as refused:
                refused.settimeout(PATIENCE_SECONDS)
                assert refused.recv(1) == b""
    assert place.ask("health") == (200, "ok\n")
