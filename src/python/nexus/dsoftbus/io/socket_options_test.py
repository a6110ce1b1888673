"""The bound on what the kernel holds unsent: set once, where system and connection have it."""

from __future__ import annotations

import socket
from typing import Any, cast  # Any: a stand-in for a transport.

import pytest

from nexus.dsoftbus.io.socket_options import UNSENT_BYTES, bound_unsent


class Socket:
    """Keeps the options that are set, or refuses them."""

    def __init__(self, error: Exception | None = None) -> None:
        self.options: list[tuple[object, ...]] = []
        self._error = error

    def setsockopt(self, *option: object) -> None:
        self.options.append(option)
        if self._error is not None:
            raise self._error


class Transport:
    """A connection on a socket, or on none."""

    def __init__(self, sock: object) -> None:
        self._sock = sock

    def get_extra_info(self, name: str) -> object:
        return {"socket": self._sock}[name]


def bound(sock: object) -> None:
    bound_unsent(cast("Any", Transport(sock)))


def test_the_kernel_holds_at_most_sixteen_kibibytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "TCP_NOTSENT_LOWAT", 25, raising=False)
    sock = Socket()
    bound(sock)
    assert UNSENT_BYTES == 16_384
    assert sock.options == [(socket.IPPROTO_TCP, 25, 16_384)]


def test_a_system_without_the_option_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "TCP_NOTSENT_LOWAT", raising=False)
    sock = Socket()
    bound(sock)
    bound(None)
    assert sock.options == []


@pytest.mark.parametrize("error", [OSError(), AttributeError(), NotImplementedError()])
def test_a_socket_that_refuses_the_option_serves_without_it(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(socket, "TCP_NOTSENT_LOWAT", 25, raising=False)
    sock = Socket(error)
    bound(sock)
    bound(None)
    assert len(sock.options) == 1
