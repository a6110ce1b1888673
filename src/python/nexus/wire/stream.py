"""Messages on a byte stream: a 16-bit big-endian length, then that many bytes.

The reader takes bytes in any pieces and gives whole messages.  Its buffer is bounded by the
longest message it accepts: a longer one is refused as soon as its length is read.
"""

from __future__ import annotations

from typing import Final

from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError

LENGTH_BYTES: Final = 2
MESSAGE_BYTES_MAX: Final = 65535


def frame_message(message: bytes) -> bytes:
    """Put the length before a message."""
    if len(message) > MESSAGE_BYTES_MAX:
        raise LocalProtocolError(Reason.OVERSIZED, f"{len(message)}")
    return len(message).to_bytes(LENGTH_BYTES, "big") + message


class MessageReader:
    """Cuts a stream into messages.  After an error it is poisoned and refuses everything."""

    def __init__(self, message_bytes_max: int = MESSAGE_BYTES_MAX) -> None:
        """Accept messages of up to this length; an empty message is never valid."""
        if not 1 <= message_bytes_max <= MESSAGE_BYTES_MAX:
            raise LocalProtocolError(Reason.OUT_OF_RANGE, f"limit of {message_bytes_max}")
        self._message_bytes_max = message_bytes_max
        self._buffer = bytearray()
        self._poison: RemoteProtocolError | None = None

    @property
    def buffered(self) -> int:
        """How many bytes wait for the rest of their message."""
        return len(self._buffer)

    def receive(self, data: bytes) -> list[bytes]:
        """Take bytes, return the messages that are now complete.

        Raises:
            RemoteProtocolError: a length out of range; close the connection.  Messages that were
                complete before it in the same piece are given up with it.
        """
        if self._poison is not None:
            raise RemoteProtocolError(self._poison.reason, "after an earlier error")
        self._buffer += data
        messages = []
        while len(self._buffer) >= LENGTH_BYTES:
            length = int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
            self._check(length)
            if len(self._buffer) < LENGTH_BYTES + length:
                break
            messages.append(bytes(self._buffer[LENGTH_BYTES : LENGTH_BYTES + length]))
            del self._buffer[: LENGTH_BYTES + length]
        return messages

    def _check(self, length: int) -> None:
        if 1 <= length <= self._message_bytes_max:
            return
        reason = Reason.OVERSIZED if length else Reason.TRUNCATED
        self._poison = RemoteProtocolError(
            reason, f"message of {length}, accepted are 1..{self._message_bytes_max}"
        )
        self._buffer.clear()
        raise self._poison
