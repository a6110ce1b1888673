"""A node of the bus on the virtual switch: announces itself, dials one peer, and calls it.

The state machines are those of `nexus.dsoftbus`; here they get their bytes from the guests' own
stack instead of a socket, and their instants from the world.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import Final

from nexus.dsoftbus.binding import Pin, Verdict, bind
from nexus.dsoftbus.carrier import Answered, Carrier
from nexus.dsoftbus.discovery import PeerTable
from nexus.dsoftbus.session import Event, Identity, Proven, Ready, Received, Session
from nexus.dsoftbus.transitions import State
from nexus.netstack.host import ByteStream, StackHost
from nexus.netstack.library import Library, WouldBlockError
from nexus.netstack.stack import Interface, Peer, UdpSocket
from nexus.remotefs.package.replies import SERVICE
from nexus.simulation.world import World
from nexus.wire.announce import GROUP, PORT, Announce, decode_announce
from nexus.wire.gateway import Request, Response, decode_frame

_ANNOUNCE_NS: Final = 250_000_000
_PEER_TTL_NS: Final = 1_500_000_000
_DEADLINE_MS: Final = 60_000

# Who waits for something looks this often whether it has come.
_REACTION_NS: Final = 250_000

# The net of every world here, and the group that its guests announce themselves to.
_PREFIX: Final = 24
_GROUP: Final = IPv4Address(GROUP)

# Virtual time in which a peer that is well has long answered.
_PATIENCE_NS: Final = 30_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a node is, and who."""

    device_id: str
    mac: bytes
    ip: IPv4Address
    port: int
    public: bytes


def join(library: Library, own: Place) -> StackHost:
    """Make the host of a node; its numbers can be guessed, for virtual worlds only."""
    interface = Interface(
        mac=own.mac,
        address=IPv4Interface((own.ip, _PREFIX)),
        secret=own.mac.ljust(16, b"\0"),
        group=_GROUP,
    )
    return StackHost(library, interface, _ANNOUNCE_NS)


def announce(own: Place, socket: UdpSocket, target: IPv4Address) -> None:
    """Say once who is there."""
    words = Announce(own.device_id, own.port, own.public, ())
    with suppress(WouldBlockError):  # Lost, as any datagram may be: it will be said again.
        socket.send(Peer(target, PORT), words.encode())


def hear(socket: UdpSocket, table: PeerTable, now_ns: int) -> None:
    """Put into the table who said so."""
    with suppress(WouldBlockError):
        while True:
            source, words = socket.receive()
            heard = decode_announce(words)
            table.hear(heard, str(source.ip), is_configured=True, now_ns=now_ns)


class VirtualNode:
    """One node; a `Channel` for clients of the peer's packages."""

    session = 1

    def __init__(self, library: Library, own: Place, secret: bytes, peer: Place) -> None:
        """Announce, and dial the peer when it is heard."""
        self.host = join(library, own)
        self.host.on_timer = self._announce
        self.host.on_frame = self._work
        self.world: World | None = None
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
        self._count = 0
        self._answers: list[Response] = []

    @property
    def is_ready(self) -> bool:
        """Whether the session is there."""
        return self._carrier is not None

    # Channel.

    def send(self, payload: bytes) -> int:
        """Send a request to the peer's packages."""
        self._count += 1
        assert self._carrier is not None, "no session yet"
        request = Request(SERVICE, self._count, _DEADLINE_MS, payload)
        assert self._carrier.send_request(request.encode()), "no room for a request"
        self._flush()
        return self._count

    def receive(self) -> Response:
        """Let the world go on until the next response is here."""
        self._run_until(lambda: bool(self._answers))
        return self._answers.pop(0)

    def wait_ready(self) -> None:
        """Let the world go on until the session is there."""
        self._run_until(lambda: self.is_ready)

    @property
    def retransmissions(self) -> int:
        """How often this end said something again."""
        return 0 if self._stream is None else self._stream.connection.status().retransmissions

    def _run_until(self, is_done: Callable[[], bool]) -> None:
        assert self.world is not None, "the node is in no world"
        end_ns = self.world.now_ns + _PATIENCE_NS
        while not is_done():
            assert self.world.now_ns < end_ns, f"waited {_PATIENCE_NS} ns in vain"
            self.world.step(self.world.now_ns + _REACTION_NS)

    def _announce(self) -> None:
        announce(self._own, self._socket, self._peer.ip)
        if self._session is not None:
            self._handle(self._session.tick(self.host.now_ns))

    def _work(self) -> None:
        """Deal with what the world brought, and go on."""
        now_ns = self.host.now_ns
        hear(self._socket, self._table, now_ns)
        if self._session is None and self._table.find(self._peer.device_id, now_ns) is not None:
            self._session = Session.dial(self._identity, self._peer.public, now_ns)
            peer = Peer(self._peer.ip, self._peer.port)
            self._stream = ByteStream(self.host.stack.connect(peer, now_ns))
        if self._session is not None and self._stream is not None:
            data = self._stream.receive()
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
                    self._take(frame)
                case _:
                    raise AssertionError(f"the session ended: {event}")
        self._flush()

    def _take(self, frame: bytes) -> None:
        assert self._carrier is not None, "a frame before the session was ready"
        for event in self._carrier.receive(frame):
            if isinstance(event, Answered):
                response = decode_frame(event.frame)
                assert isinstance(response, Response), response
                self._answers.append(response)

    def _flush(self) -> None:
        assert self._session is not None, "nothing to flush"
        assert self._stream is not None, "a session without a connection"
        while self._carrier is not None and (frame := self._carrier.next_frame()) is not None:
            self._session.send_plaintext(frame)
        self._stream.send(self._session.take_output())
        self.host.touch()
