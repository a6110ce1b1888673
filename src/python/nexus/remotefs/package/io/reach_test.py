"""From a path to its peer on a node that is a stand-in: names, errors, and a file's one end."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import TypeVar, cast

import pytest

from nexus.dsoftbus.io.looping_support import looping
from nexus.dsoftbus.io.settings import DeadlineError, UnavailableError
from nexus.remotefs.package.io.pool import POOL, SharedNode
from nexus.remotefs.package.io.range_file import RangeFile
from nexus.remotefs.package.io.reach import OpenFile, Reach, await_for, submit, wait_for
from nexus.remotefs.package.path import PackageError
from nexus.wire.packagefs import Status

T = TypeVar("T")

CONFIG = Path("/etc/bus.toml")


class File:
    """An open file that counts its ends."""

    size = 10

    def __init__(self) -> None:
        self.closed = 0

    async def read_at(self, offset: int, size: int) -> bytes:
        return b"0123456789"[offset : offset + size]

    async def close(self) -> None:
        self.closed += 1


class Node:
    """A node of two peers on a loop, whose clients open one file."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.peers: tuple[str, ...] = ("node-b", "node-c")
        self.is_running = True
        self.file = File()
        self.asked: list[object] = []

    def submit(self, call: Coroutine[object, None, T]) -> Future[T]:
        if not self.is_running:
            call.close()
            raise UnavailableError("this node was closed")
        return asyncio.run_coroutine_threadsafe(call, self.loop)

    async def client(self, peer: str, outstanding: int, timeout_s: float) -> Node:
        self.asked.append((peer, outstanding, timeout_s))
        return self

    async def open(self, name: str) -> File:
        self.asked.append(name)
        return self.file


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    with looping() as loop:
        made = Node(loop)
        monkeypatch.setattr(POOL, "node_of", lambda config: made)
        yield made


def reach() -> Reach:
    return Reach(lambda: CONFIG, 7, 2.5)


async def name_of(client: object, name: str) -> str:
    return name


def test_a_path_is_a_peer_and_a_name_of_a_package(node: Node) -> None:
    assert reach().wait("node-c/app/a/b", name_of) == "pkg:/app/a/b"
    assert asyncio.run(reach().run("node-b", name_of)) == "pkg:/"
    assert node.asked == [("node-c", 7, 2.5), ("node-b", 7, 2.5)]


def test_a_peer_that_is_not_configured_is_named_with_those_that_are(node: Node) -> None:
    for use in (lambda: reach().wait("node-x/a", name_of), lambda: reach().open("node-x/a")):
        with pytest.raises(FileNotFoundError) as caught:
            use()
        assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, "node-x/a")
        assert caught.value.strerror == (
            "'node-x' is not a peer of /etc/bus.toml; configured are: node-b, node-c"
        )
    node.peers = ()
    with pytest.raises(FileNotFoundError, match="configured are: none"):
        reach().open("node-b/a")
    assert node.asked == []


def test_a_file_is_read_on_any_thread_or_loop_and_closed_once(node: Node) -> None:
    file = reach().open("node-b/app/f")
    assert (file.path, file.size) == ("node-b/app/f", 10)
    assert file.wait_between(2, 5) == b"234"
    file.close()
    file.close()
    with pytest.raises(ValueError, match=r"^read of a closed file$"):
        file.wait_between(0, 1)
    with pytest.raises(ValueError, match=r"^read of a closed file$"):
        asyncio.run(file.read_at(0, 1))

    async def main() -> None:
        other = await reach().open_async("node-b/app/f")
        assert await other.read_at(8, 5) == b"89"
        other.close()

    asyncio.run(main())
    # Nothing waits for the closing: it is over when the loop has come to it.
    wait_for("x", node.submit(asyncio.sleep(0)))
    assert node.file.closed == 2
    assert node.asked[1] == "pkg:/app/f"


def opened(node: Node) -> OpenFile:
    return OpenFile("node-b/f", cast("SharedNode", node), cast("RangeFile", node.file))


def test_a_file_of_a_node_that_is_gone_is_let_go_without_a_word(node: Node) -> None:
    file = opened(node)
    node.is_running = False
    file.close()
    assert node.file.closed == 0
    other = opened(node)
    with pytest.raises(ConnectionError) as caught:
        other.wait_between(0, 1)
    assert (caught.value.errno, caught.value.filename) == (errno.EHOSTUNREACH, "node-b/f")
    with pytest.raises(ConnectionError):
        submit(cast("SharedNode", node), "node-b/f", asyncio.sleep(0))


def ended(error: BaseException) -> Future[None]:
    future: Future[None] = Future()
    future.set_exception(error)
    return future


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (PackageError(Status.NOT_FOUND, "x"), errno.ENOENT),
        (DeadlineError("late"), errno.ETIMEDOUT),
        (UnavailableError("gone"), errno.EHOSTUNREACH),
        (CancelledError(), errno.EHOSTUNREACH),
    ],
    ids=repr,
)
def test_every_failure_is_an_error_of_the_system_either_way(
    error: BaseException, number: int
) -> None:
    waits: list[Callable[[], object]] = [
        lambda: wait_for("p", ended(error)),
        lambda: asyncio.run(await_for("p", ended(error))),
    ]
    for wait in waits:
        with pytest.raises(OSError, match=r"^\[Errno") as caught:
            wait()
        assert (caught.value.errno, caught.value.filename) == (number, "p")


def test_a_defect_is_not_dressed_up() -> None:
    with pytest.raises(KeyError):
        wait_for("p", ended(KeyError("mine")))
    with pytest.raises(KeyError):
        asyncio.run(await_for("p", ended(KeyError("mine"))))


def test_a_wait_that_is_interrupted_gives_the_call_up() -> None:
    class Interrupted(Future[None]):
        def result(self, timeout: float | None = None) -> None:
            raise KeyboardInterrupt

    future = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        wait_for("p", future)
    assert future.cancelled()
