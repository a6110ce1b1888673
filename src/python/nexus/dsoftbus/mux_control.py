"""The frames of a session's streams besides data, while they wait to be sent.

They go before all data, in the order in which they were put, and credits behind them: a credit is
added to the one that waits for its stream, so that there are no more credits than streams.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from nexus.wire.mux import Credit

# A few for each stream there may be: a peer that opens more without reading is refused.
_FRAMES_MAX: Final = 1024


class ControlFrames:
    """One side's control frames and credits that are not sent yet."""

    __slots__ = ("_credits", "_frames")

    def __init__(self) -> None:
        """Hold none."""
        self._frames: deque[bytes] = deque()
        self._credits: dict[int, int] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether `take` has a frame."""
        return bool(self._frames or self._credits)

    @property
    def is_full(self) -> bool:
        """Whether as many frames wait as the peer may make us hold."""
        return len(self._frames) >= _FRAMES_MAX

    def put(self, frame: bytes) -> None:
        """Send a frame behind those that wait."""
        self._frames.append(frame)

    def add_credit(self, stream: int, count: int) -> None:
        """Let the peer send so many bytes more on a stream."""
        self._credits[stream] = self._credits.get(stream, 0) + count

    def drop_credit(self, stream: int) -> None:
        """Forget the credit of a stream that is over."""
        self._credits.pop(stream, None)

    def take(self) -> bytes | None:
        """Take the next frame; None: only data may wait."""
        if self._frames:
            return self._frames.popleft()
        if not self._credits:
            return None
        stream, count = next(iter(self._credits.items()))
        del self._credits[stream]
        return Credit(stream, count).encode()
