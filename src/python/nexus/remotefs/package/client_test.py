"""Two nodes in one process: files are read whole and in parts, with few round trips."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from operator import attrgetter

import pytest

from nexus.dsoftbus.policy import Rule
from nexus.dsoftbus.rate import Limit
from nexus.image.package import contents_line
from nexus.image.package_image import PackageFile
from nexus.remotefs.package.backend import MemoryBackend
from nexus.remotefs.package.client import PackageClient
from nexus.remotefs.package.node_scene import EVERYTHING, TwoNodes
from nexus.remotefs.package.path import PackageError
from nexus.remotefs.package.replies import (
    Listed,
    check_closed,
    data_of,
    handle_of,
    parse_contents,
    size_of,
)
from nexus.remotefs.package.request_cases import CASES, FILES, Case
from nexus.remotefs.package.server import HANDLES_MAX
from nexus.remotefs.package.window import ChangedError
from nexus.wire.gateway import Response
from nexus.wire.gateway import Status as Outcome
from nexus.wire.packagefs import CloseReply, OpenReply, ReadReply, StatReply, Status

NOISE = hashlib.shake_256(b"nexus-os noise").digest(1 << 20)
NAME = "pkg:/system/data/noise.bin"
MORE = (
    *FILES,
    PackageFile("system", "1.0.0", "data/noise.bin", NOISE),
    PackageFile("system", "1.0.0", "contents.txt", contents_line("x y", b"1").encode()),
    PackageFile("demo", "1.0.0", "contents.txt", b"junk"),
)


def nodes() -> TwoNodes:
    return TwoNodes(MemoryBackend(MORE))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_table_across_a_session(case: Case) -> None:
    worlds = [TwoNodes(MemoryBackend(FILES)) for _ in range(2)]
    # Across a session every step is authenticated: that is what a session is.
    for step in filter(attrgetter("is_authenticated"), case.steps):
        response = worlds[step.session].exchange(step.request)
        wanted = (Outcome.OK, step.reply.hex()) if step.is_remote else (Outcome.REFUSED, "")
        assert (response.status, response.payload.hex()) == wanted


def test_a_file_is_read_and_its_handle_closed() -> None:
    world = nodes()
    client = PackageClient(world)
    assert client.stat("pkg:/system/build.prop") == 19
    with client.open("/packages/system/build.prop") as file:
        assert file.read(3) == b"ro."
        assert file.tell() == 3
        assert file.read() == b"nexus.build=dev\n"
        assert file.read() == b""
    assert world.server.open_count == 0


@pytest.mark.parametrize(("outstanding", "rounds"), [(1, 8192), (8, 1024), (32, 256), (64, 128)])
def test_a_mebibyte_takes_as_many_round_trips_as_stated(outstanding: int, rounds: int) -> None:
    world = nodes()
    client = PackageClient(world, outstanding)
    # The second time shows that no place of the first is still taken.
    for _ in range(2):
        file = client.open(NAME)
        before = world.rounds
        assert hashlib.sha256(file.readall()).digest() == hashlib.sha256(NOISE).digest()
        assert world.rounds - before == rounds
        assert world.frames_max == outstanding


def test_reading_in_small_steps_is_pipelined_by_reading_ahead() -> None:
    world = nodes()
    file = PackageClient(world).open(NAME)
    before = world.rounds
    read = b"".join(file.read(100) for _ in range(1000))
    assert read == NOISE[:100_000]
    # Without reading ahead it would be one round trip for each of 782 blocks.
    assert world.rounds - before < 80


def test_any_place_can_be_read() -> None:
    with nodes_file() as file:
        for offset, length in [(500_000, 10), (1 << 20, 5), ((1 << 20) - 1, 5), (127, 2), (0, 0)]:
            assert file.seek(offset) == offset
            assert file.read(length) == NOISE[offset : offset + length]
        assert file.seek(-5, os.SEEK_END) == (1 << 20) - 5
        assert file.read() == NOISE[-5:]
        assert file.seek(10) == 10
        assert file.seek(5, io.SEEK_CUR) == 15
        with pytest.raises(ValueError, match="expected places from 0"):
            file.seek(-1)
        with pytest.raises(ValueError, match="expected places from 0"):
            file.seek(0, 7)


def nodes_file() -> io.RawIOBase:
    return PackageClient(nodes()).open(NAME)


def test_it_is_a_file_to_the_rest_of_python() -> None:
    with PackageClient(nodes()).open("pkg:/system/build.prop") as raw:
        assert raw.readable()
        assert raw.seekable()
        assert not raw.writable()
        text = io.TextIOWrapper(io.BufferedReader(raw), "utf-8")
        assert text.readlines() == ["ro.nexus.build=dev\n"]


def test_two_files_share_the_limit() -> None:
    world = nodes()
    client = PackageClient(world, 4)
    one, other = client.open(NAME), client.open(NAME)
    for i in range(20):
        assert one.read(300) == NOISE[i * 300 : i * 300 + 300]
        assert other.read(7) == NOISE[i * 7 : i * 7 + 7]
    assert world.frames_max <= 4
    one.close()
    other.close()
    assert world.server.open_count == 0


def test_a_closed_file_is_closed() -> None:
    file = nodes_file()
    file.close()
    file.close()
    with pytest.raises(ValueError, match="closed file"):
        file.read(1)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("pkg:/system/none", Status.NOT_FOUND),
        ("pkg:/system/data", Status.IO),
        ("file:/x", Status.NON_PACKAGEFS_SCHEME),
        ("pkg:/a/../b", Status.PATH_TRAVERSAL),
        ("pkg:/a\\b", Status.PATH_TRAVERSAL),
        ("pkg:/", Status.OVERSIZED),
        ("", Status.OVERSIZED),
        ("pkg:/" + "x" * 188, Status.OVERSIZED),
    ],
)
def test_what_cannot_be_had_says_why(name: str, status: Status) -> None:
    client = PackageClient(nodes())
    for ask in (client.stat, client.open, client.read_bytes):
        with pytest.raises(PackageError) as caught:
            ask(name)
        assert caught.value.status is status


def test_names_that_would_be_refused_are_not_sent() -> None:
    world = nodes()
    with pytest.raises(PackageError):
        PackageClient(world).stat("pkg:/../x")
    assert world.rounds == 0


def test_the_ninth_file_is_refused_and_the_others_live_on() -> None:
    client = PackageClient(nodes())
    files = [client.open(NAME) for _ in range(HANDLES_MAX)]
    with pytest.raises(PackageError, match="LIMIT"):
        client.open(NAME)
    files[0].close()
    client.open(NAME)
    assert files[1].read(5) == NOISE[:5]


def test_another_mount_ends_what_is_open() -> None:
    world = nodes()
    file = PackageClient(world, 1).open(NAME)
    assert file.read(5) == NOISE[:5]
    world.server.mount(MemoryBackend(MORE))
    file.seek(5000)
    with pytest.raises(PackageError, match="BADF"):
        file.read(5)


def test_a_lost_session_ends_what_is_open_and_closes_nothing_of_the_next() -> None:
    world = nodes()
    client = PackageClient(world, 1)
    file = client.open(NAME)
    world.session = 2
    with pytest.raises(ChangedError, match="open it again"):
        file.read(5)
    file.close()
    assert world.server.open_count == 1


def test_a_session_lost_while_opening_is_told() -> None:
    class Losing(TwoNodes):
        def receive(self) -> Response:
            self.session += 1
            return super().receive()

    with pytest.raises(ChangedError, match="open it again"):
        PackageClient(Losing(MemoryBackend(MORE))).open(NAME)


def test_a_file_that_grew_shorter_is_told() -> None:
    class Shrinking(MemoryBackend):
        def read(self, file: object, offset: int, length: int) -> bytes:
            return b"short"

    file = PackageClient(TwoNodes(Shrinking(MORE))).open(NAME)
    with pytest.raises(ChangedError, match="expected 128"):
        file.read(128)


def test_what_the_gateway_refuses_is_told_as_not_permitted() -> None:
    only_stat = TwoNodes(MemoryBackend(MORE), EVERYTHING[:1])
    client = PackageClient(only_stat)
    assert client.stat(NAME) == 1 << 20
    with pytest.raises(PackageError, match="refused by the peer") as caught:
        client.open(NAME)
    assert caught.value.status is Status.UNAUTHENTICATED
    nobody = TwoNodes(MemoryBackend(MORE), (Rule("node-c", 3, 1),))
    with pytest.raises(PackageError, match="refused by the peer"):
        PackageClient(nobody).stat(NAME)


def test_a_rate_that_is_too_low_fails_the_read_and_not_the_session() -> None:
    world = TwoNodes(MemoryBackend(MORE), limit=Limit(10, 1))
    file = PackageClient(world).open(NAME)
    with pytest.raises(PackageError, match="too often"):
        file.read(10_000)


def test_the_listing_of_a_bundle_is_read() -> None:
    client = PackageClient(nodes())
    digest = hashlib.sha256(b"1").hexdigest()
    assert client.contents("pkg:/system/") == [Listed("x y", 1, digest)]
    with pytest.raises(PackageError, match="is not a listing"):
        client.contents("pkg:/demo")
    with pytest.raises(PackageError, match="NOT_FOUND"):
        client.contents("pkg:/none")


@pytest.mark.parametrize("text", [b"\xff", b"00 1 x", b"x" * 64 + b" 1 p", b"0" * 64 + b" -1 p"])
def test_a_damaged_listing_is_refused(text: bytes) -> None:
    with pytest.raises(PackageError, match="is not a listing"):
        list(parse_contents(text, "n"))


def test_at_least_one_must_be_outstanding() -> None:
    with pytest.raises(PackageError, match="expected at least 1"):
        PackageClient(nodes(), 0)


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\f", "\v", "\x1c", "\r", " ", "é"])
def test_a_listing_ends_its_lines_with_line_feeds_only(odd: str) -> None:
    path = f"a{odd}b"
    text = f"{'0' * 64} 1 {path}\n{'0' * 64} 2 c\n"
    listed = list(parse_contents(text.encode(), "n"))
    assert [file.path for file in listed] == [path, "c"]


def test_a_listing_of_nothing() -> None:
    assert list(parse_contents(b"", "n")) == []


READERS: tuple[Callable[[bytes, str], object], ...] = (size_of, handle_of, data_of, check_closed)
REPLIES = (
    StatReply(Status.OK, size=1).encode(),
    OpenReply(Status.OK, handle=1).encode(),
    ReadReply(Status.OK, data=b"x").encode(),
    CloseReply(Status.OK).encode(),
)


@pytest.mark.parametrize("asked", range(len(READERS)))
def test_an_answer_to_something_else_is_refused(asked: int) -> None:
    READERS[asked](REPLIES[asked], NAME)
    for reply in REPLIES[:asked] + REPLIES[asked + 1 :]:
        with pytest.raises(PackageError, match="the peer answered") as caught:
            READERS[asked](reply, NAME)
        assert caught.value.status is Status.IO
