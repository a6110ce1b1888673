"""A stream as an object to read and write: `Peer.open_stream` and stream handlers get one.

async with await peer.open_stream("bulk") as stream:
    await stream.write(b"question")
    stream.close()
    async for piece in stream:
        ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

from nexus.dsoftbus.io.clock import after_ns, deadline
from nexus.dsoftbus.io.errors import MisuseError, MisuseTypeError
from nexus.dsoftbus.io.gate import PeerGate
from nexus.dsoftbus.io.pipe import Pipe
from nexus.dsoftbus.mux_transitions import ResetReason

READ_BYTES: Final = 65_536

# How long the end of an `async with` waits for the peer to close its side.
CLOSING_S: Final = 1.0


class BusStream:
    """One stream.  One task reads and one writes at a time."""

    __slots__ = ("_pipe", "gate", "name", "number", "peer")

    def __init__(self, pipe: Pipe, name: str, gate: PeerGate) -> None:
        """Wrap a live stream; `Peer.open_stream` and handlers get them made.

        Args:
            pipe: Its two ends inside the session.
            name: What it was opened as.
            gate: What the other side may ask for on it, for its handler.
        """
        self.name = name
        self.gate = gate
        self.number = pipe.number
        self.peer = gate.peer
        self._pipe = pipe

    async def read(self, count_max: int = READ_BYTES) -> bytes:
        """Return what has arrived, at least a byte; nothing at the peer's end of the stream.

        As elsewhere: 0 reads nothing, -1 everything up to the peer's end.

        Raises:
            StreamResetError, SessionLostError: nothing more will come.
            MisuseError: another negative count, or something that is not one.
        """
        if count_max.__class__ is int and count_max > 0:
            return await self._pipe.read(count_max)
        _check_count(count_max, -1)
        if count_max == 0:
            return b""
        pieces = [piece async for piece in self]
        return b"".join(pieces)

    async def read_exactly(self, count: int) -> bytes:
        """Return so many bytes, or fewer at the peer's end of the stream.

        Raises:
            StreamResetError, SessionLostError: they will not come.
            MisuseError: a negative count.
        """
        data = bytearray()
        _check_count(count, 0)
        while len(data) < count and (piece := await self._pipe.read(count - len(data))):
            data += piece
        return bytes(data)

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send; returns when all of it is buffered, which is when the peer keeps up.

        The bytes are those at the time of the call: what the caller does with its buffer
        afterwards changes nothing.  A cancelled write may have sent a part.

        Raises:
            StreamResetError, SessionLostError: it may have arrived or not.
            MisuseError: not bytes, or after `close`.
        """
        if not isinstance(data, bytes):
            if not isinstance(data, bytearray | memoryview):
                raise MisuseTypeError(f"write: {type(data).__name__}; expected bytes")
            data = bytes(data)
        await self._pipe.write(data)

    def close(self) -> None:
        """Send no more; what is buffered still goes, and what the peer sends still comes."""
        self._pipe.close()

    async def over(self) -> None:
        """Return when both sides have closed, or one has given up."""
        await self._pipe.over()

    def reset(self, reason: ResetReason = ResetReason.UNWANTED) -> None:
        """Give the stream up, in both directions; of one that is over nothing is left to reset."""
        self._pipe.reset(reason)

    def __aiter__(self) -> Self:
        """Iterate over what arrives, piece by piece, up to the peer's end."""
        return self

    async def __anext__(self) -> bytes:
        piece = await self._pipe.read(READ_BYTES)
        if not piece:
            raise StopAsyncIteration
        return piece

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Close; give up on a peer that does not, or at once after an error."""
        if exc is None:
            self.close()
            clock = self._pipe.clock
            try:
                async with deadline(clock, after_ns(clock, CLOSING_S)):
                    await self.over()
            except TimeoutError:
                pass
            finally:
                self.reset()
        else:
            self.reset()

    def __repr__(self) -> str:
        return f"<BusStream {self.name!r} with {self.peer}>"


def _check_count(count: int, least: int) -> int:
    if isinstance(count, bool) or not isinstance(count, int):
        raise MisuseTypeError(f"read: {count!r}; expected a number of bytes")
    if count < least:
        raise MisuseError(f"read: {count}; expected a number of bytes, {least} or more")
    return count


StreamHandler = Callable[[BusStream], Awaitable[None]]
