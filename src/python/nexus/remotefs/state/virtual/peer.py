"""A peer of a guest on the virtual switch that can lose its session at any moment, and dials again.

It says what it is told to say, under correlation ids of the caller's choice: it is there to try
what a well-behaved client would not, or would only by accident.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from nexus.dsoftbus import mux
from nexus.dsoftbus.binding import Pin, Verdict, bind
from nexus.dsoftbus.carrier import Answered, Carrier, Mode
from nexus.dsoftbus.discovery import PeerTable
from nexus.dsoftbus.session import Event, Identity, Proven, Ready, Received, Session
from nexus.netstack.host import ByteStream
from nexus.netstack.library import Library
from nexus.netstack.stack import Peer
from nexus.remotefs.package.virtual.node import Place, announce, hear, join
from nexus.wire.announce import PORT
from nexus.wire.gateway import Request, Response, decode_frame

_PEER_TTL_NS: Final = 1_500_000_000
_DEADLINE_MS: Final = 60_000


@dataclass(slots=True)
class Heard:
    """What came on a stream of ours."""

    data: bytearray = field(default_factory=bytearray)
    is_closed: bool = False
    reset: int | None = None  # The reason.


class VirtualPeer:
    """One node that calls the guest."""

    def __init__(self, library: Library, own: Place, secret: bytes, guest: Place) -> None:
        """Announce, and dial the guest when it is heard."""
        self.host = join(library, own)
        self.host.on_timer = self._announce
        self.host.on_frame = self._work
        self.answers: dict[int, Response] = {}
        self.streams: dict[int, Heard] = {}
        self.is_deaf = False  # What comes is not read: whatever is answered is lost.
        self._own = own
        self._secret = secret
        self._guest = guest
        self._table = PeerTable(_PEER_TTL_NS)
        self._socket = self.host.stack.bind(PORT)
        self._stream: ByteStream | None = None
        self._session: Session | None = None
        self._carrier: Carrier | None = None
        self._sessions = 0

    @property
    def is_ready(self) -> bool:
        """Whether there is a session, and both sides know how the other speaks."""
        return self._carrier is not None and self._carrier.mode is Mode.STREAMS

    def ask(self, identity: int, service: int, payload: bytes) -> None:
        """Send a request under this correlation id."""
        assert self._carrier is not None, "no session"
        frame = Request(service, identity, _DEADLINE_MS, payload).encode()
        assert self._carrier.send_request(frame), "no room for a request"
        self._flush()

    def lose_session(self) -> None:
        """End the connection by a reset, with all that was on its way; and dial again."""
        assert self._stream is not None, "no connection"
        self._stream.connection.abort()
        self._stream = self._session = self._carrier = None
        self.streams.clear()
        self.is_deaf = False
        self.host.touch()

    # Streams.

    def open(self, name: str, priority: int) -> int:
        """Open a stream."""
        stream = self._mux.open(name, priority)
        self.streams[stream] = Heard()
        self._flush()
        return stream

    def say(self, stream: int, data: bytes) -> int:
        """Send of a stream's bytes as many as there is room for, and say how many."""
        taken = self._mux.send(stream, data)
        self._flush()
        return taken

    def close(self, stream: int) -> None:
        """Say that no more comes on a stream."""
        self._mux.close(stream)
        self._flush()

    def reset(self, stream: int) -> None:
        """Give a stream up."""
        self._mux.reset(stream)
        self._flush()

    @property
    def _mux(self) -> mux.Mux:
        assert self._carrier is not None, "no session"
        streams = self._carrier.streams
        assert streams is not None, "a peer without streams"
        return streams

    # What the world brings.

    def _announce(self) -> None:
        announce(self._own, self._socket, self._guest.ip)
        if self._session is not None:
            self._handle(self._session.tick(self.host.now_ns))
        self._work()

    def _work(self) -> None:
        now_ns = self.host.now_ns
        hear(self._socket, self._table, now_ns)
        if self._session is None and self._table.find(self._guest.device_id, now_ns) is not None:
            self._dial(now_ns)
        if self._session is not None and self._stream is not None and not self.is_deaf:
            data = self._stream.receive()
            self._handle(self._session.receive(data, now_ns) if data else [])

    def _dial(self, now_ns: int) -> None:
        self._sessions += 1
        identity = Identity(
            device_id=self._own.device_id,
            static_secret=self._secret,
            # Known on purpose, and another for each session: for virtual worlds only.
            ephemeral_secret=self._sessions.to_bytes(32, "little"),
        )
        self._session = Session.dial(identity, self._guest.public, now_ns)
        peer = Peer(self._guest.ip, self._guest.port)
        self._stream = ByteStream(self.host.stack.connect(peer, now_ns))
        self._flush()

    def _handle(self, events: list[Event]) -> None:
        assert self._session is not None, "events without a session"
        for event in events:
            match event:
                case Proven(device_id, key):
                    live = self._table.find(device_id, self.host.now_ns)
                    pin = Pin(self._guest.device_id, self._guest.public)
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
            match event:
                case Answered(answer):
                    response = decode_frame(answer)
                    assert isinstance(response, Response), response
                    self.answers[response.correlation] = response
                case mux.Arrived(stream, data):
                    self.streams[stream].data += data
                    self._mux.consume(stream, len(data))
                case mux.HalfClosed(stream):
                    self.streams[stream].is_closed = True
                case mux.WasReset(stream, reason):
                    self.streams[stream].reset = reason
                case _:
                    pass

    def _flush(self) -> None:
        if self._session is None or self._stream is None:
            return
        while self._carrier is not None and (frame := self._carrier.next_frame()) is not None:
            self._session.send_plaintext(frame)
        self._stream.send(self._session.take_output())
        self.host.touch()
