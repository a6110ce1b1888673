"""One connection to a peer: framing, Noise handshake, then authenticated frames.

Bytes and instants in, events and bytes out.  It knows neither sockets nor the configuration:
whether a proven identity is acceptable is `binding`'s to say, and its owner calls `admit` or
`close`.  The dialler cannot see whether it was admitted, so it sends a ping right behind message 3
and is ready when the responder's first frame decrypts.  The states are in `transitions`.

Rules of this file
------------------
1. The state changes only through `TRANSITIONS`; what is not in it is refused.
2. Before `ready` no frame is delivered, and a length that no message has at that point is refused
   before its bytes are awaited.
3. What does not decrypt ends the session.
4. Input and output that wait are bounded; a peer that only sends or never reads is cut off.
"""

from __future__ import annotations

from typing import Final

from nexus.dsoftbus.noise import TAG_BYTES, Role
from nexus.dsoftbus.outbox import Outbox, Piece
from nexus.dsoftbus.session_events import (
    Absorbed,
    Event,
    Identity,
    Ready,
    Received,
    Refusal,
    Refused,
)
from nexus.dsoftbus.session_frames import SealedFrames
from nexus.dsoftbus.session_handshake import PROLOGUE as PROLOGUE
from nexus.dsoftbus.session_handshake import SessionHandshake, role_of
from nexus.dsoftbus.session_timers import Due, Timers
from nexus.dsoftbus.transitions import EXPECTED, MESSAGE_BYTES_MAX, TRANSITIONS, State, Step
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.gateway import FRAME_BYTES_MAX, Frame, Request
from nexus.wire.stream import MessageReader

# Sixteen of the largest messages: a peer has that much before we look, we have that much before
# the edge writes.  A well-behaved peer has one request outstanding.
BACKLOG_BYTES_MAX: Final = 16 * (2 + MESSAGE_BYTES_MAX)


