"""The output of a session: sealed messages in pieces that have one owner.

A piece is filled with messages one behind the other, so that a call of the transport sends several,
and is never used again: a transport may send from it after `write` has returned.
"""

from __future__ import annotations

from typing import Final

from nexus.dsoftbus.noise import TAG_BYTES, Transport
from nexus.wire.stream import LENGTH_BYTES, frame_message

# Some calls, or two of the longest DATA frames.
_SHORT_BYTES: Final = 2048
_LONG_BYTES: Final = 66 * 1024

Piece = bytes | memoryview


class Outbox:
    """Output that waits; its owner bounds it by `waiting`."""

    __slots__ = ("_batch", "_pieces", "_used", "waiting")

    def __init__(self) -> None:
        """Hold nothing: an idle session costs nothing here."""
        self._pieces: list[Piece] = []
        self._batch: memoryview | None = None
        self._used = 0
        self.waiting = 0  # How many bytes.

    def seal(self, transport: Transport, plaintext: bytes) -> None:
        """Put the next message of a session."""
        length = len(plaintext) + TAG_BYTES
        needed = LENGTH_BYTES + length
        batch, used = self._batch, self._used
        if batch is None or used + needed > len(batch):
            self._end_batch()
            batch, used = self._begin_batch(needed), 0
        end = used + needed
        transport.encrypt_into(plaintext, batch[used + LENGTH_BYTES : end])
        batch[used : used + LENGTH_BYTES] = length.to_bytes(LENGTH_BYTES, "big")
        self._used = end
        self.waiting += needed

    def put(self, message: bytes) -> None:
        """Put a message of the handshake."""
        self._end_batch()
        framed = frame_message(message)
        self._pieces.append(framed)
        self.waiting += len(framed)

    def take(self) -> list[Piece]:
        """Take everything."""
        self._end_batch()
        taken, self._pieces = self._pieces, []
        self.waiting = 0
        return taken

    def _begin_batch(self, needed: int) -> memoryview:
        most = _LONG_BYTES if needed > _SHORT_BYTES // 2 else _SHORT_BYTES
        self._batch = batch = memoryview(bytearray(max(most, needed)))
        return batch

    def _end_batch(self) -> None:
        if self._batch is not None:
            if self._used:
                self._pieces.append(self._batch[: self._used])
            self._batch, self._used = None, 0
