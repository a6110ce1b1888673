"""An event loop's client against a peer that is a table: with streams and without, what is asked,
how each refusal is said, and what is free again behind it."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from types import SimpleNamespace
from typing import Any  # Any: a stand-in for a link.

import pytest

from nexus.core.duration import TimeoutValueError
from nexus.dsoftbus.io.settings import BusyError, FailedError, NoStreamsError, RefusedError
from nexus.dsoftbus.io.stream import BusStream
from nexus.dsoftbus.io.waiting_support import run
from nexus.image.package import contents_line
from nexus.image.package_image import PackageFile
from nexus.remotefs.package.backend import MemoryBackend
from nexus.remotefs.package.io.client import AsyncPackageClient
from nexus.remotefs.package.io.handle_file import AsyncRemoteFile
from nexus.remotefs.package.path import FolderError, PackageError
from nexus.remotefs.package.replies import SERVICE
from nexus.remotefs.package.server import HANDLES_MAX, PackageServer
from nexus.remotefs.package.window import ChangedError
from nexus.wire.package_stream import LENGTH_MAX, Entry
from nexus.wire.packagefs import Kind, Status

FILES = {"a.txt": b"aaa", "bin/tool": bytes(range(250)) * 2, "bin/lib/x": b"x"}
LISTING = "".join(contents_line(path, data) for path, data in sorted(FILES.items()))
BACKEND = MemoryBackend(
    [
        *(PackageFile("app", "1", path, data) for path, data in FILES.items()),
        PackageFile("app", "1", "contents.txt", LISTING.encode()),
    ]
)


class Peer:
    """A peer without streams, which answers calls from a server."""

    device_id = "node-b"

    def __init__(self) -> None:
        self.server = PackageServer(BACKEND)
        self.link: Any = SimpleNamespace(number=1)
        self.asked: list[tuple[int, bytes, float]] = []
        self.opened: list[tuple[str, int, float]] = []
        self.error: Exception | None = None
        self.busy = self.busiest = 0

    async def call(self, service: int, payload: bytes, timeout_s: float) -> bytes:
        self.asked.append((service, payload, timeout_s))
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        await asyncio.sleep(0)
        self.busy -= 1
        if self.error is not None:
            raise self.error
        return self.server.answer(payload, is_authenticated=True)

    def turn(self, stream: str) -> AbstractAsyncContextManager[object]:
        return nullcontext()

    async def open_stream(self, name: str, priority: int, timeout_s: float) -> BusStream:
        self.opened.append((name, priority, timeout_s))
        raise NoStreamsError("node-b does not support streams")


def test_a_peer_without_streams_is_asked_for_one_once_a_session() -> None:
    async def scenario() -> None:
        peer = Peer()
        client = AsyncPackageClient(peer, timeout_s=2.0)
        assert await client.read_bytes("pkg:/app/a.txt") == b"aaa"
        assert await client.read_bytes("pkg:/app/bin/tool") == FILES["bin/tool"]
        assert peer.opened == [("package/read", 6, 2.0)]
        assert {(service, timeout_s) for service, _, timeout_s in peer.asked} == {(SERVICE, 2.0)}
        peer.link = SimpleNamespace(number=2)
        await client.read_bytes("pkg:/app/a.txt")
        await client.read_bytes("pkg:/app/a.txt")
        assert len(peer.opened) == 2, "another session may know streams"
        peer.link = None
        assert client.session is None
        for _ in range(2):
            with pytest.raises(ChangedError, match="the session was lost"):
                await client.open("pkg:/app/a.txt")
        assert len(peer.opened) == 4, "without a session nothing is known"
        assert peer.server.open_count == 2

    run(scenario)


def test_a_file_is_opened_under_a_handle_of_its_session() -> None:
    async def scenario() -> None:
        peer = Peer()
        client = AsyncPackageClient(peer)
        async with await client.open("pkg:/app/bin/tool") as file:
            assert isinstance(file, AsyncRemoteFile)
            assert (file.size, file.name) == (500, "pkg:/app/bin/tool")
            assert peer.server.open_count == 1
        assert peer.server.open_count == 0

    run(scenario)


def test_a_session_that_is_lost_while_a_file_is_opened_is_said_and_its_place_is_free() -> None:
    async def scenario() -> None:
        peer = Peer()
        client = AsyncPackageClient(peer)
        call = peer.call

        async def losing(service: int, payload: bytes, timeout_s: float) -> bytes:
            answer = await call(service, payload, timeout_s)
            peer.link = SimpleNamespace(number=peer.link.number + 1)
            return answer

        peer.call = losing  # type: ignore[method-assign]  # A stand-in.
        for _ in range(HANDLES_MAX + 1):
            with pytest.raises(ChangedError) as caught:
                await client.open("pkg:/app/a.txt")
            peer.server.end()
        assert str(caught.value).startswith("pkg:/app/a.txt: the session was lost")

    run(scenario)


def test_a_ninth_file_waits_for_a_handle_and_is_refused_when_none_comes_free() -> None:
    async def scenario() -> None:
        peer = Peer()
        client = AsyncPackageClient(peer, timeout_s=0.05)
        files = [await client.open("pkg:/app/a.txt") for _ in range(HANDLES_MAX)]
        with pytest.raises(PackageError) as caught:
            await client.open("pkg:/app/a.txt")
        assert str(caught.value) == (
            "LIMIT: pkg:/app/a.txt: 8 files are open at this peer; close one"
        )
        waiting = asyncio.ensure_future(client.open("pkg:/app/a.txt"))
        await asyncio.sleep(0)
        await files[3].close()
        async with await waiting as last:
            assert await last.read() == b"aaa"

    run(scenario)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (
            RefusedError("no"),
            Status.UNAUTHENTICATED,
            "refused by the peer: not permitted, or too often",
        ),
        (FailedError("no"), Status.IO, "the peer's packages did not answer"),
        (BusyError("no"), Status.IO, "the peer's packages did not answer"),
    ],
)
def test_what_a_gateway_says_instead_is_one_line(
    error: Exception, status: Status, said: str
) -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.error = error
        client = AsyncPackageClient(peer, 1)
        for _ in range(2):  # The first one's place is free.
            with pytest.raises(PackageError) as caught:
                await client.stat("pkg:/app/a.txt")
            assert caught.value.status is status
            assert str(caught.value) == f"{status.name}: pkg:/app/a.txt: {said}"

    run(scenario)


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_is_outstanding_than_the_client_may_have_for_all_its_files(most: int) -> None:
    async def scenario() -> None:
        peer = Peer()
        client = AsyncPackageClient(peer, most)
        names = ["pkg:/app/bin/tool"] * 4
        assert await asyncio.gather(*map(client.read_bytes, names)) == [FILES["bin/tool"]] * 4
        assert peer.busiest == most

    run(scenario)


def test_folders_are_known_by_their_bundles_listing() -> None:
    async def scenario() -> None:
        client = AsyncPackageClient(Peer())
        assert await client.info("pkg:/app/a.txt") == Entry(Kind.FILE, "pkg:/app/a.txt", 3)
        for folder in ("pkg:/app", "pkg:/app/bin", "/packages/app@1/bin/lib"):
            assert await client.info(folder) == Entry(Kind.FOLDER, folder)
        assert await client.list_folder("pkg:/app/bin") == [
            Entry(Kind.FOLDER, "lib"),
            Entry(Kind.FILE, "tool", 500),
        ]
        assert [entry.name for entry in await client.list_folder("pkg:/app")] == ["a.txt", "bin"]
        assert [file.path for file in await client.contents("pkg:/app/")] == sorted(FILES)
        for name, status, said in (
            ("pkg:/app/a.txt", Status.IO, "IO: pkg:/app/a.txt is not a folder"),
            ("pkg:/app/none", Status.NOT_FOUND, "NOT_FOUND: pkg:/app/none is not a folder"),
            ("pkg:/", Status.BAD_REQUEST, "BAD_REQUEST: pkg:/: this peer cannot list"),
            ("/packages/", Status.BAD_REQUEST, "BAD_REQUEST: /packages/: this peer cannot list"),
            ("pkg:/..", Status.PATH_TRAVERSAL, "PATH_TRAVERSAL: "),
        ):
            with pytest.raises(PackageError) as caught:
                await client.list_folder(name)
            assert caught.value.status is status
            assert str(caught.value).startswith(said)

    run(scenario)


@pytest.mark.parametrize("name", ["pkg:/app/bin", "pkg:/app"])
def test_a_folder_is_told_from_a_file_that_cannot_be_had(name: str) -> None:
    async def scenario() -> None:
        client = AsyncPackageClient(Peer())
        for call in (client.open, client.read_bytes):
            with pytest.raises(FolderError):
                await call(name)

    run(scenario)


def test_a_bundle_without_a_listing_has_files_and_no_known_folders() -> None:
    async def scenario() -> None:
        peer = Peer()
        files = [PackageFile("bare", "1", path, b"1") for path in ("a", "b/c")]
        peer.server = PackageServer(MemoryBackend(files))
        client = AsyncPackageClient(peer)
        assert await client.info("pkg:/bare/a") == Entry(Kind.FILE, "pkg:/bare/a", 1)
        for name in ("pkg:/bare/b", "pkg:/bare"):
            with pytest.raises(PackageError) as caught:
                await client.info(name)
            assert (caught.value.status, type(caught.value)) == (Status.IO, PackageError)

    run(scenario)


@pytest.mark.parametrize(
    ("start", "end", "data"),
    [(0, None, FILES["bin/tool"]), (490, None, FILES["bin/tool"][490:]), (3, 9, b"\3\4\5\6\7\10"),
     (9, 3, b""), (499, 600, FILES["bin/tool"][499:]), (600, 700, b""),
     (1, 1 + LENGTH_MAX, FILES["bin/tool"][1:]), (1, 2 + LENGTH_MAX, FILES["bin/tool"][1:])],
)  # fmt: skip
def test_a_part_of_a_file_is_what_is_between(start: int, end: int | None, data: bytes) -> None:
    async def scenario() -> None:
        client = AsyncPackageClient(Peer())
        assert await client.read_between("pkg:/app/bin/tool", start, end) == data

    run(scenario)


def test_what_a_client_cannot_be_made_with() -> None:
    for most in (0, -1):
        with pytest.raises(PackageError) as caught:
            AsyncPackageClient(Peer(), most)
        assert str(caught.value) == f"LIMIT: outstanding_max: {most}; expected at least 1"
    for timeout_s in (0, -1.0):
        with pytest.raises(TimeoutValueError):
            AsyncPackageClient(Peer(), 1, timeout_s)
