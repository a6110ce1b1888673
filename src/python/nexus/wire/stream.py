"""Messages on a byte stream: a 16-bit big-endian length, then that many bytes.

The reader takes bytes in any pieces and gives whole messages.  Its buffer is bounded by the
longest message it accepts: a longer one is refused as soon as its length is read.
"""

from __future__ import annotations

from typing import Final, NoReturn

from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError

LENGTH_BYTES: Final = 2
MESSAGE_BYTES_MAX: Final = 65535


def frame_message(message: bytes) -> bytes:
    """Put the length before a message."""
    return frame_length(message) + message


def frame_length(message: bytes) -> bytes:
    """Return what goes before a message."""
    if len(message) > MESSAGE_BYTES_MAX:
        raise LocalProtocolError(
            Reason.OVERSIZED, f"message of {len(message)} bytes; at most {MESSAGE_BYTES_MAX}"
        )
    return len(message).to_bytes(LENGTH_BYTES, "big")


class MessageReader:
    """Cuts a stream into messages.  After an error it is poisoned and refuses everything."""

    def __init__(self, message_bytes_max: int = MESSAGE_BYTES_MAX) -> None:
        """Accept messages of up to this length; an empty message is never valid."""
        if not 1 <= message_bytes_max <= MESSAGE_BYTES_MAX:
            raise LocalProtocolError(
                Reason.OUT_OF_RANGE,
                f"messages of up to {message_bytes_max} bytes; expected 1..{MESSAGE_BYTES_MAX}",
            )
        self._message_bytes_max = message_bytes_max
        # The received bytes, and how many were given out: a message is copied out of them once.
        self._buffer: bytes | memoryview = b""
        self._position = 0
        self._poison: RemoteProtocolError | None = None

    @property
    def buffered(self) -> int:
        """The number of bytes that wait for the rest of their message."""
        return len(self._buffer) - self._position

    def feed(self, data: bytes | memoryview) -> None:
        """Take bytes in; `next_message` gives them out.  After an error nothing is kept.

        A view is borrowed until `keep`; what is left over by then is copied.
        """
        if self._poison is not None:
            return
        if self.buffered:
            data = b"".join((self._buffer[self._position :], data))
        self._buffer = data
        self._position = 0

    def keep(self) -> None:
        """Give back what was borrowed, and hold what is left over."""
        if isinstance(self._buffer, memoryview):
            self._buffer = bytes(self._buffer[self._position :])
            self._position = 0

    def next_message(self, low: int = 1, high: int | None = None) -> bytes | memoryview | None:
        """Return the next message, or None until more bytes come.

        It is a view if what was fed is one: deal with it before `keep`.

        Args:
            low: The shortest message that is acceptable now.
            high: The longest; by default what the reader was made for.

        Raises:
            RemoteProtocolError: a length out of range, told before its bytes are awaited; close
                the connection.
        """
        if self._poison is not None:
            raise RemoteProtocolError(self._poison.reason, "after an earlier error")
        buffer, position = self._buffer, self._position
        start, size = position + LENGTH_BYTES, len(buffer)
        if size < start:
            return None
        length = buffer[position] << 8 | buffer[position + 1]
        most = self._message_bytes_max if high is None else high
        if not low <= length <= most:
            self._refuse(length, low, most)
        end = start + length
        if size < end:
            return None
        message = buffer[start:end]
        self._position = end
        if end == size:
            self._buffer, self._position = b"", 0  # An idle connection holds nothing.
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
            messages.append(bytes(message))
        return messages

    def _refuse(self, length: int, low: int, high: int) -> NoReturn:
        reason = Reason.OVERSIZED if length > high else Reason.TRUNCATED
        self._poison = RemoteProtocolError(
            reason, f"message of {length} bytes; expected {low}..{high}"
        )
        self._buffer, self._position = b"", 0
        raise self._poison
