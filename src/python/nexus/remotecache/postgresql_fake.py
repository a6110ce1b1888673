"""A server that speaks PostgreSQL's protocol as far as the start of a session, and then is silent.

Chapter 55 of its manual: each message is a letter, its length, and fields.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# The driver asks for the first two by statements if they are not told.
PARAMETERS = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "server_version": "15.0",
    "standard_conforming_strings": "on",
}


def message(kind: bytes, fields: bytes) -> bytes:
    """One message to a client."""
    return kind + struct.pack("!I", 4 + len(fields)) + fields


def welcome() -> bytes:
    """Let a client in without a password, and be ready for its first statement."""
    told = [
        message(b"S", f"{name}\0{value}\0".encode("ascii")) for name, value in PARAMETERS.items()
    ]
    return b"".join(
        [
            message(b"R", struct.pack("!I", 0)),
            *told,
            message(b"K", struct.pack("!II", 1, 1)),
            message(b"Z", b"I"),
        ]
    )


@contextmanager
def frozen(*, lets_in: bool) -> Iterator[int]:
    """A server that takes connections and answers no statement; without `lets_in`, nothing at all.

    Its port is yielded.  As with a stopped process, the kernel takes connections all the same.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        if lets_in:
            thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        if lets_in:
            thread.join()


def serve(listener: socket.socket) -> None:
    """Let every client in, until the listener is shut down."""
    clients: list[socket.socket] = []
    try:
        while True:
            client, _ = listener.accept()
            clients.append(client)
            greet(client)
    except OSError:
        for client in clients:
            client.close()


def greet(client: socket.socket) -> None:
    """Answer the first message: a client that asks for TLS or GSSAPI first is told no."""
    while size := struct.unpack("!I", client.recv(4, socket.MSG_WAITALL))[0]:
        (code,) = struct.unpack("!I", client.recv(size - 4, socket.MSG_WAITALL)[:4])
        # Requests for encryption have numbers of their own in the place of a version.
        if code >> 16 != 1234:
            client.sendall(welcome())
            return
        client.sendall(b"N")
