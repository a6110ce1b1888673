"""Ranges over real sessions: whole files, places, mounts that change, and peers that misbehave."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from nexus.dsoftbus.io.node_scene import KEY_A, KEY_B, peer_of, settings_of, two_nodes
from nexus.dsoftbus.io.peer import Peer
from nexus.dsoftbus.io.settings import DeadlineError
from nexus.dsoftbus.io.stream import BusStream
from nexus.dsoftbus.policy import Rule
from nexus.dsoftbus.rate import Limit
from nexus.image.package_image import PackageFile
from nexus.remotefs.package.backend import BackendError, File, MemoryBackend
from nexus.remotefs.package.io.client import AsyncPackageClient
from nexus.remotefs.package.io.range_file import RangeFile
from nexus.remotefs.package.io.service import PackageService
from nexus.remotefs.package.path import PackageError
from nexus.remotefs.package.replies import SERVICE
from nexus.remotefs.package.window import ChangedError
from nexus.wire.package_stream import REPLY_BYTES, STREAM, Entry, Op, Reply
from nexus.wire.packagefs import Kind, Status

NOISE = hashlib.shake_256(b"noise").digest(3_000_000)
NAME = "pkg:/big/data/noise"
BACKEND = MemoryBackend(
    [
        PackageFile("big", "1", "data/noise", NOISE),
        PackageFile("big", "1", "data/small", b"small"),
        PackageFile("big", "1", "empty", b""),
    ]
)
RULES = tuple(Rule("node-a", SERVICE, op) for op in (1, 2, 3, 4))
Serve = Callable[[BusStream], Awaitable[None]]


@asynccontextmanager
async def reaching_b(
    packages: PackageService | None = None,
    serve: Serve | None = None,
    rules: tuple[Rule, ...] = RULES,
) -> AsyncIterator[Peer]:
    """Node B with packages; give node A's view of it."""
    packages = packages or PackageService(BACKEND)
    limit = Limit(65_535, 65_535)
    settings_b = replace(settings_of(KEY_B, peer_of(KEY_A)), rules=rules, rate=limit)
    async with (
        asyncio.timeout(30),
        two_nodes(
            {SERVICE: packages},
            settings_b=settings_b,
            session_ended=packages.session_ended,
            streams={STREAM: serve or packages.read_stream},
        ) as nodes,
    ):
        yield await nodes.a.connect("node-b")


def test_a_file_in_steps_of_any_size_and_from_any_place() -> None:
    async def run() -> None:
        async with reaching_b() as peer:
            client = AsyncPackageClient(peer)
            async with await client.open(NAME) as file:
                assert isinstance(file, RangeFile)
                assert file.size == len(NOISE)
                read = b""
                for step in (1, 100, 70_000, 500_000, 0):
                    read += await file.read(step)
                assert read == NOISE[: len(read)]
                assert file.tell() == len(read) == 570_101
                assert await file.read() == NOISE[570_101:]
                assert await file.read(5) == b""
                file.seek(-3, 2)
                assert await file.read(10) == NOISE[-3:]
                file.seek(10)
                assert await file.read(10) == NOISE[10:20]
                file.seek(9_000_000)
                assert await file.read(1) == b""
                with pytest.raises(ValueError, match="expected places"):
                    file.seek(-1)
            with pytest.raises(ValueError, match="closed file"):
                await file.read(1)
            assert await client.read_bytes("pkg:/big/data/small") == b"small"
            assert await client.read_bytes("pkg:/big/empty") == b""

    asyncio.run(run())


def test_many_readers_at_once() -> None:
    async def run() -> None:
        async with reaching_b() as peer:
            client = AsyncPackageClient(peer)
            names = [NAME, "pkg:/big/data/small"] * 20
            found = await asyncio.gather(*(client.read_bytes(name) for name in names))
            assert found == [NOISE, b"small"] * 20
            file = await client.open(NAME)
            pieces = await asyncio.gather(*(file.read(1000) for _ in range(50)))
            assert b"".join(pieces) == NOISE[:50_000]

    asyncio.run(run())


def test_folders_and_files_of_a_peer_are_listed() -> None:
    async def run() -> None:
        async with reaching_b() as peer:
            client = AsyncPackageClient(peer)
            assert await client.info(NAME) == Entry(Kind.FILE, NAME, len(NOISE))
            assert (await client.info("pkg:/big/data")).kind is Kind.FOLDER
            assert await client.list_folder("pkg:/") == [Entry(Kind.FOLDER, "big@1")]
            assert [e.name for e in await client.list_folder("pkg:/big")] == ["data", "empty"]
            for name, status in (
                ("pkg:/big/none", Status.NOT_FOUND),
                ("pkg:/../x", Status.PATH_TRAVERSAL),
                ("pkg:/big/" + "x" * 200, Status.OVERSIZED),
            ):
                for call in (client.info, client.open, client.list_folder, client.read_bytes):
                    with pytest.raises(PackageError) as caught:
                        await call(name)
                    assert caught.value.status is status
            with pytest.raises(PackageError, match="is a folder"):
                await client.open("pkg:/big/data")
            with pytest.raises(PackageError, match="IO"):
                await client.list_folder(NAME)
        async with reaching_b(rules=()) as peer:
            with pytest.raises(PackageError, match="UNAUTHENTICATED"):
                await AsyncPackageClient(peer).open(NAME)

    asyncio.run(run())


