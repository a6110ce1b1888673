"""The socket options that a session sets, where the system has them."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Final

# Bytes that the kernel takes and does not send yet.  Without a bound it takes megabytes on a slow
# line, and what is urgent waits behind them, whatever its priority.
UNSENT_BYTES: Final = 16_384


def bound_unsent(transport: asyncio.Transport) -> None:
    """Let the kernel hold little that is not sent; without the option it holds what it likes."""
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    sock = transport.get_extra_info("socket")
    if option is None or sock is None:
        return
    with suppress(OSError, AttributeError, NotImplementedError):  # A pipe, or another system.
        sock.setsockopt(socket.IPPROTO_TCP, option, UNSENT_BYTES)
