"""One end of a session on the virtual switch: what nodes that dial and nodes that answer share.

The state machines are those of `nexus.dsoftbus`; here they get their bytes from the guests' own
stack instead of a socket, and their instants from the world.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Interface
from typing import Final

from nexus.dsoftbus.binding import Pin, Verdict, bind
from nexus.dsoftbus.carrier import Carrier
from nexus.dsoftbus.discovery import PeerTable
from nexus.dsoftbus.session import Session
from nexus.dsoftbus.session_events import Event, Identity, Proven, Ready, Received
from nexus.dsoftbus.transitions import State
from nexus.netstack.host import ByteStream, StackHost
from nexus.netstack.library import Library, WouldBlockError
from nexus.netstack.stack import Interface, Peer
from nexus.scene.place import Place
from nexus.wire.announce import GROUP, PORT, Announce, decode_announce

_ANNOUNCE_NS: Final = 250_000_000
_PEER_TTL_NS: Final = 1_500_000_000

# The net of every world here, and the group that its guests announce themselves to.
_PREFIX: Final = 24
_GROUP: Final = IPv4Address(GROUP)


class SwitchNode(ABC):
    """Announces itself, and has one session with its one peer; a subclass takes the frames."""

    def __init__(self, library: Library, own: Place, secret: bytes, peer: Place) -> None:
        """Join the switch; its numbers can be guessed, for virtual worlds only."""
        interface = Interface(
            mac=own.mac,
            address=IPv4Interface((own.ip, _PREFIX)),
            secret=own.mac.ljust(16, b"\0"),
            group=_GROUP,
        )
        self.host = StackHost(library, interface, _ANNOUNCE_NS)
        self.host.on_timer = self._announce
        self.host.on_frame = self._work
        self._own = own
        self._peer = peer
        self._identity = Identity(
            device_id=own.device_id,
            static_secret=secret,
            ephemeral_secret=b"\x5a" * 32,  # Known on purpose: for virtual worlds only.
        )
        self._table = PeerTable(_PEER_TTL_NS)
        self._socket = self.host.stack.bind(PORT)
        self._stream: ByteStream | None = None
        self._session: Session | None = None
        self._carrier: Carrier | None = None

    @abstractmethod
    def _connect(self, now_ns: int) -> ByteStream | None:
        """Return the connection, once there is one."""

    @abstractmethod
    def _take(self, carrier: Carrier, frame: bytes) -> None:
        """Deal with a frame of the session."""

    def _is_heard(self, now_ns: int) -> bool:
        return self._table.find(self._peer.device_id, now_ns) is not None

    def _announce(self) -> None:
        words = Announce(self._own.device_id, self._own.port, self._own.public, ())
        with suppress(WouldBlockError):  # Lost, as any datagram may be: it will be said again.
            self._socket.send(Peer(self._peer.ip, PORT), words.encode())
        if self._session is not None:
            self._handle(self._session.tick(self.host.now_ns))

    def _hear(self, now_ns: int) -> None:
        with suppress(WouldBlockError):
            while True:
                source, words = self._socket.receive()
                heard = decode_announce(words)
                self._table.hear(heard, str(source.ip), is_configured=True, now_ns=now_ns)

    def _work(self) -> None:
        """Deal with what the world brought, and go on."""
        now_ns = self.host.now_ns
        self._hear(now_ns)
        if self._stream is None:
            self._stream = self._connect(now_ns)
        data = b"" if self._stream is None else self._stream.receive()
        if data and self._session is None:
            # The handshake's time begins with the connection.
            self._session = Session.accept(self._identity, now_ns)
        if self._session is not None:
            self._handle(self._session.receive(data, now_ns) if data else [])
            assert self._session.state is not State.CLOSED, "the session ended"

    def _handle(self, events: list[Event]) -> None:
        assert self._session is not None, "events without a session"
        for event in events:
            match event:
                case Proven(device_id, key):
                    live = self._table.find(device_id, self.host.now_ns)
                    pin = Pin(self._peer.device_id, self._peer.public)
                    assert bind(device_id, live, pin, key) is Verdict.BOUND, event
                    self._handle(self._session.admit(self.host.now_ns))
                case Ready():
                    self._carrier = Carrier(self._session.role)
                case Received(frame):
                    assert self._carrier is not None, "a frame before the session was ready"
                    self._take(self._carrier, frame)
                case _:
                    raise AssertionError(f"the session ended: {event}")
        self._flush()

    def _flush(self) -> None:
        assert self._session is not None, "nothing to flush"
        assert self._stream is not None, "a session without a connection"
        while self._carrier is not None and (frame := self._carrier.next_frame()) is not None:
            self._session.send_plaintext(frame)
        self._stream.send(self._session.take_output())
        self.host.touch()