class Session:
    """One side of a connection.  Make it with `dial` or `accept`."""

    def __init__(
        self,
        identity: Identity,
        pinned: bytes | None,
        now_ns: int,
        frame_bytes_max: int = FRAME_BYTES_MAX,
        room: memoryview | None = None,
    ) -> None:
        """Prepare either side.

        Args:
            identity: Our id and keys.
            pinned: The key that a dialler expects; None makes a responder.
            now_ns: The instant.
            frame_bytes_max: The longest plaintext that we accept.
            room: Where frames are opened, as long as the longest; several sessions may share it.
        """
        self.role = role_of(pinned)
        self.state = State.IDLE
        self.peer_id: str | None = None
        self._message_bytes_max = frame_bytes_max + TAG_BYTES
        self._backlog_bytes_max = max(BACKLOG_BYTES_MAX, 4 * (2 + self._message_bytes_max))
        self._reader = MessageReader(self._message_bytes_max)
        self._outbox = Outbox()
        self._handshake: SessionHandshake | None = SessionHandshake(identity, pinned, self._outbox)
        self._waiting: bytes | Absorbed | None = None  # The frame that made a dialler ready.
        self._correlation = 0
        self._timers = Timers(now_ns)
        self._frames = SealedFrames(self._outbox, self._timers, self._backlog_bytes_max, room)

    @classmethod
    def dial(
        cls,
        identity: Identity,
        pinned: bytes,
        now_ns: int,
        frame_bytes_max: int = FRAME_BYTES_MAX,
        room: memoryview | None = None,
    ) -> Session:
        """Begin as the dialler; message 1 is in the output at once."""
        session = cls(identity, pinned, now_ns, frame_bytes_max, room)
        session._move(Step.DIAL)
        session._shaking.dial()
        return session

    @classmethod
    def accept(
        cls,
        identity: Identity,
        now_ns: int,
        frame_bytes_max: int = FRAME_BYTES_MAX,
        room: memoryview | None = None,
    ) -> Session:
        """Begin as the responder."""
        return cls(identity, None, now_ns, frame_bytes_max, room)

    @property
    def handshake_hash(self) -> bytes:
        """The hash of the handshake, which no other session has; only after `admit`."""
        return self._frames.handshake_hash

    @property
    def pong_nonce(self) -> int:
        """The nonce of the last ping that was answered."""
        return self._frames.pong_nonce

    def receive(self, data: bytes | memoryview, now_ns: int) -> list[Event]:
        """Take bytes from the connection; return all that happened, in order.

        It is `feed`, `take` until there is nothing, and `keep`.  A view is used until this returns,
        and not afterwards.
        """
        self.feed(data, now_ns)
        events = self._run(now_ns)
        refused = self.keep()
        return events if refused is None else [*events, refused]

    def feed(self, data: bytes | memoryview, now_ns: int) -> None:
        """Take bytes from the connection; `take` gives what they hold, then `keep` must follow."""
        if data and self.state is not State.CLOSED:
            self._timers.hear_bytes(now_ns)
            self._reader.feed(data)

    def take(self, now_ns: int) -> bytes | memoryview | Event | Absorbed | None:
        """Return the next thing that the bytes hold: a plaintext frame, or an event, or None.

        Each is to be dealt with before the next one is taken, so that what a frame leads to is
        there when the one behind it is read.  A frame of streams' data is a view of the room that
        was lent for it, and gone with the next frame.
        """
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            return waiting
        if self.state is not State.READY:
            return self._take_early(now_ns)
        try:
            message = self._reader.next_message(TAG_BYTES, self._message_bytes_max)
            if message is None:
                return None
            return self._frames.open(message, now_ns)
        except RemoteProtocolError as exc:
            return self._refuse(self._name_refusal(exc.reason))

    def keep(self) -> Refused | None:
        """Copy what is left of a borrowed view; refuse a peer that sends on unadmitted."""
        self._reader.keep()
        is_early = self.state not in (State.READY, State.CLOSED)
        if is_early and self._reader.buffered > self._backlog_bytes_max:
            return self._refuse(Refusal.UNAUTHENTICATED)
        return None

    @property
    def has_input(self) -> bool:
        """Whether bytes wait that `take` was not asked for, be they a whole frame or not."""
        return self._waiting is not None or self._reader.buffered > 0

    def admit(self, now_ns: int, *, runs: bool = True) -> list[Event]:
        """Accept the proven identity; return what happened.

        Args:
            now_ns: The instant.
            runs: Whether to go on with the bytes that waited for it; else `take` does.
        """
        self._move(Step.ADMIT)
        self._frames.begin(self._shaking.finish())
        self._handshake = None
        self._timers.admit(now_ns)
        events: list[Event] = []
        if self.role is Role.INITIATOR:
            self._frames.ping()
        else:
            events.append(self._ready())
        return events + self._run(now_ns) if runs else events

    def send(self, frame: Frame) -> None:
        """Seal a frame for the peer."""
        self.send_plaintext(frame.encode())

    def send_plaintext(self, frame: bytes) -> None:
        """Seal a frame that is encoded already."""
        if self.state is not State.READY:
            self._move(Step.SEND)  # Which says what is wrong.
        self._frames.seal(frame)

    def request(self, service: int, payload: bytes, deadline_ms: int) -> int:
        """Send a gateway request; return its correlation id."""
        self.send(Request(service, self._correlation + 1, deadline_ms, payload))
        self._correlation += 1
        return self._correlation

    def ping(self) -> int:
        """Ask whether the peer is there; `pong_nonce` is at least this when it has answered."""
        self._move(Step.SEND)
        return self._frames.ping()

    @property
    def output_bytes(self) -> int:
        """The number of bytes that wait to be written."""
        return self._outbox.waiting

    def take_output(self) -> bytes:
        """Take the bytes for the connection."""
        return b"".join(self.take_pieces())

    def take_pieces(self) -> list[Piece]:
        """Take the bytes for the connection as they are: no other owner has these buffers."""
        return self._outbox.take()

    def deadline_ns(self) -> int | None:
        """When `tick` has something to do."""
        return self._timers.deadline_ns(self.state)

    def tick(self, now_ns: int) -> list[Event]:
        """Run the timers: the handshake's end, keepalive, loss."""
        match self._timers.due(self.state, now_ns):
            case Due.TIMEOUT:
                return [self._refuse(Refusal.TIMEOUT)]
            case Due.PING:
                self._frames.ping()
        return []

    def excuse(self, now_ns: int) -> None:
        """Count the peer as heard: what it sent was not read, which is not its silence."""
        if self.state is State.READY:
            self._timers.excuse(now_ns)

    def close(self) -> None:
        """Forget everything; what is in the output may still be written."""
        if self.state is State.CLOSED:
            return
        self._move(Step.CLOSE)
        self._handshake = None
        self._frames.end()
        self._waiting = None
        self._reader = MessageReader(1)

    @property
    def _shaking(self) -> SessionHandshake:
        assert self._handshake is not None, "the handshake is over"
        return self._handshake

    def _move(self, step: Step) -> None:
        state = TRANSITIONS.get((self.role, self.state, step))
        if state is None:
            raise LocalProtocolError(
                Reason.STATE, f"{step.value} while the session is {self.state.value}"
            )
        self.state = state

    def _run(self, now_ns: int) -> list[Event]:
        events: list[Event] = []
        while (taken := self.take(now_ns)) is not None:
            if isinstance(taken, bytes | memoryview):
                events.append(Received(bytes(taken)))
            elif not isinstance(taken, Absorbed):
                events.append(taken)
        return events

    def _take_early(self, now_ns: int) -> bytes | memoryview | Event | Absorbed | None:
        """Take what comes before the session is ready."""
        while (expected := EXPECTED.get((self.role, self.state))) is not None:
            step, low, high = expected
            if step is Step.FRAME:
                high = self._message_bytes_max
            try:
                message = self._reader.next_message(low, high)
                if message is None:
                    return None
                if step is Step.FRAME:
                    return self._confirm(message, now_ns)
                proven = self._shaking.take(step, bytes(message))
            except RemoteProtocolError as exc:
                return self._refuse(self._name_refusal(exc.reason))
            self._move(step)
            if proven is not None:
                self.peer_id = proven.device_id
                return proven
        return None

    def _confirm(self, message: bytes | memoryview, now_ns: int) -> Ready:
        """Take the first frame, which makes a dialler ready."""
        opened = self._frames.open(message, now_ns)
        self._move(Step.FRAME)
        self._waiting = bytes(opened) if isinstance(opened, memoryview) else opened
        return self._ready()

    def _ready(self) -> Ready:
        assert self.peer_id is not None, "ready without a peer"
        return Ready(self.peer_id)

    def _name_refusal(self, reason: Reason) -> Refusal:
        """Until the peer is authenticated, whatever is wrong is that it is not."""
        if self.state is not State.READY:
            return Refusal.UNAUTHENTICATED
        return Refusal.OVERSIZED if reason is Reason.OVERSIZED else Refusal.DECRYPT

    def _refuse(self, refusal: Refusal) -> Refused:
        self.close()
        return Refused(refusal)
