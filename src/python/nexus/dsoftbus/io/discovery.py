"""Announces on a UDP socket: sent on a fixed schedule, heard into the peer table.

Sent to every configured peer's address, and to the group if multicast is wanted.  What is heard
proves nothing; it says where a peer may be dialled, and the handshake says who answered.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from typing import cast

from nexus.dsoftbus.discovery import Entry, PeerTable
from nexus.dsoftbus.io.settings import Settings
from nexus.wire.announce import GROUP, Announce, decode_announce
from nexus.wire.error import RemoteProtocolError

_NS_PER_MS = 1_000_000


class Discovery(asyncio.DatagramProtocol):
    """One node's announcements and what it hears of others."""

    def __init__(self, settings: Settings, on_heard: Callable[[str], None]) -> None:
        """Prepare; `open` binds the socket.

        Args:
            settings: Whom to announce to, and how often.
            on_heard: Told the device id of each valid announce of a configured peer.
        """
        self._settings = settings
        self._on_heard = on_heard
        self._table = PeerTable(settings.peer_ttl_ms * _NS_PER_MS)
        self._pins = {peer.device_id: peer for peer in settings.peers}
        self._targets = [(peer.address, peer.discovery_port) for peer in settings.peers]
        if settings.is_multicast:
            self._targets.append((GROUP, settings.discovery_port))
        self._datagram = b""
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.malformed_count = 0
        self.mismatch_count = 0

    async def open(self) -> int:
        """Bind; return the port."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, sock=_make_socket(self._settings))
        assert self._transport is not None, "no transport"
        return int(self._transport.get_extra_info("sockname")[1])

    def start(self, announce: Announce) -> None:
        """Announce now, and every interval from now on."""
        self._datagram = announce.encode()
        self._send(asyncio.get_running_loop().time())

    def add_target(self, address: str, port: int) -> None:
        """Announce to this address too, from the next interval on."""
        self._targets.append((address, port))

    def find(self, device_id: str) -> Entry | None:
        """Return the live entry of a peer."""
        return self._table.find(device_id, time.monotonic_ns())

    def entries(self) -> list[Entry]:
        """Return all live entries, the least recently heard first."""
        return self._table.live(time.monotonic_ns())

    def close(self) -> None:
        """Announce no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        # The selector loop's datagram transport does not derive from this class before 3.12.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Enter a valid announce into the table."""
        try:
            announce = decode_announce(data)
        except RemoteProtocolError:
            self.malformed_count += 1
            return
        if announce.device_id == self._settings.device_id:
            return  # Our own, back from the group; or someone who claims to be us.
        pinned = self._pins.get(announce.device_id)
        if pinned is not None and pinned.public_key != announce.public_key:
            # It must not take the place of the real peer's announce.
            self.mismatch_count += 1
            return
        self._table.hear(
            announce, addr[0], is_configured=pinned is not None, now_ns=time.monotonic_ns()
        )
        if pinned is not None:
            self._on_heard(announce.device_id)

    def error_received(self, exc: Exception) -> None:
        """Ignore: a peer that is not up yet makes its host answer `port unreachable`."""

    def _send(self, due_s: float) -> None:
        assert self._transport is not None, "not open"
        for target in self._targets:
            self._transport.sendto(self._datagram, target)
        # From the instant it was due: a late timer does not make the schedule drift.
        loop = asyncio.get_running_loop()
        following_s = max(due_s + self._settings.announce_ms / 1000, loop.time())
        self._timer = loop.call_at(following_s, self._send, following_s)


def _make_socket(settings: Settings) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if settings.is_multicast:
            # Several nodes of one host hear one group; the group's packets come to any address.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("", settings.discovery_port))
            interface = socket.inet_aton(settings.address)
            member = struct.pack("4s4s", socket.inet_aton(GROUP), interface)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        else:
            sock.bind((settings.address, settings.discovery_port))
    except OSError:
        sock.close()
        raise
    return sock
