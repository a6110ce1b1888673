"""Ports for tests that name them in files before anything listens."""

from __future__ import annotations

import socket
from contextlib import ExitStack


def free_udp_ports() -> tuple[int, int]:
    """Two ports of loopback that nothing has just now."""
    with ExitStack() as stack:
        socks = [stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(2)]
        for sock in socks:
            sock.bind(("127.0.0.1", 0))
        first, second = (int(sock.getsockname()[1]) for sock in socks)
    return first, second
