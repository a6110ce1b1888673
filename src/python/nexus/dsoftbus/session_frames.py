"""The sealed frames of an admitted session: opening, sealing, and keepalive, which needs both.

It knows no states: `session` says when frames may pass, and ends the connection when one does not
open.
"""

from __future__ import annotations

from typing import Final

from nexus.dsoftbus.noise import TAG_BYTES, Transport
from nexus.dsoftbus.outbox import Outbox
from nexus.dsoftbus.session_events import Absorbed
from nexus.dsoftbus.session_timers import Timers
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.gateway import Ping, Pong, Type, decode_frame
from nexus.wire.stream import LENGTH_BYTES

# Frames up to this are copied at once; of longer ones, most have only their data copied.
_VIEWED_LEAST: Final = 1024

_KEEPALIVE: Final = (bytes([Type.PING]), bytes([Type.PONG]))

_ABSORBED: Final = Absorbed()


class SealedFrames:
    """One session's frames in both directions."""

    __slots__ = (
        "_backlog_bytes_max",
        "_outbox",
        "_ping_nonce",
        "_room",
        "_timers",
        "_transport",
        "pong_nonce",
    )

    def __init__(
        self, outbox: Outbox, timers: Timers, backlog_bytes_max: int, room: memoryview | None
    ) -> None:
        """Prepare; nothing passes before `begin`.

        Args:
            outbox: Where sealed messages wait, behind those of the handshake.
            timers: They hear of every frame that opens.
            backlog_bytes_max: The most output that may wait, in bytes.
            room: Where frames are opened; None opens each in memory of its own.
        """
        self._outbox = outbox
        self._timers = timers
        self._backlog_bytes_max = backlog_bytes_max
        self._room = room
        self._transport: Transport | None = None
        self._ping_nonce = 0
        self.pong_nonce = 0  # The nonce of the last ping that was answered.

    @property
    def handshake_hash(self) -> bytes:
        """The hash of the handshake that made the keys; only between `begin` and `end`."""
        if self._transport is None:
            raise LocalProtocolError(Reason.STATE, "the session is not admitted, or closed")
        return self._transport.handshake_hash

    def begin(self, transport: Transport) -> None:
        """Seal and open with these keys from now on."""
        self._transport = transport

    def end(self) -> None:
        """Forget the keys."""
        self._transport = None

    def open(self, message: bytes | memoryview, now_ns: int) -> bytes | memoryview | Absorbed:
        """Open a message; return its frame, or that it was keepalive, which is dealt with.

        A long frame is a view of the room, and gone with the next one.

        Raises:
            RemoteProtocolError: it does not decrypt.
        """
        assert self._transport is not None, "a frame without a transport"
        if self._room is None:
            frame = self._transport.decrypt(message)
        else:
            length = self._transport.decrypt_into(message, self._room)
            if length > _VIEWED_LEAST:
                self._timers.hear_frame(now_ns)
                return self._room[:length]  # Longer than any keepalive.
            frame = bytes(self._room[:length])
        self._timers.hear_frame(now_ns)
        if frame[:1] in _KEEPALIVE and self._absorb(frame):
            return _ABSORBED
        return frame

    def seal(self, plaintext: bytes) -> None:
        """Put a frame into the output.

        Raises:
            LocalProtocolError: as much output waits as may; the peer takes nothing.
        """
        assert self._transport is not None, "a frame without a transport"
        length = len(plaintext) + TAG_BYTES
        if self._outbox.waiting + LENGTH_BYTES + length > self._backlog_bytes_max:
            raise LocalProtocolError(Reason.STATE, "the peer takes nothing; write the output first")
        self._outbox.seal(self._transport, plaintext)

    def ping(self) -> int:
        """Ask whether the peer is there; return the nonce that its answer will have.

        Where half of the backlog waits already no ping is sent, and the answer to an earlier one
        counts.
        """
        self._ping_nonce += 1
        if self._has_room_for_keepalive():
            self.seal(Ping(self._ping_nonce).encode())
        return self._ping_nonce

    def _absorb(self, frame: bytes) -> bool:
        """Deal with keepalive.  What cannot be read is delivered: the gateway answers it."""
        try:
            decoded = decode_frame(frame)
        except RemoteProtocolError:
            return False
        if isinstance(decoded, Ping):
            if self._has_room_for_keepalive():
                self.seal(Pong(decoded.nonce).encode())
        elif isinstance(decoded, Pong) and decoded.nonce <= self._ping_nonce:
            # A ping that was never sent has no answer.
            self.pong_nonce = max(self.pong_nonce, decoded.nonce)
        return True

    def _has_room_for_keepalive(self) -> bool:
        """A peer that pings and never reads gets no more pongs than half of the backlog holds."""
        return self._outbox.waiting < self._backlog_bytes_max // 2
