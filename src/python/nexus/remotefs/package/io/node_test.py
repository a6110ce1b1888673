"""Two real nodes on loopback sockets: one has packages, the other reads them.

With an event loop, and from a thread without one.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from nexus.dsoftbus.io.node_scene import KEY_A, KEY_B, peer_of, settings_of, two_nodes
from nexus.dsoftbus.io.peer import Peer
from nexus.dsoftbus.io.waiting_support import until
from nexus.dsoftbus.policy import Rule
from nexus.dsoftbus.rate import Limit
from nexus.image.package_image import PackageFile
from nexus.remotefs.package.backend import MemoryBackend
from nexus.remotefs.package.client import PackageClient
from nexus.remotefs.package.io.channel import ThreadChannel
from nexus.remotefs.package.io.client import AsyncPackageClient
from nexus.remotefs.package.io.service import PackageService
from nexus.remotefs.package.path import PackageError
from nexus.remotefs.package.replies import SERVICE
from nexus.remotefs.package.request_cases import FILES
from nexus.remotefs.package.window import ChangedError
from nexus.wire.packagefs import Status

NOISE = hashlib.shake_256(b"nexus-os noise").digest(1 << 20)
NAME = "pkg:/system/data/noise.bin"
BACKEND = MemoryBackend(
    [
        *FILES,
        PackageFile("system", "1.0.0", "data/noise.bin", NOISE),
        PackageFile("system", "1.0.0", "data/part.bin", NOISE[:50_000]),
    ]
)
# More than any test here asks for.
UNLIMITED = Limit(65_535, 65_535)
RULES = tuple(Rule("node-a", SERVICE, op) for op in (1, 2, 3, 4))


@asynccontextmanager
async def reaching_b(
    rules: tuple[Rule, ...] = RULES, limit: Limit = UNLIMITED
) -> AsyncIterator[tuple[Peer, PackageService]]:
    """Node B with packages; give node A's view of it, and what B has open."""
    packages = PackageService(BACKEND)
    settings_b = replace(settings_of(KEY_B, peer_of(KEY_A)), rules=rules, rate=limit)
    async with two_nodes(
        {SERVICE: packages}, settings_b=settings_b, session_ended=packages.session_ended
    ) as nodes:
        yield await nodes.a.connect("node-b"), packages


def test_a_mebibyte_over_sockets() -> None:
    async def run() -> None:
        async with reaching_b() as (peer, packages):
            client = AsyncPackageClient(peer)
            assert await client.stat(NAME) == 1 << 20
            async with await client.open(NAME) as file:
                digest = hashlib.sha256(await file.read(100))
                assert file.tell() == 100
                digest.update(await file.read())
                assert packages.open_count == 1
            assert digest.digest() == hashlib.sha256(NOISE).digest()
            assert packages.open_count == 0

    asyncio.run(run())


def test_places_and_small_steps() -> None:
    async def run() -> None:
        async with reaching_b() as (peer, packages):
            file = await AsyncPackageClient(peer, 4).open(NAME)
            for i in range(30):
                assert await file.read(50) == NOISE[i * 50 : i * 50 + 50]
            assert file.seek(-3, 2) == (1 << 20) - 3
            assert await file.read() == NOISE[-3:]
            assert await file.read(1) == b""
            with pytest.raises(ValueError, match="expected places"):
                file.seek(-1)
            await file.close()
            await file.close()
            with pytest.raises(ValueError, match="closed file"):
                await file.read(1)
            assert packages.open_count == 0

    asyncio.run(run())


def test_refusals_have_their_status() -> None:
    async def run() -> None:
        async with reaching_b() as (peer, _):
            client = AsyncPackageClient(peer)
            for name, status in (
                ("pkg:/system/none", Status.NOT_FOUND),
                ("pkg:/system", Status.IO),
                ("pkg:/..", Status.PATH_TRAVERSAL),
                ("http:/x", Status.NON_PACKAGEFS_SCHEME),
            ):
                with pytest.raises(PackageError) as caught:
                    await client.open(name)
                assert caught.value.status is status
            with pytest.raises(PackageError, match="NOT_FOUND"):
                await client.contents("pkg:/system")
            with pytest.raises(PackageError, match="expected at least 1"):
                AsyncPackageClient(peer, 0)
        async with reaching_b(rules=()) as (peer, _):
            with pytest.raises(PackageError, match="not permitted"):
                await AsyncPackageClient(peer).stat(NAME)
        async with reaching_b(limit=Limit(5, 1)) as (peer, _):
            file = await AsyncPackageClient(peer).open(NAME)
            with pytest.raises(PackageError, match="too often"):
                await file.read()

    asyncio.run(run())


def test_a_lost_session_ends_the_file_and_the_next_one_serves_another() -> None:
    async def run() -> None:
        async with reaching_b() as (peer, packages):
            client = AsyncPackageClient(peer, 2)
            file = await client.open(NAME)
            assert await file.read(10) == NOISE[:10]
            assert peer.link is not None
            lost = peer.link.number
            peer.link.abort()
            await until(lambda: peer.link is not None and peer.link.number != lost)
            # In the new session the same handle is another file's.
            other = await client.open("pkg:/system/build.prop")
            with pytest.raises(ChangedError, match="open it again"):
                await file.read()
            await file.close()
            assert await other.read() == b"ro.nexus.build=dev\n"
            assert packages.open_count == 1

    asyncio.run(run())


def test_a_thread_without_an_event_loop() -> None:
    def read(channel: ThreadChannel) -> bytes:
        client = PackageClient(channel)
        assert client.stat("pkg:/system/build.prop") == 19
        with pytest.raises(PackageError, match="NOT_FOUND"):
            client.open("pkg:/none")
        return client.read_bytes("pkg:/system/data/part.bin")

    def refused(channel: ThreadChannel) -> None:
        with pytest.raises(PackageError, match="not permitted"):
            PackageClient(channel).stat(NAME)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        async with reaching_b() as (peer, packages):
            assert await asyncio.to_thread(read, ThreadChannel(peer, loop)) == NOISE[:50_000]
            assert packages.open_count == 0
        async with reaching_b(rules=()) as (peer, _):
            await asyncio.to_thread(refused, ThreadChannel(peer, loop))

    asyncio.run(run())
