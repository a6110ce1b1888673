"""A peer of a guest on the virtual switch that can lose its session at any moment, and dials again.

It says what it is told to say, under correlation ids of the caller's choice: it is there to try
what a well-behaved client would not, or would only by accident.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from nexus.dsoftbus import mux, mux_events
from nexus.dsoftbus.carrier import Answered, Carrier, Mode
from nexus.dsoftbus.session import Session
from nexus.netstack.host import ByteStream
from nexus.netstack.library import Library
from nexus.netstack.stack import Peer
from nexus.scene.place import Place
from nexus.scene.switch_node import SwitchNode
from nexus.wire.gateway import Request, Response, decode_frame

_DEADLINE_MS: Final = 60_000


@dataclass(slots=True)
class Heard:
    """The bytes that came on a stream of ours."""

    data: bytearray = field(default_factory=bytearray)
    is_closed: bool = False
    reset: int | None = None  # The reason.


class VirtualPeer(SwitchNode):
    """One node that calls the guest."""

    def __init__(self, library: Library, own: Place, secret: bytes, guest: Place) -> None:
        """Announce, and dial the guest when it is heard."""
        super().__init__(library, own, secret, guest)
        self.answers: dict[int, Response] = {}
        self.streams: dict[int, Heard] = {}
        self.is_deaf = False  # No frame is read: every answer is lost.
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

    # Calls of the world.

    def _work(self) -> None:
        if not self.is_deaf:
            super()._work()

    def _connect(self, now_ns: int) -> ByteStream | None:
        if not self._is_heard(now_ns):
            return None
        self._sessions += 1
        # Known on purpose, and another for each session: for virtual worlds only.
        secret = self._sessions.to_bytes(32, "little")
        identity = replace(self._identity, ephemeral_secret=secret)
        self._session = Session.dial(identity, self._peer.public, now_ns)
        stream = ByteStream(self.host.stack.connect(Peer(self._peer.ip, self._peer.port), now_ns))
        stream.send(self._session.take_output())
        return stream

    def _take(self, carrier: Carrier, frame: bytes) -> None:
        for event in carrier.receive(frame):
            match event:
                case Answered(answer):
                    response = decode_frame(answer)
                    assert isinstance(response, Response), response
                    self.answers[response.correlation] = response
                case mux_events.Arrived(stream, data):
                    self.streams[stream].data += data
                    self._mux.grant(stream, len(data))
                case mux_events.HalfClosed(stream):
                    self.streams[stream].is_closed = True
                case mux_events.WasReset(stream, reason):
                    self.streams[stream].reset = reason
                case _:
                    pass
