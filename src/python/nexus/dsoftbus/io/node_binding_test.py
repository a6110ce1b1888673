"""The sockets of a node and its end: what each failure says and gives back, and in which order the
end of a node goes."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Any, cast  # Any: arguments of the loop.

import pytest

from nexus.core.duration import TimeoutValueError
from nexus.dsoftbus.io.errors import ClosedError, MisuseError, UnavailableError
from nexus.dsoftbus.io.keyfile import make_key
from nexus.dsoftbus.io.line_fake import FakeTransport
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.io.node_scene import KEY_A, KEY_B, peer_of, settings_of
from nexus.dsoftbus.io.waiting_support import run

A = settings_of(KEY_A, peer_of(KEY_B))


def test_a_port_that_another_program_has_is_named_and_everything_is_given_back() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            node = Node(replace(A, port=port))
            with pytest.raises(OSError, match="in use") as caught:
                await node.__aenter__()
            assert caught.value.strerror == (
                f"cannot listen on 127.0.0.1:{port} (TCP): Address already in use; another program"
                " may be this node already, or set another port"
            )
            assert node.discovery_port == 0
            with pytest.raises(MisuseError) as refused:
                await node.__aenter__()
            assert str(refused.value) == (
                "this node is closed; a node is entered once, make another one"
            )
            await node.close()

    run(scenario)


def test_a_node_whose_announces_have_no_socket_does_not_listen_either() -> None:
    async def scenario() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            node = Node(replace(A, discovery_port=taken.getsockname()[1]))
            with pytest.raises(OSError, match="cannot announce from"):
                await node.__aenter__()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", node.port)
            with pytest.raises(ClosedError) as caught:
                await node.connect("node-b")
            assert str(caught.value) == "this node is closed; make another one"

    run(scenario)


@pytest.mark.parametrize("error", [OSError(12, "no memory"), KeyboardInterrupt("now")])
def test_a_loop_that_refuses_the_socket_leaves_it_closed(error: BaseException) -> None:
    async def scenario() -> None:
        seen: list[socket.socket] = []

        async def refuse(make: object, *, sock: socket.socket, start_serving: bool) -> None:
            seen.append(sock)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
            assert (sock.gettimeout(), start_serving) == (0.0, False)
            raise error

        loop = asyncio.get_running_loop()
        setattr(loop, "create_server", refuse)  # noqa: B010 - it is the loop's own
        with pytest.raises(type(error)):
            await Node(A).__aenter__()
        assert [sock.fileno() for sock in seen] == [-1]

    run(scenario)


def test_a_node_says_where_it_is_and_who() -> None:
    async def scenario() -> None:
        node = Node(A)
        assert (node.port, node.discovery_port, node.session_count) == (0, 0, 0)
        assert node.public_key == KEY_A.public
        assert (node.live(), list(node.audit_log)) == ([], [])
        async with node:
            assert node.port > 0
            assert node.discovery_port > 0
            _, writer = await asyncio.open_connection("127.0.0.1", node.port)
            writer.close()
        async with Node(replace(A, is_listening=False)) as dialling:
            assert dialling.port == 0
            assert dialling.discovery_port > 0

    run(scenario)


def test_each_start_of_a_node_has_an_epoch_and_all_its_peers_have_the_same() -> None:
    peers = (
        peer_of(KEY_B, is_deduplicating=True),
        peer_of(make_key("node-c"), is_deduplicating=True),
    )
    epochs = set()
    for _ in range(3):
        node = Node(replace(A, peers=peers))
        numbers = {peer.next_correlation() for peer in node.peers.values()}
        assert len(numbers) == 1
        [number] = numbers
        assert number & 0xFFFF_FFFF == 1, "the first call of this start"
        assert number >> 32 & 1, "which is never nothing"
        epochs.add(number >> 32)
    assert len(epochs) == 3


def test_connecting_is_refused_with_its_reason_in_every_phase() -> None:
    async def scenario() -> None:
        node = Node(A)
        with pytest.raises(MisuseError) as misused:
            await node.connect("node-b")
        assert str(misused.value) == "this node is not entered; use `async with`"
        with pytest.raises(TimeoutValueError):
            await node.connect("node-b", 0)
        async with node:
            for unknown in ("node-x", 7, None):
                odd: Any = unknown
                with pytest.raises(UnavailableError) as caught:
                    await node.connect(odd)
                assert str(caught.value) == (
                    f"{unknown!r} is not a configured peer; these are: node-b"
                )
        await node.close()
        async with Node(replace(A, peers=())) as alone:
            with pytest.raises(UnavailableError, match="these are: none"):
                await alone.connect("node-b")

    run(scenario)


def test_a_node_that_was_never_entered_is_closed_at_once() -> None:
    async def scenario() -> None:
        node = Node(A)
        await node.close()
        await node.close()
        with pytest.raises(ClosedError, match="this node is closed"):
            await node.connect("node-b")
        with pytest.raises(MisuseError, match="this node is closed"):
            await node.__aenter__()

    run(scenario)


def test_a_peer_is_dialled_by_one_task_which_ends_with_the_node() -> None:
    async def scenario() -> None:
        async with Node(A) as node:
            for _ in range(2):
                with pytest.raises(UnavailableError, match="no session with node-b"):
                    await node.connect("node-b", 0.01)
            names = [task.get_name() for task in asyncio.all_tasks()]
            assert names.count("dial node-b") == 1
        assert "dial node-b" not in [task.get_name() for task in asyncio.all_tasks()]

    run(scenario)


def test_a_connection_that_the_loop_took_before_the_end_is_let_go_after_it() -> None:
    def connect(node: Node) -> FakeTransport:
        link = node.links.accept()
        transport = FakeTransport(link)
        link.connection_made(cast("Any", transport))
        return transport

    async def scenario() -> None:
        async with Node(replace(A, grace_ms=1)) as node:
            before = connect(node)
            assert before.asked == []
        assert before.is_closed
        assert connect(node).asked == ["close", "abort"]

    run(scenario)
