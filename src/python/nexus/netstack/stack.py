"""A network stack of the guests in this process, and its sockets.

Frames and time go in, frames come out, as in `src/guest/lib/net/stack.zig`: after every call that
may have something to send, take `transmit()` until it has no more, and `poll()` at `deadline_ns()`.
Nothing here blocks: what cannot be done now is a `WouldBlockError`.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Interface
from typing import Final

from nexus.netstack.library import FRAME_BYTES_MAX, Config, Endpoint, Library, Status

_NEVER: Final = (1 << 64) - 1
_PORTS: Final = range(1 << 16)
_SECRET_BYTES: Final = 16
_MAC_BYTES: Final = 6

# The buffer of one connection, which is all that one call can read.
READ_BYTES_MAX: Final = 4096


class State(IntEnum):
    """Of a connection; the numbers are positions in `connection.State`."""

    CLOSED = 0
    SYN_SENT = 1
    SYN_RECEIVED = 2
    ESTABLISHED = 3
    FIN_WAIT_1 = 4
    FIN_WAIT_2 = 5
    CLOSE_WAIT = 6
    CLOSING = 7
    LAST_ACK = 8
    TIME_WAIT = 9


class Failure(IntEnum):
    """The reason why a connection ended; the numbers are positions in `connection.Failure`."""

    NONE = 0
    REFUSED = 1
    RESET = 2
    TIMED_OUT = 3
    UNREACHABLE_PEER = 4


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a datagram or a connection."""

    ip: IPv4Address
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """The addresses of a stack."""

    mac: bytes
    address: IPv4Interface
    # Makes initial sequence numbers unguessable. Where a run is to be repeated it is known.
    secret: bytes
    group: IPv4Address | None = None
    gateway: IPv4Address | None = None
    port_seed: int = 0

    def __post_init__(self) -> None:
        if len(self.mac) != _MAC_BYTES:
            raise ValueError(f"mac: {len(self.mac)} bytes; expected {_MAC_BYTES}")
        if len(self.secret) != _SECRET_BYTES:
            raise ValueError(f"secret: {len(self.secret)} bytes; expected {_SECRET_BYTES}")
        _port(self.port_seed)


class NetworkStack:
    """One interface: ARP, IPv4, ICMP echo, UDP and TCP."""

    def __init__(self, library: Library, interface: Interface) -> None:
        """Make it, with no socket yet.

        Raises:
            NetworkStackError: The interface cannot be one.
        """
        self.library = library
        self._memory = ctypes.create_string_buffer(library.size + library.alignment)
        start = ctypes.addressof(self._memory)
        self.state: Final = start + -start % library.alignment
        self._out = ctypes.create_string_buffer(FRAME_BYTES_MAX)
        config = Config(
            ip=int(interface.address.ip),
            gateway=0 if interface.gateway is None else int(interface.gateway),
            group=0 if interface.group is None else int(interface.group),
            port_seed=interface.port_seed,
            prefix=interface.address.network.prefixlen,
            mac=(ctypes.c_uint8 * 6)(*interface.mac),
            secret=(ctypes.c_uint8 * 16)(*interface.secret),
        )
        self.call("init", library.size, ctypes.byref(config))

    def call(self, name: str, *arguments: object) -> int:
        """Call a function of the library on this stack."""
        return self.library.call(name, self.state, *arguments)

    def receive(self, frame: bytes, now_ns: int) -> None:
        """Take a frame of the wire."""
        self.library.receive(self.state, frame, len(frame), now_ns)

    def poll(self, now_ns: int) -> None:
        """Do what is due."""
        self.library.poll(self.state, now_ns)

    def deadline_ns(self) -> int | None:
        """When `poll` has something to do, if ever."""
        deadline = self.library.deadline(self.state)
        return None if deadline == _NEVER else deadline

    def transmit(self, now_ns: int) -> bytes | None:
        """Take the next frame for the wire."""
        length = self.call("transmit", self._out, FRAME_BYTES_MAX, now_ns)
        return self._out.raw[:length] if length else None

    def bind(self, port: int) -> UdpSocket:
        """A UDP socket at every address of ours, the group's included."""
        return UdpSocket(self, self.call("udp_bind", 0, _port(port)))

    def listen(self, port: int) -> Listener:
        """Wait for connections; the stack keeps the first four."""
        return Listener(self, self.call("tcp_listen", _port(port)))

    def connect(self, peer: Peer, now_ns: int) -> Connection:
        """Begin a connection; until it is there, writing would block."""
        to = Endpoint(int(peer.ip), _port(peer.port))
        return Connection(self, self.call("tcp_connect", ctypes.byref(to), now_ns))


class _Socket:
    """A handle that ends when it is closed: the stack gives its number to another then."""

    def __init__(self, stack: NetworkStack, handle: int) -> None:
        self._stack = stack
        self._handle = handle

    def _call(self, name: str, *arguments: object) -> int:
        return self._stack.call(name, self._handle, *arguments)

    def _end(self, name: str, *arguments: object) -> None:
        self._call(name, *arguments)
        self._handle = -1


class UdpSocket(_Socket):
    """Datagrams; at most 16, and 4096 bytes, wait to be received."""

    def send(self, peer: Peer, data: bytes) -> None:
        """Send a datagram of at most 1472 bytes."""
        to = Endpoint(int(peer.ip), _port(peer.port))
        self._call("udp_send", ctypes.byref(to), data, len(data))

    def receive(self) -> tuple[Peer, bytes]:
        """Take the oldest datagram."""
        source = Endpoint()
        out = ctypes.create_string_buffer(FRAME_BYTES_MAX)
        length = self._call("udp_receive", ctypes.byref(source), out, FRAME_BYTES_MAX)
        return Peer(IPv4Address(source.ip), source.port), out.raw[:length]

    def close(self) -> None:
        """Give it up, and what waits."""
        self._end("udp_close")


class Listener(_Socket):
    """A port that takes connections."""

    def accept(self) -> Connection:
        """Take the oldest connection that is complete."""
        return Connection(self._stack, self._call("tcp_accept"))

    def close(self) -> None:
        """Listen no more; connections that wait to be taken are reset."""
        self._end("tcp_unlisten")


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """The state of a connection."""

    state: State
    failure: Failure
    peer: Peer
    local_port: int
    retransmissions: int


class Connection(_Socket):
    """A connection; 4096 bytes wait each way."""

    def read(self) -> bytes:
        """Take what has arrived; nothing: the peer has closed its direction."""
        out = ctypes.create_string_buffer(READ_BYTES_MAX)
        length = self._call("tcp_read", out, READ_BYTES_MAX)
        return out.raw[:length]

    def write(self, data: bytes) -> int:
        """Send as much as there is room for, and say how much that was."""
        return self._call("tcp_write", data, len(data))

    def status(self) -> ConnectionStatus:
        """The present state of the connection."""
        got = Status()
        self._call("tcp_status", ctypes.byref(got))
        peer = Peer(IPv4Address(got.remote.ip), got.remote.port)
        state, failure = State(got.state), Failure(got.failure)
        return ConnectionStatus(state, failure, peer, got.local_port, got.retransmissions)

    def close(self, now_ns: int) -> None:
        """Close it gracefully: what was written still goes out."""
        self._end("tcp_close", now_ns)

    def abort(self) -> None:
        """Close it by a reset."""
        self._end("tcp_abort")


def _port(port: int) -> int:
    if port not in _PORTS:
        raise ValueError(f"port: {port} is not in 0..{_PORTS[-1]}")
    return port
