"""A shared node that is closed under calls: each ends, none is left behind, none begins later."""

from __future__ import annotations

import asyncio
import concurrent.futures
import errno
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nexus.dsoftbus.io.configuration import load_settings
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.settings import UnavailableError
from nexus.remotefs.package.io.pool import Pool, SharedNode
from nexus.remotefs.package.io.reach import await_for, submit, wait_for
from nexus.remotefs.package.io.served_scene import write_files

# Nothing here takes that long; a call that never ends shows as a failure.
BOUND_S = 20.0


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SharedNode]:
    write_files(tmp_path)
    made = SharedNode(load_settings(tmp_path / "bus.toml"))
    yield made
    made.close()


async def never(began: threading.Event) -> None:
    began.set()
    await asyncio.Event().wait()


def test_a_call_under_way_ends_with_its_node(node: SharedNode) -> None:
    began = threading.Event()
    future = submit(node, "node-b/x", never(began))
    assert began.wait(BOUND_S)
    node.close()
    # It is over, so the wait takes no time.
    assert future.done()
    with pytest.raises(ConnectionError, match="this node was closed") as caught:
        wait_for("node-b/x", future)
    assert (caught.value.errno, caught.value.filename) == (errno.EHOSTUNREACH, "node-b/x")


def test_an_awaited_call_ends_with_its_node(node: SharedNode) -> None:
    async def run() -> None:
        began = threading.Event()
        future = submit(node, "node-b/x", never(began))
        awaiting = asyncio.create_task(await_for("node-b/x", future))
        assert await asyncio.to_thread(began.wait, BOUND_S)
        await asyncio.to_thread(node.close)
        with pytest.raises(ConnectionError, match="this node was closed"):
            await awaiting

    asyncio.run(run())


def test_a_caller_that_is_cancelled_is_not_said_to_have_a_closed_node(node: SharedNode) -> None:
    async def run() -> None:
        began = threading.Event()
        awaiting = asyncio.create_task(
            await_for("node-b/x", submit(node, "node-b/x", never(began)))
        )
        assert await asyncio.to_thread(began.wait, BOUND_S)
        awaiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await awaiting

    asyncio.run(run())


def test_a_call_after_the_end_does_not_begin(node: SharedNode) -> None:
    node.close()
    node.close()
    with pytest.raises(UnavailableError, match="this node was closed"):
        node.submit(never(threading.Event()))
    assert not node.is_running


def test_a_call_while_the_last_ones_end_does_not_begin(node: SharedNode) -> None:
    began, ending, may_end = threading.Event(), threading.Event(), threading.Event()

    async def linger() -> None:
        try:
            await never(began)
        finally:
            ending.set()
            may_end.wait(BOUND_S)  # The loop stands, and its thread with it.

    lingering = submit(node, "node-b/x", linger())
    assert began.wait(BOUND_S)
    closing = threading.Thread(target=node.close)
    closing.start()
    try:
        assert ending.wait(BOUND_S)
        assert not node.is_running
        with pytest.raises(UnavailableError, match="this node was closed"):
            node.submit(never(threading.Event()))
    finally:
        may_end.set()
        closing.join(BOUND_S)
    assert lingering.done()


def test_calls_from_many_threads_all_end(node: SharedNode) -> None:
    """Each is begun before the end or after it; none is queued on a loop that stands."""
    ends: list[type[BaseException]] = []
    ready = threading.Barrier(5)

    def ask() -> None:
        for _ in range(100_000):
            node.submit(asyncio.sleep(0)).result(BOUND_S)

    def use() -> None:
        ready.wait(BOUND_S)
        with pytest.raises((UnavailableError, concurrent.futures.CancelledError)) as caught:
            ask()
        ends.append(caught.type)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    ready.wait(BOUND_S)
    node.close()
    for thread in threads:
        thread.join(BOUND_S)
    assert len(ends) == 4


def test_a_file_has_one_node_until_it_is_closed_and_another_one_then(tmp_path: Path) -> None:
    write_files(tmp_path)
    config, pool = tmp_path / "bus.toml", Pool()
    try:
        first = pool.node_of(config)
        assert pool.node_of(tmp_path / "." / "bus.toml") is first
        assert first.is_running
        assert threading.active_count() > 1
        pool.close(tmp_path / "other.toml")
        assert first.is_running
        pool.close(config)
        assert not first.is_running
        first.close()
        assert first._loop.is_closed()
        assert not first._thread.is_alive()
        second = pool.node_of(config)
        assert second is not first
        second.close()
        third = pool.node_of(config)
        assert third is not second, "one that was closed by itself is not used again"
        pool.close()
        assert not third.is_running
    finally:
        pool.close()


def test_a_child_process_forgets_the_nodes_of_its_parent_and_leaves_them_alone(
    tmp_path: Path,
) -> None:
    write_files(tmp_path)
    pool = Pool()
    node = pool.node_of(tmp_path / "bus.toml")
    try:
        with pool._lock:
            pool.forget()  # As after a fork, when another thread may have held the lock.
            assert not pool._lock.locked()
        pool.close()
        assert node.is_running
    finally:
        node.close()


def test_a_node_that_cannot_open_its_sockets_leaves_no_thread_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(node: Node) -> Node:
        raise OSError(errno.EADDRINUSE, "in use")

    write_files(tmp_path)
    monkeypatch.setattr(Node, "__aenter__", fail)
    before = set(threading.enumerate())
    with pytest.raises(OSError, match="in use"):
        SharedNode(load_settings(tmp_path / "bus.toml"))
    assert set(threading.enumerate()) == before


def test_peers_are_those_of_the_file(node: SharedNode) -> None:
    assert node.peers == ("node-b",)
    assert node._thread.daemon, "a program may end without closing it"


def test_several_programs_can_be_one_node_at_once(tmp_path: Path) -> None:
    """As each only calls, none listens where another does."""
    write_files(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = replace(load_settings(tmp_path / "bus.toml"), port=port, is_listening=True)
        nodes = [SharedNode(settings) for _ in range(2)]
    assert [node.is_running for node in nodes] == [True, True]
    for node in nodes:
        node.close()
