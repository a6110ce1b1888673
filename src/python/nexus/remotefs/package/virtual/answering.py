"""A node of the virtual switch that is dialled: it answers names and bundles to a guest."""

from __future__ import annotations

from typing import Final

from nexus.dsoftbus.binding import Pin, Verdict, bind
from nexus.dsoftbus.carrier import Carrier, Mode, Pulled
from nexus.dsoftbus.discovery import PeerTable
from nexus.dsoftbus.mux import Opened
from nexus.dsoftbus.mux_transitions import ResetReason
from nexus.dsoftbus.session import Event, Identity, Proven, Ready, Received, Session
from nexus.netstack.host import ByteStream
from nexus.netstack.library import Library, WouldBlockError
from nexus.remotefs.package.virtual.node import Place, announce, hear, join
from nexus.wire import bundle, samgr
from nexus.wire.announce import PORT
from nexus.wire.gateway import Request, Response, Status, decode_frame

_PEER_TTL_NS: Final = 1_500_000_000

# What is served, by number of the service; all else is refused.
REPLIES: Final = {
    1: samgr.SlotReply(samgr.Op.RESOLVE_STATUS, samgr.Status.OK).encode(),
    2: bundle.ListReply(bundle.Status.OK, 1).encode(),
}


class AnsweringNode:
    """Announces itself, accepts the peer's session, and answers what it is asked."""

    def __init__(self, library: Library, own: Place, secret: bytes, peer: Place) -> None:
        """Wait for the peer."""
        self.host = join(library, own)
        self.host.on_timer = self._announce
        self.host.on_frame = self._work
        self._socket = self.host.stack.bind(PORT)
        self._listener = self.host.stack.listen(own.port)
        self._stream: ByteStream | None = None
        self.asked: list[int] = []
        self.unknown_streams: list[str] = []
        self._own = own
        self._peer = peer
        self._identity = Identity(
            device_id=own.device_id,
            static_secret=secret,
            ephemeral_secret=b"\x5a" * 32,  # Known on purpose: for virtual worlds only.
        )
        self._table = PeerTable(_PEER_TTL_NS)
        self._session = Session.accept(self._identity, 0)
        self._is_begun = False
        self._carrier: Carrier | None = None

    @property
    def mode(self) -> Mode | None:
        """How the peer speaks, once there is a session."""
        return None if self._carrier is None else self._carrier.mode

    def _work(self) -> None:
        """Deal with what the world brought, and go on."""
        now_ns = self.host.now_ns
        hear(self._socket, self._table, now_ns)
        if self._stream is None:
            try:
                self._stream = ByteStream(self._listener.accept())
            except WouldBlockError:
                return
        data = self._stream.receive()
        if data and not self._is_begun:
            # The handshake's time begins with the connection.
            self._is_begun = True
            self._session = Session.accept(self._identity, now_ns)
        self._handle(self._session.receive(data, now_ns) if data else [])

    def _announce(self) -> None:
        announce(self._own, self._socket, self._peer.ip)
        if self._is_begun:
            self._handle(self._session.tick(self.host.now_ns))

    def _handle(self, events: list[Event]) -> None:
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
        carrier = self._carrier
        assert carrier is not None, "a frame before the session was ready"
        for event in carrier.receive(frame):
            if isinstance(event, Opened):
                assert carrier.streams is not None, "a stream without streams"
                self.unknown_streams.append(event.name)
                carrier.streams.reset(event.stream, ResetReason.UNKNOWN_STREAM)
        while isinstance(pulled := carrier.take_request(), Pulled):
            request = decode_frame(pulled.frame)
            assert isinstance(request, Request), request
            self.asked.append(request.service)
            reply = REPLIES.get(request.service)
            status = Status.REFUSED if reply is None else Status.OK
            response = Response(status, request.correlation, reply or b"")
            carrier.send_response(response.encode(), pulled.stream)

    def _flush(self) -> None:
        while self._carrier is not None and (frame := self._carrier.next_frame()) is not None:
            self._session.send_plaintext(frame)
        assert self._stream is not None, "a session without a connection"
        self._stream.send(self._session.take_output())
