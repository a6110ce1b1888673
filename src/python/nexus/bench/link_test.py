"""A link passes bytes on unchanged, in order, late, and ends when either side does."""

from __future__ import annotations

import socket
import threading
import time

from nexus.bench.link import linked
from nexus.core.line import DELAY_SECONDS

PATIENCE_SECONDS = 60.0


def echo(server: socket.socket) -> None:
    """Answer one connection with what it says, and end it when it has no more to say."""
    connection, _ = server.accept()
    with connection:
        while chunk := connection.recv(65536):
            connection.sendall(chunk)


def test_what_is_said_comes_back_late_and_unchanged() -> None:
    said = bytes(range(256)) * 4000
    with socket.create_server(("127.0.0.1", 0)) as server:
        answering = threading.Thread(target=echo, args=(server,))
        answering.start()
        with (
            linked(server.getsockname()[1]) as port,
            socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as near,
        ):
            began = time.monotonic()
            near.sendall(b"?")
            assert near.recv(1) == b"?"
            assert time.monotonic() - began >= 2 * DELAY_SECONDS
            speaking = threading.Thread(target=near.sendall, args=(said,))
            speaking.start()
            heard = b""
            while len(heard) < len(said):
                heard += near.recv(65536)
            speaking.join()
            near.shutdown(socket.SHUT_WR)
            assert near.recv(1) == b""
        answering.join()
    assert heard == said


def test_a_port_that_nobody_listens_on_ends_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with (
        linked(port) as near,
        socket.create_connection(("127.0.0.1", near), PATIENCE_SECONDS) as asking,
    ):
        assert asking.recv(1) == b""
