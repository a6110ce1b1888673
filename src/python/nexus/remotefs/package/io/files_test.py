"""Open files against a peer that counts: how much is fetched, from where, how often, and what a
second use after each end is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from nexus.remotefs.package.io.handle_file import AsyncRemoteFile
from nexus.remotefs.package.io.range_file import RangeFile
from nexus.remotefs.package.io.stream import Found
from nexus.remotefs.package.path import PackageError
from nexus.remotefs.package.window import ChangedError, Window
from nexus.wire.package_stream import Op, Reply
from nexus.wire.packagefs import (
    CloseReply,
    CloseRequest,
    Kind,
    ReadReply,
    ReadRequest,
    Request,
    Status,
)

T = TypeVar("T")

KIB = 1024
MIB = 1024 * KIB


def content(size: int) -> bytes:
    return bytes(range(251)) * (size // 251 + 1)


def run(use: Callable[[], Awaitable[T]]) -> T:
    async def main() -> T:
        async with asyncio.timeout(20):
            return await use()

    return asyncio.run(main())


class Ranges:
    """A peer that gives ranges of one file, and counts them."""

    def __init__(self, size: int) -> None:
        self.data = content(size)[:size]
        self.asked: list[tuple[int, int]] = []
        self.state = 7

    def found(self, offset: int, length: int) -> Found:
        piece = self.data[offset : offset + length]
        reply = Reply(Op.READ, Status.OK, Kind.FILE, len(self.data), self.state, len(piece))
        return Found(reply, piece)

    async def fetch(self, offset: int, length: int) -> Found:
        self.asked.append((offset, length))
        return self.found(offset, length)

    def open(self) -> RangeFile:
        return RangeFile("pkg:/a", self.found(0, 64 * KIB), self.fetch)


def test_what_is_read_straight_on_is_fetched_twice_as_far_each_time() -> None:
    peer = Ranges(20 * MIB)

    async def use() -> None:
        file = peer.open()
        assert file.size == 20 * MIB
        place = 0
        while data := await file.read(48 * KIB):
            assert data == peer.data[place : place + len(data)]
            place += len(data)
        assert place == 20 * MIB

    run(use)
    lengths = [length for _, length in peer.asked]
    assert lengths[:7] == [128 * KIB, 256 * KIB, 512 * KIB, MIB, 2 * MIB, 4 * MIB, 4 * MIB]
    assert sum(lengths) == 20 * MIB - 64 * KIB, "every byte once"
    assert [offset for offset, _ in peer.asked] == [
        64 * KIB + sum(lengths[:index]) for index in range(len(lengths))
    ]


def test_a_jump_begins_with_little_again_and_what_is_kept_is_not_fetched() -> None:
    peer = Ranges(20 * MIB)

    async def use() -> None:
        file = peer.open()
        await file.read(300 * KIB)
        peer.asked.clear()
        for place, length in ((10 * MIB, 10), (10 * MIB + 64 * KIB - 1, 1), (10 * MIB + 5, 100)):
            assert await file.read_at(place, length) == peer.data[place : place + length]
        assert peer.asked == [(10 * MIB, 64 * KIB)]
        assert await file.read_at(10 * MIB + 64 * KIB, 1) == peer.data[10 * MIB + 64 * KIB :][:1]
        assert peer.asked[1:] == [(10 * MIB + 64 * KIB, 128 * KIB)]
        assert await file.read_at(10 * MIB - 1, 1) == peer.data[10 * MIB - 1 :][:1]
        assert peer.asked[2:] == [(10 * MIB - 1, 64 * KIB)]
        assert file.tell() == 300 * KIB, "reading at a place moves nothing"

    run(use)


def test_the_end_of_a_file_is_its_end() -> None:
    peer = Ranges(64 * KIB + 5)

    async def use() -> None:
        file = peer.open()
        assert file.seek(-5, os.SEEK_END) == 64 * KIB
        assert await file.read(10) == peer.data[-5:]
        assert peer.asked == [(64 * KIB, 5)]
        assert await file.read(10) == b""
        assert await file.read_at(64 * KIB + 6, 1) == b""
        assert file.seek(3) == 3
        assert file.seek(2, os.SEEK_CUR) == 5
        assert await file.read() == peer.data[5:]
        assert file.seek(100, os.SEEK_END) == 64 * KIB + 105
        assert await file.read() == b""
        for offset, whence in ((-1, os.SEEK_SET), (0, 3), (-(64 * KIB) - 6, os.SEEK_END)):
            with pytest.raises(ValueError, match="expected places from 0 on"):
                file.seek(offset, whence)

    run(use)


@pytest.mark.parametrize("change", ["state", "size", "length"])
def test_another_file_behind_the_same_name_is_noticed(change: str) -> None:
    peer = Ranges(MIB)

    async def use() -> None:
        file = peer.open()

        async def other(offset: int, length: int) -> Found:
            if_state = {"state": {"state": 8}, "size": {"size": 5}, "length": {"length": 1}}
            reply = peer.found(offset, length).reply
            values = {name: getattr(reply, name) for name in ("state", "size", "length")}
            values |= if_state[change]
            return Found(Reply(Op.READ, Status.OK, Kind.FILE, **values), b"")

        file._fetch = other
        with pytest.raises(ChangedError, match=r"^pkg:/a: "):
            await file.read(128 * KIB)
        file._fetch = peer.fetch
        assert await file.read_at(0, 10) == peer.data[:10], "it may be tried again"

    run(use)


def test_a_closed_file_is_not_read_and_may_be_closed_again() -> None:
    async def use() -> None:
        async with Ranges(KIB).open() as file:
            assert len(await file.read()) == KIB
        await file.close()
        for reading in (file.read(1), file.read_at(0, 1)):
            with pytest.raises(ValueError, match="closed file"):
                await reading

    run(use)


class Handles:
    """A peer that gives blocks under a handle, when the test lets it."""

    outstanding_max = 4

    def __init__(self, size: int) -> None:
        self.data = content(size)[:size]
        self.session: int | None = 1
        self.asked: list[Request] = []
        self.let_go_count = self.busy = self.busiest = 0
        self.answer: Callable[[Request], Awaitable[bytes]] = self._answer

    async def ask(self, request: Request, name: str) -> bytes:
        assert name == "pkg:/a"
        self.asked.append(request)
        self.busy += 1
        self.busiest = max(self.busy, self.busiest)
        try:
            await asyncio.sleep(0)
            return await self.answer(request)
        finally:
            self.busy -= 1

    async def _answer(self, request: Request) -> bytes:
        if isinstance(request, CloseRequest):
            return CloseReply(Status.OK).encode()
        assert isinstance(request, ReadRequest)
        piece = self.data[request.offset : request.offset + request.length]
        return ReadReply(Status.OK, piece).encode()

    def let_go(self) -> None:
        self.let_go_count += 1

    def open(self) -> AsyncRemoteFile:
        return AsyncRemoteFile(self, "pkg:/a", 9, len(self.data), 1)


def test_blocks_of_128_are_asked_for_once_and_as_many_at_a_time_as_may_be() -> None:
    peer = Handles(128 * 40 + 7)

    async def use() -> None:
        file = peer.open()
        assert await file.read() == peer.data
        await file.close()

    run(use)
    assert peer.asked[:-1] == [
        ReadRequest(9, offset, min(128, len(peer.data) - offset))
        for offset in range(0, len(peer.data), 128)
    ]
    assert peer.asked[-1] == CloseRequest(9)
    assert peer.busiest == 4
    assert peer.let_go_count == 1


def test_a_reader_that_goes_straight_on_has_the_next_blocks_under_way() -> None:
    peer = Handles(128 * 40)

    async def use() -> None:
        file = peer.open()
        assert await file.read(128) == peer.data[:128]
        await asyncio.sleep(0)
        assert len(peer.asked) == 5, "the block that was read and four ahead"
        for _ in range(10):
            await asyncio.sleep(0)
        assert await file.read(64) == peer.data[128:192]
        assert await file.read_at(128 * 30, 5) == peer.data[128 * 30 :][:5]
        await file.close()
        await file.close()
        assert peer.let_go_count == 1
        with pytest.raises(ValueError, match="closed file"):
            await file.read(1)

    run(use)


def test_a_handle_of_a_lost_session_is_not_closed_at_the_next() -> None:
    peer = Handles(1000)

    async def use() -> None:
        file = peer.open()
        assert len(await file.read(10)) == 10
        peer.session = 2
        with pytest.raises(ChangedError, match=r"^pkg:/a: the session was lost"):
            await file.read()
        before = len(peer.asked)
        await file.close()
        assert len(peer.asked) == before
        assert peer.let_go_count == 1

    run(use)


def test_a_refusal_ends_the_file_and_its_handle_is_let_go_even_if_closing_fails() -> None:
    peer = Handles(1000)

    async def refuse(request: Request) -> bytes:
        return ReadReply(Status.IO).encode()

    async def use() -> None:
        file = peer.open()
        peer.answer = refuse
        for _ in range(2):
            with pytest.raises(PackageError) as caught:
                await file.read(10)
            assert caught.value.status is Status.IO
        with pytest.raises(PackageError, match=r"^IO: pkg:/a"):
            await file.close()
        assert peer.let_go_count == 1

    run(use)


def test_a_window_counts_what_it_waits_for_and_what_it_holds() -> None:
    window = Window(1000, 2)
    window.demand(0, 128)
    pieces = [window.next_piece() for _ in range(3)]
    assert (window.asked_count, window.kept_bytes) == (3, 0)
    assert window.next_piece() is None
    for count, piece in enumerate(pieces, 1):
        assert piece is not None
        window.arrived(piece, bytes(128))
        assert (window.asked_count, window.kept_bytes) == (3 - count, 128 * count)
    window.demand(128 * 5, 128)
    assert window.kept_bytes == 0, "what is of no use for it is let go"
