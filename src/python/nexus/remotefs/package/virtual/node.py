"""A node of the bus on the virtual switch: announces itself, dials one peer, and calls it.

The state machines are those of `nexus.dsoftbus`; here they get their bytes from a `Host` instead
of a socket, and their instants from the world.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.dsoftbus.binding import Pin, Verdict, bind
from nexus.dsoftbus.carrier import Answered, Carrier
from nexus.dsoftbus.discovery import PeerTable
from nexus.dsoftbus.session import Event, Identity, Proven, Ready, Received, Session
from nexus.dsoftbus.transitions import State
from nexus.remotefs.package.replies import SERVICE
from nexus.remotefs.package.virtual.host import Host
from nexus.simulation.world import World
from nexus.wire.announce import PORT, Announce, decode_announce
from nexus.wire.gateway import Request, Response, decode_frame

_ANNOUNCE_NS: Final = 250_000_000
_PEER_TTL_NS: Final = 1_500_000_000
_DEADLINE_MS: Final = 60_000

# The program looks at what came this often.
_REACTION_NS: Final = 250_000

# Virtual time in which a peer that is well has long answered.
_PATIENCE_NS: Final = 30_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a node is, and who."""

    device_id: str
    mac: bytes
    ip: bytes
    port: int
    public: bytes


class VirtualNode:
    """One node; a `Channel` for clients of the peer's packages."""

    session = 1

    def __init__(self, own: Place, secret: bytes, peer: Place) -> None:
        """Announce, and dial the peer when it is heard."""
        self.host = Host(own.mac, own.ip, _ANNOUNCE_NS, self._announce)
        self.world: World | None = None
        self._own = own
        self._peer = peer
        self._identity = Identity(
            device_id=own.device_id,
            static_secret=secret,
            ephemeral_secret=b"\x5a" * 32,  # Known on purpose: for virtual worlds only.
        )
        self._table = PeerTable(_PEER_TTL_NS)
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

    def _run_until(self, is_done: object) -> None:
        assert callable(is_done), f"{is_done!r}"
        assert self.world is not None, "the node is in no world"
        end_ns = self.world.now_ns + _PATIENCE_NS
        while not is_done():
            assert self.world.now_ns < end_ns, f"waited {_PATIENCE_NS} ns in vain"
            self.world.step(self.world.now_ns + _REACTION_NS)
            self._work()

    def _announce(self) -> None:
        announce = Announce(self._own.device_id, self._own.port, self._own.public, ())
        self.host.send_datagram(self._peer.ip, PORT, announce.encode())
        if self._session is not None:
            self._handle(self._session.tick(self.host.now_ns))

    def _work(self) -> None:
        """Deal with what the world brought, and go on."""
        now_ns = self.host.now_ns
        for datagram in self.host.datagrams:
            if datagram.target_port == PORT:
                self._table.hear(
                    decode_announce(datagram.payload),
                    ".".join(map(str, datagram.source_ip)),
                    is_configured=True,
                    now_ns=now_ns,
                )
        self.host.datagrams.clear()
        if self._session is None and self._table.find(self._peer.device_id, now_ns) is not None:
            self._session = Session.dial(self._identity, self._peer.public, now_ns)
            self.host.dial(self._peer.ip, self._peer.port)
        if self._session is not None:
            data = bytes(self.host.received)
            self.host.received.clear()
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
        while self._carrier is not None and (frame := self._carrier.next_frame()) is not None:
            self._session.send_plaintext(frame)
        self.host.send(self._session.take_output())
