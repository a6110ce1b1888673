"""The shared library of the guests' network stack: its functions, typed, and what they refuse.

This is the one module that knows signatures, layouts and numbers of `src/guest/lib/net_host`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Final

from nexus.core.errors import NexusError

ABI: Final = 1
FRAME_BYTES_MAX: Final = 1514

# A stack takes a fifth of a megabyte; far more is not a stack.
_SIZE_MAX: Final = 16 << 20
_PREFIX: Final = "nexus_net_"


class NetworkStackError(NexusError):
    """A request that the stack refused, or a library that cannot be used."""


class WouldBlockError(NetworkStackError):
    """Not now; later, perhaps."""


class Code(IntEnum):
    """Negative answers of the library."""

    WOULD_BLOCK = -1
    FAILED = -2
    BAD_ADDRESS = -3
    IN_USE = -4
    NO_SOCKET = -5
    UNROUTABLE = -6
    TOO_BIG = -7
    BAD_HANDLE = -8
    BAD_ARGUMENT = -9


_WORDS: Final = {
    Code.WOULD_BLOCK: "not now",
    Code.FAILED: "the connection failed or is closed",
    Code.BAD_ADDRESS: "no address that can be used",
    Code.IN_USE: "the port is taken",
    Code.NO_SOCKET: "all sockets are in use",
    Code.UNROUTABLE: "no way to that address",
    Code.TOO_BIG: "larger than a datagram can be",
    Code.BAD_HANDLE: "no such socket",
    Code.BAD_ARGUMENT: "an argument that the stack does not take",
}


class Config(ctypes.Structure):
    """See `Config` in `net_host/root.zig`."""

    _fields_ = (
        ("ip", ctypes.c_uint32),
        ("gateway", ctypes.c_uint32),
        ("group", ctypes.c_uint32),
        ("port_seed", ctypes.c_uint16),
        ("prefix", ctypes.c_uint8),
        ("mac", ctypes.c_uint8 * 6),
        ("secret", ctypes.c_uint8 * 16),
    )


class Endpoint(ctypes.Structure):
    """An address and a port."""

    _fields_ = (("ip", ctypes.c_uint32), ("port", ctypes.c_uint16))


class Status(ctypes.Structure):
    """See `Status` in `net_host/root.zig`."""

    _fields_ = (
        ("remote", Endpoint),
        ("retransmissions", ctypes.c_uint32),
        ("local_port", ctypes.c_uint16),
        ("state", ctypes.c_uint8),
        ("failure", ctypes.c_uint8),
    )


_STATE = ctypes.c_void_p
_NOW = ctypes.c_uint64
_PORT = ctypes.c_uint16
_HANDLE = ctypes.c_int32
_BYTES = (ctypes.c_void_p, ctypes.c_size_t)
_TO = ctypes.POINTER(Endpoint)

# Name -> what it takes. All of these answer with a number or a `Code`.
_FUNCTIONS: Final = {
    "init": (_STATE, ctypes.c_size_t, ctypes.POINTER(Config)),
    "transmit": (_STATE, *_BYTES, _NOW),
    "udp_bind": (_STATE, ctypes.c_uint32, _PORT),
    "udp_close": (_STATE, _HANDLE),
    "udp_send": (_STATE, _HANDLE, _TO, *_BYTES),
    "udp_receive": (_STATE, _HANDLE, _TO, *_BYTES),
    "tcp_listen": (_STATE, _PORT),
    "tcp_unlisten": (_STATE, _HANDLE),
    "tcp_accept": (_STATE, _HANDLE),
    "tcp_connect": (_STATE, _TO, _NOW),
    "tcp_read": (_STATE, _HANDLE, *_BYTES),
    "tcp_write": (_STATE, _HANDLE, *_BYTES),
    "tcp_close": (_STATE, _HANDLE, _NOW),
    "tcp_abort": (_STATE, _HANDLE),
    "tcp_status": (_STATE, _HANDLE, ctypes.POINTER(Status)),
}


class Library:
    """The library, loaded; it has no state, so that one serves any number of stacks."""

    def __init__(self, path: Path) -> None:
        """Load it.

        Raises:
            NetworkStackError: It is not there, not for this machine, or of another version.
        """
        try:
            # By its whole path: a bare name would be searched for elsewhere.
            self._library = ctypes.CDLL(str(path.resolve()))
            abi = self._bind("abi", ctypes.c_uint32)()
            if abi != ABI:
                raise NetworkStackError(f"network stack {path}: version {abi}; expected {ABI}")
            self.size: int = self._bind("size", ctypes.c_size_t)()
            self.alignment: int = self._bind("alignment", ctypes.c_size_t)()
            self.receive = self._bind("receive", None, _STATE, *_BYTES, _NOW)
            self.poll = self._bind("poll", None, _STATE, _NOW)
            self.deadline = self._bind("deadline", ctypes.c_uint64, _STATE)
            self._functions = {
                name: self._bind(name, ctypes.c_int32, *takes) for name, takes in _FUNCTIONS.items()
            }
        except (OSError, AttributeError) as error:
            raise NetworkStackError(f"network stack {path}: {error}") from error
        if not 0 < self.size <= _SIZE_MAX:
            raise NetworkStackError(
                f"network stack {path}: its state has {self.size} bytes; expected 1..{_SIZE_MAX}"
            )

    def _bind(self, name: str, result: type | None, *takes: type) -> Callable[..., int]:
        function = getattr(self._library, _PREFIX + name)
        function.restype, function.argtypes = result, takes
        return function  # type: ignore[no-any-return]  # ctypes has no types.

    def call(self, name: str, *arguments: object) -> int:
        """Call a function of the table.

        Raises:
            WouldBlockError: Not now.
            NetworkStackError: It is refused.
        """
        answer = self._functions[name](*arguments)
        if answer >= 0:
            return answer
        kind = WouldBlockError if answer == Code.WOULD_BLOCK else NetworkStackError
        words = _WORDS.get(Code(answer)) if answer in _WORDS else f"unknown answer {answer}"
        raise kind(f"network stack, {name}: {words}")
