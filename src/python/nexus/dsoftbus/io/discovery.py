"""Announces on a UDP socket: sent on a fixed schedule, heard into the peer table.

Sent to every configured peer's address, and to the group if multicast is wanted.  A peer that
announces itself from another port of its configured address gets them there too, while it does:
that is how several programs are one node at once.  What is heard proves nothing; it says where a
peer may be dialled, and the handshake says who answered.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable
from typing import Final, cast

from nexus.dsoftbus.candidates import Address, Candidates
from nexus.dsoftbus.discovery import Entry, PeerTable
from nexus.dsoftbus.io.clock import Clock, Timer
from nexus.dsoftbus.io.settings import Settings
from nexus.wire.announce import GROUP, Announce, decode_announce
from nexus.wire.error import RemoteProtocolError

_NS_PER_MS: Final = 1_000_000

# Ports of one peer's address that are announced to besides the configured one.
PORTS_MAX: Final = 4


class Discovery(asyncio.DatagramProtocol):
    """One node's announcements and what it hears of others."""

    def __init__(self, settings: Settings, on_heard: Callable[[str], None], clock: Clock) -> None:
        """Prepare; `open` binds the socket.

        Args:
            settings: Whom to announce to, and how often.
            on_heard: Told the device id of each valid announce of a configured peer.
            clock: The node's.
        """
        self._settings = settings
        self._on_heard = on_heard
        self._clock = clock
        self._ttl_ns = settings.peer_ttl_ms * _NS_PER_MS
        self._table = PeerTable(self._ttl_ns)
        self._pins = {peer.device_id: peer for peer in settings.peers}
        self._candidates = {
            peer.device_id: Candidates(peer.address, peer.port, self._ttl_ns)
            for peer in settings.peers
        }
        self._heard = {peer.device_id: asyncio.Event() for peer in settings.peers}
        self._targets = [(peer.address, peer.discovery_port) for peer in settings.peers]
        if settings.is_multicast:
            self._targets.append((GROUP, settings.discovery_port))
        self._others: dict[Address, int] = {}  # When they were heard last.
        self._datagram = b""
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: Timer | None = None
        self.malformed_count = 0
        self.mismatch_count = 0

    async def open(self) -> int:
        """Bind; return the port.  A node that only dials takes any, if its own is in use."""
        loop = asyncio.get_running_loop()
        try:
            sock = _make_socket(self._settings, self._settings.discovery_port)
        except OSError as exc:
            where = f"{self._settings.address}:{self._settings.discovery_port}"
            if self._settings.is_listening or exc.errno != errno.EADDRINUSE:
                text = f"cannot announce from {where} (UDP): {exc.strerror}; is another program"
                raise OSError(exc.errno, f"{text} this node already?") from exc
            sock = _make_socket(self._settings, 0)
        try:
            await loop.create_datagram_endpoint(lambda: self, sock=sock)
        except BaseException:
            sock.close()
            raise
        assert self._transport is not None, "no transport"
        return int(self._transport.get_extra_info("sockname")[1])

    def start(self, announce: Announce) -> None:
        """Announce now, and every interval from now on."""
        self._datagram = announce.encode()
        self._send(self._clock.now_ns())

    def add_target(self, address: str, port: int) -> None:
        """Announce to this address too, from the next interval on."""
        self._targets.append((address, port))

    def find(self, device_id: str) -> Entry | None:
        """Return the live entry of a peer."""
        return self._table.find(device_id, self._clock.now_ns())

    def entries(self) -> list[Entry]:
        """Return all live entries, the least recently heard first."""
        return self._table.live(self._clock.now_ns())

    def addresses(self, device_id: str) -> list[Address]:
        """Return where a peer may be dialled, in the order in which to try."""
        return self._candidates[device_id].round(self._clock.now_ns())

    def prove(self, device_id: str, address: Address) -> None:
        """Trust an address: the peer's key was proven there."""
        self._candidates[device_id].prove(address)

    def fail(self, device_id: str, address: Address) -> None:
        """Try an address after others: the peer's key was not proven there."""
        self._candidates[device_id].fail(address)

    async def wait_heard(self, device_id: str) -> None:
        """Return at the next valid announce of a configured peer."""
        self._heard[device_id].clear()
        await self._heard[device_id].wait()

    def close(self) -> None:
        """Announce no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        # The selector loop's datagram transport does not derive from this class before 3.12.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Enter a valid announce into the table."""
        try:
            announce = decode_announce(data)
        except RemoteProtocolError:
            self.malformed_count += 1
            return
        device_id = announce.device_id
        if device_id == self._settings.device_id:
            return  # Our own, back from the group; or a host that claims to be us.
        pinned = self._pins.get(device_id)
        if pinned is not None and pinned.public_key != announce.public_key:
            # It must not take the place of the real peer's announce.
            self.mismatch_count += 1
            return
        now_ns = self._clock.now_ns()
        self._table.hear(announce, addr[0], is_configured=pinned is not None, now_ns=now_ns)
        if pinned is not None:
            self._candidates[device_id].hear(addr[0], announce.port, now_ns)
            if addr[0] == pinned.address and addr[1] != pinned.discovery_port:
                self._answer((addr[0], addr[1]), now_ns)
            self._heard[device_id].set()
            self._on_heard(device_id)

    def error_received(self, exc: Exception) -> None:
        """Ignore: a peer that is not up yet makes its host answer `port unreachable`."""

    def _answer(self, address: Address, now_ns: int) -> None:
        """Announce to another port of a peer's address while it is heard from there."""
        is_new = address not in self._others
        if is_new and len(self._others) >= PORTS_MAX * len(self._pins):
            return  # Until one of these is not heard any more.
        self._others[address] = now_ns
        if is_new and self._datagram:
            self._send_to(address)

    def _send(self, due_ns: int) -> None:
        now_ns = self._clock.now_ns()
        self._others = {
            address: heard_ns
            for address, heard_ns in self._others.items()
            if now_ns - heard_ns < self._ttl_ns
        }
        for target in (*self._targets, *self._others):
            self._send_to(target)
        # From the instant it was due: a late timer does not make the schedule drift.
        following_ns = max(due_ns + self._settings.announce_ms * _NS_PER_MS, now_ns)
        self._timer = self._clock.call_at(following_ns, lambda: self._send(following_ns))

    def _send_to(self, address: Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(self._datagram, address)


def _make_socket(settings: Settings, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if settings.is_multicast:
            # Several nodes of one host hear one group; the group's packets come to any address.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("", port))
            interface = socket.inet_aton(settings.address)
            member = struct.pack("4s4s", socket.inet_aton(GROUP), interface)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        else:
            sock.bind((settings.address, port))
    except OSError:
        sock.close()
        raise
    return sock
