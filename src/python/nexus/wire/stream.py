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

    def feed(self, data: bytes) -> None:
        """Take bytes in; `next_message` gives them out.  After an error nothing is kept."""
        if self._poison is None:
            self._buffer += data

    def next_message(self, low: int = 1, high: int | None = None) -> bytes | None:
        """Return the next message, or None until more bytes come.

        Args:
            low: The shortest message that is acceptable now.
            high: The longest; by default what the reader was made for.

        Raises:
            RemoteProtocolError: a length out of range, told before its bytes are awaited; close
                the connection.
        """
        if self._poison is not None:
            raise RemoteProtocolError(self._poison.reason, "after an earlier error")
        if len(self._buffer) < LENGTH_BYTES:
            return None
        length = int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
        self._check(length, low, self._message_bytes_max if high is None else high)
        if len(self._buffer) < LENGTH_BYTES + length:
            return None
        message = bytes(self._buffer[LENGTH_BYTES : LENGTH_BYTES + length])
        del self._buffer[: LENGTH_BYTES + length]
        return message

    def receive(self, data: bytes) -> list[bytes]:
        """Take bytes, return the messages that are now complete.

        Raises:
            RemoteProtocolError: as `next_message`; messages before it in the same piece are given
                up with it.
        """
        self.feed(data)
        messages = []
        while (message := self.next_message()) is not None:
            messages.append(message)
        return messages

    def _check(self, length: int, low: int, high: int) -> None:
        if low <= length <= high:
            return
        reason = Reason.OVERSIZED if length > high else Reason.TRUNCATED
        self._poison = RemoteProtocolError(
            reason, f"message of {length}, accepted are {low}..{high}"
        )
        self._buffer.clear()
        raise self._poison