def test_another_mount_ends_the_file() -> None:
    async def run() -> None:
        packages = PackageService(BACKEND)
        async with reaching_b(packages) as peer:
            file = await AsyncPackageClient(peer).open(NAME)
            assert await file.read(10) == NOISE[:10]
            packages.mount(BACKEND)
            with pytest.raises(ChangedError, match="open it again"):
                await file.read()

    asyncio.run(run())


def test_a_session_that_is_lost_on_the_way_does_not_end_the_file() -> None:
    packages = PackageService(BACKEND)
    peers: list[Peer] = []

    async def serve(stream: BusStream) -> None:
        if not peers:
            await packages.read_stream(stream)
            return
        await stream.read()
        await stream.write(Reply(Op.READ, Status.OK, size=5, state=1, length=5).encode() + b"12")
        link = peers.pop().link
        assert link is not None
        link.abort()

    async def run() -> None:
        async with reaching_b(packages, serve) as peer:
            client = AsyncPackageClient(peer, timeout_s=10)
            peers.append(peer)
            assert await client.read_bytes(NAME) == NOISE
            assert not peers
            file = await client.open(NAME)
            peers.append(peer)
            assert await file.read() == NOISE
            assert not peers

    asyncio.run(run())


GOOD = Reply(Op.READ, Status.OK, size=5, state=1, length=5).encode()


@pytest.mark.parametrize(
    ("said", "match"),
    [
        (b"", "cannot be read"),
        (GOOD[:-1], "cannot be read"),
        (b"XX" + GOOD[2:], "bad magic|cannot be read"),
        (GOOD, "0 bytes of 5"),
        (GOOD + b"1234", "4 bytes of 5"),
        (GOOD + b"123456", "more than 5 bytes"),
        (Reply(Op.LIST, Status.OK, Kind.FOLDER, 0, 1).encode(), "something else"),
        (bytes(REPLY_BYTES), "cannot be read"),
    ],
)
def test_an_answer_that_makes_no_sense(said: bytes, match: str) -> None:
    async def serve(stream: BusStream) -> None:
        await stream.read()
        await stream.write(said) if said else None
        stream.close()

    async def run() -> None:
        async with reaching_b(serve=serve) as peer:
            with pytest.raises(PackageError, match=match) as caught:
                await AsyncPackageClient(peer).open(NAME)
            assert caught.value.status is Status.IO

    asyncio.run(run())


@pytest.mark.parametrize("said", [b"", GOOD, GOOD + b"1"])
def test_a_peer_that_says_no_more_is_given_up(said: bytes) -> None:
    async def serve(stream: BusStream) -> None:
        await stream.read()
        await stream.write(said) if said else None
        await asyncio.Event().wait()

    async def run() -> None:
        async with reaching_b(serve=serve) as peer:
            client = AsyncPackageClient(peer, timeout_s=0.2)
            with pytest.raises(DeadlineError, match=r"sent nothing for 0\.2 s"):
                await client.open(NAME)

    asyncio.run(run())


def test_a_reader_that_takes_nothing_is_given_up() -> None:
    async def run() -> None:
        ended = asyncio.Event()
        packages = PackageService(BACKEND, silence_s=0.1)

        async def serve(stream: BusStream) -> None:
            await packages.read_stream(stream)
            ended.set()

        async with reaching_b(packages, serve) as peer:
            stream = await peer.open_stream(STREAM, 6)
            await ended.wait()  # It said nothing.
            stream.reset()

    asyncio.run(run())


class Broken(MemoryBackend):
    """A medium that fails behind its first bytes."""

    def read(self, file: File, offset: int, length: int) -> bytes:
        """Read, or fail."""
        if offset:
            raise BackendError("the medium")
        return super().read(file, offset, length)


def test_a_medium_that_fails_on_the_way_is_an_error() -> None:
    async def run() -> None:
        broken = Broken([PackageFile("big", "1", "data/noise", NOISE)])
        async with reaching_b(PackageService(broken)) as peer:
            with pytest.raises(PackageError, match="gave the stream up") as caught:
                await AsyncPackageClient(peer).read_bytes(NAME)
            assert caught.value.status is Status.IO

    asyncio.run(run())


def test_a_cancelled_read_leaves_the_client_usable() -> None:
    async def run() -> None:
        async with reaching_b() as peer:
            client = AsyncPackageClient(peer)
            file = await client.open(NAME)
            for steps in range(40):
                reading = asyncio.create_task(file.read(2_000_000))
                for _ in range(steps):
                    await asyncio.sleep(0)
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
                file.seek(0)
            assert await file.read() == NOISE

    asyncio.run(run())
